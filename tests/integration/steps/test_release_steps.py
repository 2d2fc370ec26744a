"""Deploy, verify, promote and withdraw with real model servers: killed, overtaken, and refused by the world around.

The tests run in order, in one home; each leaves one release that serves. Loading TensorFlow is what they cost.
"""

import itertools
import os
import shutil
import signal

import psycopg
import pytest
from e2e.world import make_models
from integration.serving.world import Running, ask, wait_until
from integration.steps.planting import AS_OF, registry_away
from integration.steps.steps_world import MODEL, STAGE, Home, pids

from shipway.image.building import build
from shipway.image.value import Options
from shipway.steps.prebuild import context_folder
from shipway.target.local.places import Places, read_json

pytestmark = pytest.mark.slow

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def home(fresh_url, tmp_path_factory):
    """A home with a supervisor, and with the images of versions 1 and 2."""
    one = Home.make(tmp_path_factory.mktemp("release") / "home", fresh_url())
    local = one.folder / "var" / "local"
    local.mkdir(parents=True)
    make_models(one.folder / "made")
    supervisor = Running(
        one.folder / "supervisor.log", "shipway.target.local.supervisor", "--home", local, "--stage", STAGE,
        "--router-port", 0, env={"SHIPWAY_GATEWAY_URL": one.url.replace("shipway_tasks", "shipway_gateway")},
    )  # fmt: skip
    try:
        wait_until(lambda: read_json(Places(local / STAGE).heartbeat), 30)
        first = one.start("register_directory", folder=str(one.folder / "made" / "steeper"), by="scientist").result()
        second = one.start("register_directory", folder=str(one.folder / "made" / "flatter"), by="scientist").result()
        one.built = _built(one, (first["version"], second["version"]))
        yield one
    finally:
        assert supervisor.end(40) == 0, supervisor.text()


def _built(home, versions):
    """Prebuild and build, all versions at once: each loads TensorFlow."""
    prebuilding = {version: home.start("prebuild", version=version) for version in versions}
    prebuilt = {version: attempt.result() for version, attempt in prebuilding.items()}
    return {version: {**one, **home.run("build", prebuilt=one)} for version, one in prebuilt.items()}


@pytest.fixture
def others_login(postgres):
    """Let the tasks' role in or not: an outage of the records for the tasks, and for nobody else."""

    def switch(word):
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE shipway_tasks {word}")
            if word == "NOLOGIN":
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shipway_tasks'"
                )

    yield switch
    switch("LOGIN")


class Run:
    """One run of the release workflow; each step is a process."""

    def __init__(self, home, number, built=None, *, put_back=None):
        self.home = home
        self.run_id = f"run-{next(_NUMBERS)}"
        self.returned = put_back is not None
        if put_back:
            self.release = put_back
            return
        evidence = home.run("gather", stage=STAGE, built=built or home.built[number], requested_by=self.run_id)
        home.approve(evidence, run_id=self.run_id)
        self.release = evidence["release"]

    def given(self, step):
        back = {"put_back": self.returned} if step in ("deploy", "promote") else {}
        return {"release_id": self.release, "run_id": self.run_id, **back}

    def do(self, step):
        return self.home.run(step, **self.given(step))

    def fail(self, step):
        return self.home.start(step, **self.given(step)).failure()

    def killed(self, step, *points):
        for point in points:
            self.home.killed(point, step, **self.given(step))

    def paused(self, step, point):
        return self.home.paused(point, step, **self.given(step))

    def wait_ready(self, staged):
        return self.home.run("wait_ready", staged=staged, run_id=self.run_id)

    def until_verified(self):
        self.wait_ready(self.do("deploy"))
        self.do("verify")
        return self

    def events(self):
        query = "SELECT DISTINCT event FROM shipway.release_event WHERE release = %s AND run_id = %s"
        return {row["event"] for row in self.home.rows(query, self.release, self.run_id)}


