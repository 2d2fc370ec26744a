"""A registration that is killed anywhere leaves nothing that anybody sees, and nothing in anybody's way."""

import itertools
import os
import signal

import pytest

from shipway.errors import AliasConflict
from shipway.registry.manifest import scan
from shipway.registry.objectstore import ObjectStoreRegistry


class DyingStore:
    """A store whose process is killed before, or after, its n-th call."""

    def __init__(self, store, calls, *, after):
        self._store, self._left, self._after = store, calls, after

    def __getattr__(self, name):
        def call(*arguments, **options):
            self._left -= 1
            if self._left == 0 and not self._after:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = getattr(self._store, name)(*arguments, **options)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_call_of_a_registration(store_factory, make_version, proposal, in_child, tmp_path, after):
    source, registry = make_version(), ObjectStoreRegistry(store_factory())
    given = set()
    for calls in itertools.count(1):
        before = registry.versions("hmeq")
        dying = ObjectStoreRegistry(DyingStore(store_factory(), calls, after=after))
        code = in_child(lambda dying=dying: dying.register("hmeq", source, proposal))
        complete = registry.versions("hmeq")
        fresh = registry.register("hmeq", source, proposal).version
        assert fresh not in given
        assert fresh > max(complete, default=0)
        given |= {fresh, *complete}
        for number in registry.versions("hmeq"):
            registry.download("hmeq", number, tmp_path / f"got-{calls}-{number}")
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert len(complete) - len(before) in ({0, 1} if after else {0})
    assert calls == 8  # list, claim, four files, manifest; the eighth never comes


@pytest.mark.parametrize("place", range(1, 16))
def test_killed_at_every_flush_to_the_disk(store_factory, make_version, proposal, in_child, tmp_path, place):
    source, registry = make_version(), ObjectStoreRegistry(store_factory())

    def register_and_die():
        left, flush = itertools.count(1), os.fsync

        def dying_flush(descriptor):
            if next(left) == place:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(descriptor)

        os.fsync = dying_flush
        registry.register("hmeq", source, proposal)

    assert in_child(register_and_die) == -signal.SIGKILL
    for number in registry.versions("hmeq"):
        registry.download("hmeq", number, tmp_path / f"before-{number}")
    fresh = registry.register("hmeq", source, proposal).version
    assert registry.versions("hmeq")[-1] == fresh
    registry.download("hmeq", fresh, tmp_path / "got")
    assert scan(tmp_path / "got") == scan(source)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_an_alias_whose_mover_was_killed_can_be_moved_by_the_next(
    store_factory, make_version, proposal, in_child, calls, after
):
    source, registry = make_version(), ObjectStoreRegistry(store_factory())
    one, two = (registry.register("hmeq", source, proposal).version for _ in range(2))
    registry.move_alias("hmeq", "champion", one, expected=None)
    dying = ObjectStoreRegistry(DyingStore(store_factory(), calls, after=after))
    killed = in_child(lambda: dying.move_alias("hmeq", "champion", two, expected=one))
    assert killed == -signal.SIGKILL
    assert registry.alias("hmeq", "champion") == (two if (calls, after) == (3, True) else one)
    registry.move_alias("hmeq", "champion", two, expected=one)
    assert registry.alias("hmeq", "champion") == two
    with pytest.raises(AliasConflict):
        registry.move_alias("hmeq", "champion", None, expected=one)


def test_a_killed_download_is_cleared_away_by_the_next(store_factory, make_version, proposal, in_child, tmp_path):
    source, registry = make_version(), ObjectStoreRegistry(store_factory())
    registry.register("hmeq", source, proposal)
    dying = ObjectStoreRegistry(DyingStore(store_factory(), 4, after=False))
    assert in_child(lambda: dying.download("hmeq", 1, tmp_path / "got")) == -signal.SIGKILL
    assert len(list(tmp_path.glob(".shipway-partial-*"))) == 1
    assert not (tmp_path / "got").exists()
    registry.download("hmeq", 1, tmp_path / "got")
    assert scan(tmp_path / "got") == scan(source)
    assert not list(tmp_path.glob(".shipway-partial-*"))
