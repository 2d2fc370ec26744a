"""What every target must do. A new kind of target joins by a parameter of the fixture ``rig``.

A rig has: ``target``; ``launch(release, saved_model, version=…)``, the launch of an image with that SavedModel, or of
an image with a broken layer where there is none.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from integration.serving import world

from shipway.errors import StaleFence, TargetError, TargetUnavailable

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(rig, saved_models, fence, until_state):
    """Two ready releases of hmeq: hmeq-1 and hmeq-2."""
    launches = [rig.launch(f"hmeq-{number}", saved_models[number - 1], version=number) for number in (1, 2)]
    for launch in launches:
        rig.target.stage(launch, fence=fence())
    for launch in launches:
        assert until_state(rig.target, "hmeq", launch.release, "ready", "failed").state == "ready"
    return launches


def post(endpoint, entity, key=None):
    instance = {"ENTITY": entity, "LOAN": 1} | ({"KEY": key} if key else {})
    port = int(endpoint.rpartition(":")[2])
    return world.ask(port, "POST", "/v1/models/hmeq:predict", {"instances": [instance]})


def test_an_unknown_model_has_nothing(rig):
    assert rig.target.observe("unknown").releases == {}
    assert rig.target.probe("unknown", "none").state == "failed"


def test_a_staged_release_answers_at_its_own_endpoint_only(rig, two, fence):
    rig.target.shift("hmeq", {}, fence=fence())
    seen = rig.target.observe("hmeq")
    assert seen.weights == {}
    assert {one.image_digest for one in seen.releases.values()} == {launch.image_digest for launch in two}
    assert post(rig.target.probe("hmeq", "hmeq-2").endpoint, "a")[1]["shipway"]["version"] == 2
    assert post(seen.endpoint, "a")[0] == 503


def test_staging_again_changes_nothing(rig, two, fence):
    before = rig.target.observe("hmeq").releases
    rig.target.stage(two[0], fence=fence())
    time.sleep(0.5)
    assert rig.target.observe("hmeq").releases == before


def test_another_release_under_the_same_id_is_refused(rig, two, fence):
    with pytest.raises(TargetError, match="other options"):
        rig.target.stage(replace(two[0], version=9), fence=fence())


def test_traffic_follows_the_weights(rig, two, fence):
    rig.target.shift("hmeq", {"hmeq-1": 75, "hmeq-2": 25}, fence=fence())
    seen = rig.target.observe("hmeq")
    assert seen.weights == {"hmeq-1": 75, "hmeq-2": 25}
    answers = Counter(post(seen.endpoint, f"w{number}")[1]["shipway"]["release"] for number in range(40))
    assert answers == {"hmeq-1": 30, "hmeq-2": 10}


@pytest.mark.parametrize("weights", [{"hmeq-1": 99}, {"hmeq-1": 150, "hmeq-2": -50}, {"hmeq-9": 100}])
def test_weights_that_cannot_be_are_refused(rig, two, fence, weights):
    before = rig.target.observe("hmeq").weights
    with pytest.raises(TargetError):
        rig.target.shift("hmeq", weights, fence=fence())
    assert rig.target.observe("hmeq").weights == before


def test_an_attempt_that_was_overtaken_changes_nothing(rig, two, fence):
    old, new = fence(), fence()
    rig.target.shift("hmeq", {"hmeq-1": 100}, fence=new)
    with pytest.raises(StaleFence):
        rig.target.shift("hmeq", {"hmeq-2": 100}, fence=old)
    with pytest.raises(StaleFence):
        rig.target.retire("hmeq", "hmeq-2", fence=old)
    with pytest.raises(StaleFence):
        rig.target.stage(replace(two[0], release="hmeq-3"), fence=old)
    seen = rig.target.observe("hmeq")
    assert (seen.weights, set(seen.releases), seen.fence) == ({"hmeq-1": 100}, {"hmeq-1", "hmeq-2"}, new)


def test_a_release_with_traffic_is_not_retired(rig, two, fence):
    rig.target.shift("hmeq", {"hmeq-1": 100}, fence=fence())
    with pytest.raises(TargetError, match="still gets 100 %"):
        rig.target.retire("hmeq", "hmeq-1", fence=fence())
    rig.target.retire("hmeq", "never-was", fence=fence())
    assert rig.target.probe("hmeq", "hmeq-1").state == "ready"


def test_a_broken_layer_fails_with_the_tail_of_the_log_and_gets_no_traffic(rig, two, fence, until_state):
    rig.target.shift("hmeq", {"hmeq-1": 100}, fence=fence())
    rig.target.stage(rig.launch("hmeq-broken", version=3), fence=fence())
    probe = until_state(rig.target, "hmeq", "hmeq-broken", "ready", "failed")
    assert (probe.state, "is not what its digest says" in probe.reason) == ("failed", True)
    assert rig.target.observe("hmeq").releases["hmeq-broken"].image_digest == ""
    with pytest.raises(TargetUnavailable, match="hmeq-broken is failed"):
        rig.target.shift("hmeq", {"hmeq-broken": 100}, fence=fence())
    assert rig.target.observe("hmeq").weights == {"hmeq-1": 100}
    rig.target.shift("hmeq", {"hmeq-1": 100}, fence=fence())
    rig.target.retire("hmeq", "hmeq-broken", fence=fence())
    world.wait_until(lambda: "hmeq-broken" not in rig.target.observe("hmeq").releases, 30)


def test_a_failed_release_gets_another_try_when_it_is_retired_and_staged_again(rig, two, fence, until_state):
    launch = rig.launch("hmeq-again", version=4)
    rig.target.stage(launch, fence=fence())
    assert until_state(rig.target, "hmeq", "hmeq-again", "failed").state == "failed"
    rig.target.retire("hmeq", "hmeq-again", fence=fence())
    rig.target.stage(launch, fence=fence())
    assert rig.target.probe("hmeq", "hmeq-again").state == "pending"
    assert until_state(rig.target, "hmeq", "hmeq-again", "failed").state == "failed"
    rig.target.retire("hmeq", "hmeq-again", fence=fence())


def test_no_request_fails_while_traffic_moves_and_the_old_release_goes(rig, two, fence):
    rig.target.shift("hmeq", {"hmeq-1": 100}, fence=fence())
    endpoint = rig.target.observe("hmeq").endpoint
    stop = threading.Event()

    def client(number):
        statuses = Counter()
        while not stop.wait(0.08):
            status, answer, _ = post(endpoint, f"c{number}")
            statuses[status, answer["shipway"]["release"] if status == 200 else str(answer)] += 1
        return statuses

    with ThreadPoolExecutor(4) as clients:  # together about 50 requests a second
        running = [clients.submit(client, number) for number in range(4)]
        for share in (10, 50, 100):
            rig.target.shift("hmeq", {"hmeq-1": 100 - share, "hmeq-2": share}, fence=fence())
            time.sleep(1)
        rig.target.retire("hmeq", "hmeq-1", fence=fence())
        world.wait_until(lambda: "hmeq-1" not in rig.target.observe("hmeq").releases, 40)
        time.sleep(0.5)
        stop.set()
        total = sum((one.result() for one in running), Counter())
    assert set(total) == {(200, "hmeq-1"), (200, "hmeq-2")}
    assert sum(total.values()) > 60
