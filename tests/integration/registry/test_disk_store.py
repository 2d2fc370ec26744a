"""What is particular to the store on disk: links that somebody planted, and leftovers."""

import os
import signal

import pytest

from shipway.errors import UnsafePath
from shipway.registry.disk import DiskStore


@pytest.fixture
def store(tmp_path):
    return DiskStore(tmp_path / "store")


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


def test_a_planted_link_in_place_of_an_object_is_refused(store, outside, tmp_path):
    store.create("m/a", b"")
    (tmp_path / "store/objects/m/b").symlink_to(outside / "secret")
    for use in (
        lambda: store.read("m/b"),
        lambda: store.fetch("m/b", tmp_path / "copy"),
        lambda: store.create("m/b", b"x"),
        lambda: store.replace("m/b", b"x", etag=None),
        lambda: store.remove("m/b", etag="x"),
        lambda: store.keys("m/"),
    ):
        with pytest.raises(UnsafePath):
            use()
    assert (outside / "secret").read_bytes() == b"secret"
    assert not (tmp_path / "copy").exists()


def test_a_planted_link_in_place_of_a_folder_is_refused(store, outside, tmp_path):
    store.create("m/a", b"")
    (tmp_path / "store/objects/n").symlink_to(outside)
    for use in (
        lambda: store.read("n/secret"),
        lambda: store.create("n/new", b"x"),
        lambda: store.keys("n/"),
        lambda: store.keys(""),
    ):
        with pytest.raises(UnsafePath):
            use()
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_planted_link_in_place_of_all_objects_is_refused(store, outside, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/objects").symlink_to(outside)
    with pytest.raises(UnsafePath):
        store.read("secret")


def test_a_planted_pipe_makes_nobody_wait(store, tmp_path):
    store.create("m/a", b"")
    os.mkfifo(tmp_path / "store/objects/m/pipe")
    with pytest.raises(UnsafePath):
        store.read("m/pipe")


def test_the_leftover_of_a_killed_writer_is_cleared_away_by_the_next(store, in_child, tmp_path):
    def write_and_die():
        os.link = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        store.create("a", b"half")

    store.create("first", b"")
    assert in_child(write_and_die) == -signal.SIGKILL
    assert len(os.listdir(tmp_path / "store/partial")) == 1
    store.create("b", b"whole")
    assert os.listdir(tmp_path / "store/partial") == []


def test_what_a_living_writer_holds_is_not_cleared_away(store, tmp_path):
    from shipway.partial import partial_file

    store.create("first", b"")
    with partial_file(tmp_path / "store/partial") as (_, path):
        store.create("second", b"")
        assert path.exists()
    assert not path.exists()