def served(home):
    """The one release that is left, with all traffic: by the target, by the records and by the alias."""
    wait_until(lambda: len(home.target()) == 1, 40)
    ((release, (state, weight, version, digest)),) = home.target().items()
    assert (state, weight) == ("ready", 100)
    rows = home.rows("SELECT release FROM shipway.release_event WHERE event = 'promoted' ORDER BY id DESC LIMIT 1")
    assert rows == [{"release": release}]
    assert digest == home.built[version]["image_digest"]
    return release, version


def answers(home):
    port = int(home.rooms.target(STAGE).observe(MODEL).endpoint.rpartition(":")[2])
    body = {"instances": [{"APPLICANT": "a", "INCOME": 0.5, "REGION": "north"}]}
    return ask(port, "POST", f"/v1/models/{MODEL}:predict", body)[1]["shipway"]["version"]


def test_a_first_release_whose_every_task_is_killed_everywhere_serves(home):
    run = Run(home, 1)
    run.killed("deploy", "deploy.leased", "deploy.staged", "deploy.recorded")
    run.wait_ready(run.do("deploy"))
    run.killed("verify", "verify.leased", "verify.recorded")
    assert run.do("verify")["requests"] == 4
    run.killed("promote", "promote.leased", "promote.shifted_100", "alias.moved", "promote.aliased")
    run.killed("promote", "promote.recorded", "promote.retired")
    result = run.do("promote")
    assert (result["release"], result["version"], result["previous"]) == (run.release, 1, None)
    assert served(home) == (run.release, 1)
    assert (home.aliases()["champion"], answers(home)) == (1, 1)
    assert run.events() == {"staged", "verified", "promoted"}
    assert home.state()["leases"] == []


@pytest.fixture(scope="module")
def disturbed(home):
    return {}


def left(home, run, result, *, new, old):
    """What a promotion left, with the versions as new and old."""
    release, version = served(home)
    assert (release, version) == (run.release, new)
    names = {new: "new", old: "old", None: None}
    return {
        "aliases": {name: names[at] for name, at in home.aliases().items()},
        "events": run.events(),
        "leases": home.state()["leases"],
        "result": (names[result["version"]], names[result["previous_version"]], bool(result["previous"])),
    }


def test_a_promotion_survives_kills_and_an_outage_of_the_records(home, disturbed, others_login):
    run = Run(home, 2)
    run.until_verified()
    attempt = run.paused("promote", "promote.shifted_10")
    others_login("NOLOGIN")
    attempt.go_on()
    assert attempt.failure().kind == "RecordsUnavailable"
    others_login("LOGIN")
    run.killed("promote", "promote.shifted_10", "promote.shifted_50", "promote.shifted_100", "alias.moved")
    run.killed("promote", "promote.aliased", "promote.recorded", "promote.retired")
    disturbed["left"] = left(home, run, run.do("promote"), new=2, old=1)


def test_the_same_promotion_undisturbed_leaves_the_same(home, disturbed):
    run = Run(home, 1).until_verified()
    assert left(home, run, run.do("promote"), new=1, old=2) == disturbed["left"]


def test_an_attempt_that_was_overtaken_changes_nothing(home):
    (two,) = [row["id"] for row in home.rows("SELECT id FROM shipway.release WHERE version = 2")]
    run = Run(home, 2, put_back=two)
    old = run.paused("deploy", "deploy.leased")
    run.wait_ready(run.do("deploy"))
    assert_overtaken(home, old)
    assert home.start("deploy", release_id=two, run_id="another run", put_back=True).failure().kind == "LeaseHeld"
    old = run.paused("verify", "verify.leased")
    run.do("verify")
    assert_overtaken(home, old)
    first, second = run.paused("promote", "promote.shifted_10"), run.paused("promote", "alias.moved")
    third = home.start("promote", **run.given("promote"))
    assert_overtaken(home, first)
    with pytest.raises(AssertionError, match="not within"):  # the alias is moving: nobody takes over meanwhile
        wait_until(lambda: third.process.poll() is not None, 2)
    assert second.go_on().failure().kind == "StaleFence"
    assert third.result()["version"] == 2
    assert served(home) == (two, 2)
    assert home.aliases()["champion"] == 2


