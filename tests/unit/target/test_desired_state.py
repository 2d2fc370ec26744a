import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.errors import StaleFence, TargetError
from shipway.target.contract import Launch
from shipway.target.local import desired
from shipway.target.local.desired import Desired

LAUNCH = Launch("r1", "m", 1, "sha256:c", "layout@sha256:i", "sha256:i", {"inputs": {"A": "number"}})


def test_what_is_written_is_read(tmp_path):
    file = tmp_path / "desired" / "m.json"
    assert desired.read(file) == Desired()
    wanted = replace(Desired(3).added(LAUNCH), weights={"r1": 100})
    assert desired.change(file, 3, lambda _: wanted) == wanted
    assert desired.read(file) == wanted


def test_a_lower_fence_is_refused_and_the_higher_one_kept(tmp_path):
    file = tmp_path / "m.json"
    desired.change(file, 5, lambda now: now)
    with pytest.raises(StaleFence, match="holds fence 4, but m was changed under fence 5"):
        desired.change(file, 4, lambda now: replace(now, weights={"r1": 100}))
    assert desired.read(file) == Desired(5)


def test_a_change_that_fails_leaves_the_file_as_it_was(tmp_path):
    file = tmp_path / "m.json"
    desired.change(file, 1, lambda now: replace(now, weights={"r1": 100}))
    before = file.read_bytes()
    with pytest.raises(ZeroDivisionError):
        desired.change(file, 2, lambda _: 1 / 0)
    assert file.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.json", "m.lock"]


def test_racing_changes_lose_nothing(tmp_path):
    file = tmp_path / "m.json"

    def add(name):
        desired.change(file, 1, lambda now: now.added(replace(LAUNCH, release=name)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, [f"r{number}" for number in range(40)]))
    assert len(desired.read(file).releases) == 40
    json.loads(file.read_bytes())


def test_a_release_has_one_life_from_staging_to_retiring():
    first = Desired().added(LAUNCH)
    assert first.added(LAUNCH) == first
    assert first.removed("r1") == Desired()
    assert first.removed("r1").added(LAUNCH).lives != first.lives


@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_the_fence_only_rises(tmp_path_factory, fences):
    file = tmp_path_factory.mktemp("fences") / "m.json"
    highest = 0
    for fence in fences:
        if fence < highest:
            with pytest.raises(StaleFence):
                desired.change(file, fence, lambda now: now)
        else:
            highest = desired.change(file, fence, lambda now: now).fence
        assert desired.read(file).fence == highest


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"fence": 1, "releases": {"r1": {}}, "weights": {}, "lives": {}}', "TypeError"),
        ('{"fence": 1, "releases": {}, "weights": {}', "JSONDecodeError"),
        ("[]", "TypeError"),
    ],
)
def test_a_file_that_is_no_state_says_so_and_what_to_do(tmp_path, content, found):
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(TargetError, match=rf"m\.json is no desired state .*\({found}: .*Stop the supervisor, move"):
        desired.read(tmp_path / "m.json")


def test_a_state_of_releases_without_lives_is_refused_with_a_hint(tmp_path):
    file = tmp_path / "m.json"
    desired.change(file, 1, lambda now: now.added(LAUNCH))
    content = json.loads(file.read_bytes())
    del content["lives"]
    file.write_text(json.dumps(content))
    with pytest.raises(TargetError, match="KeyError: 'lives'") as caught:
        desired.read(file)
    assert (caught.value.data["file"], caught.value.hint.startswith("Stop the supervisor")) == (str(file), True)
