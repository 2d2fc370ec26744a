import pytest
from integration.serving import world

pytestmark = pytest.mark.slow


def test_a_release_comes_up_takes_traffic_and_goes(local_world, saved_models, until_state):
    target = local_world.target
    target.stage(local_world.launch("hmeq-a", saved_models[0]), fence=1)
    assert until_state(target, "hmeq", "hmeq-a", "ready", "failed").state == "ready"
    assert target.observe("hmeq").weights == {}
    target.shift("hmeq", {"hmeq-a": 100}, fence=1)
    seen = target.observe("hmeq")
    assert seen.weights == {"hmeq-a": 100}
    assert seen.releases["hmeq-a"].image_digest == "sha256:image1"
    port = int(seen.endpoint.rpartition(":")[2])
    status, answer, headers = world.ask(
        port, "POST", "/v1/models/hmeq:predict", {"instances": [{"ENTITY": "x", "LOAN": 1}]}
    )
    assert (status, headers["X-Shipway-Release"], answer["shipway"]["release"]) == (200, "hmeq-a", "hmeq-a")
    target.shift("hmeq", {}, fence=2)
    target.retire("hmeq", "hmeq-a", fence=2)
    world.wait_until(lambda: not target.observe("hmeq").releases, 30)