def assert_overtaken(home, attempt):
    before = home.state()
    assert attempt.go_on().failure().kind == "StaleFence"
    assert home.state() == before


def test_without_the_registry_a_promotion_goes_back_also_when_its_old_attempt_lives(home):
    run = Run(home, 1).until_verified()
    back = registry_away(home)
    old = run.paused("promote", "withdraw.shifted")
    failure = run.fail("promote")
    assert failure.kind == "ReleaseFailed"
    assert "was not promoted, version 2 serves again" in failure.text
    assert_overtaken(home, old)
    back()
    assert served(home)[1] == 2
    assert (home.aliases()["champion"], answers(home), run.events() - {"failed"}) == (2, 2, {"staged", "verified"})
    before = home.state()
    settled = home.run("settle", stage=STAGE, release_id=run.release, run_id=run.run_id, why="promote failed")
    assert settled["settled"] is True
    assert home.state() == before


def test_without_the_registry_an_older_release_returns_and_the_alias_is_repaired_later(home):
    (one,) = [row["id"] for row in home.rows("SELECT id FROM shipway.release WHERE version = 1")]
    run = Run(home, 1, put_back=one).until_verified()
    back = registry_away(home)
    assert "the monitor repairs it" in run.do("promote")["alias"]
    assert served(home) == (one, 1)
    assert "could not be checked" in " ".join(home.run("measure", as_of=AS_OF)["repaired"])
    back()
    assert home.aliases()["champion"] == 2
    assert home.run("measure", as_of=AS_OF)["repaired"] == ["champion: 2 → 1"]
    assert home.aliases()["champion"] == 1


def test_a_release_whose_model_server_dies_for_good_gives_the_traffic_back(home):
    run = Run(home, 2).until_verified()
    server = pids(home, run.release)["model server"]
    shutil.rmtree(home.folder / "var" / "local" / STAGE / "releases" / run.release / "root" / "models")
    os.kill(server, signal.SIGKILL)
    failure = run.fail("promote")
    assert failure.kind == "ReleaseFailed"
    assert "version 1 serves again" in failure.text
    assert f"Release {run.release} is pending" in failure.text
    assert "the model server ended with code" in failure.text
    assert served(home)[1] == 1
    assert (home.aliases()["champion"], answers(home)) == (1, 1)
    assert "failed" in run.events()


def test_a_release_that_answers_otherwise_is_withdrawn_also_by_killed_attempts(home):
    run = Run(home, 2, altered(home))
    run.wait_ready(run.do("deploy"))
    run.killed("verify", "withdraw.recorded", "withdraw.shifted", "withdraw.retired")
    assert run.fail("verify").kind == "ReleaseFailed"
    assert served(home)[1] == 1
    assert run.events() == {"staged", "failed"}
    assert home.state()["leases"] == []


def altered(home):
    """Version 2 in an image whose golden answers are not its own."""
    rooms, built = home.rooms, home.built[2]
    context = home.folder / "altered"
    shutil.copytree(context_folder(rooms, built["content_digest"], 2), context)
    golden = context / "shipway" / "golden.json"
    golden.write_text(golden.read_text().replace('"score":0.', '"score":0.1'))
    options = Options(model=MODEL, version=2, content_digest=built["content_digest"])
    digest = build(context, options=options, layout=rooms.layout)
    assert digest != built["image_digest"]
    return {**built, "image": f"{rooms.layout.folder}@{digest}", "image_digest": digest}


def test_an_image_that_is_not_there_fails_with_the_log_and_is_withdrawn(home):
    digest = "sha256:" + "0" * 64
    run = Run(home, 2, {**home.built[2], "image": f"{home.rooms.layout.folder}@{digest}", "image_digest": digest})
    failure = home.start("wait_ready", staged=run.do("deploy"), run_id=run.run_id).failure()
    assert failure.kind == "ReleaseFailed"
    assert "cannot be unpacked and verified" in failure.text
    assert digest[:15] in failure.text
    assert served(home)[1] == 1
    assert home.state()["leases"] == []
