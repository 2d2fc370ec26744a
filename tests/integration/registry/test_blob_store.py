"""What every object store below ObjectStoreRegistry must do."""

import os
import signal

import pytest

from shipway.errors import DigestMismatch, UnsafePath

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_an_object_is_created_once(store, tmp_path):
    assert store.create("a/b", b"hello", sha256=HELLO)
    assert not store.create("a/b", b"other")
    assert store.read("a/b").data == b"hello"
    assert store.fetch("a/b", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"hello"


def test_what_is_not_there_is_not_there(store, tmp_path):
    assert store.read("a/b") is None
    assert not store.fetch("a/b", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert store.keys("") == []
    assert store.keys("a/") == []
    assert not store.remove("a/b", etag="x")


def test_bytes_with_another_digest_are_not_stored(store, tmp_path):
    (tmp_path / "file").write_bytes(b"hallo")
    with pytest.raises(DigestMismatch):
        store.create("a/b", tmp_path / "file", sha256=HELLO)
    assert store.keys("") == []


def test_replace_and_remove_need_the_present_tag(store):
    assert not store.replace("a", b"2", etag="unknown")
    assert store.replace("a", b"1", etag=None)
    assert not store.replace("a", b"2", etag=None)
    first = store.read("a")
    assert store.replace("a", b"2", etag=first.etag)
    assert not store.replace("a", b"3", etag=first.etag)
    assert not store.remove("a", etag=first.etag)
    assert store.remove("a", etag=store.read("a").etag)
    assert store.read("a") is None
    assert store.create("a", b"4")


def test_keys_are_those_that_start_with_the_prefix(store):
    for key in ("m/n/1", "m/n/10", "m/n/2/deep", "mm/x", "m/other"):
        store.create(key, b"")
    assert store.keys("m/n/1") == ["m/n/1", "m/n/10"]
    assert store.keys("m/n/") == ["m/n/1", "m/n/10", "m/n/2/deep"]
    assert store.keys("m") == ["m/n/1", "m/n/10", "m/n/2/deep", "m/other", "mm/x"]


@pytest.mark.parametrize("key", ["../x", "/x", "a/../../x", "", "a//b", "."])
def test_keys_that_leave_the_store_are_refused(store, key):
    for use in (lambda: store.create(key, b""), lambda: store.read(key), lambda: store.replace(key, b"", etag=None)):
        with pytest.raises(UnsafePath):
            use()


def test_a_symbolic_link_is_no_source(store, tmp_path):
    (tmp_path / "file").write_bytes(b"hello")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(UnsafePath):
        store.create("a", tmp_path / "link")
    assert store.keys("") == []


def test_racing_creators_have_one_winner_and_a_whole_object(store_factory, race):
    wins = race(lambda number: store_factory().create("a/b", bytes([number]) * 100_000))
    assert sum(wins) == 1
    data = store_factory().read("a/b").data
    assert data == data[:1] * 100_000


def test_racing_replacers_lose_no_update(store_factory, race):
    store_factory().create("count", b"0")

    def add_one(_):
        store = store_factory()
        while True:
            blob = store.read("count")
            if store.replace("count", str(int(blob.data) + 1).encode(), etag=blob.etag):
                return True

    assert race(add_one) == [True] * 16
    assert store_factory().read("count").data == b"16"


def test_a_writer_that_is_killed_before_its_bytes_are_on_disk_leaves_nothing_visible(store_factory, in_child):
    def write_and_die():
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        store_factory().create("a", b"half")

    store = store_factory()
    assert store.create("other", b"")
    assert in_child(write_and_die) == -signal.SIGKILL
    assert store.read("a") is None
    assert store.keys("") == ["other"]
    assert store.create("a", b"whole")


def test_a_dead_replacer_holds_no_lock(store_factory, in_child):
    def replace_and_die():
        os.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        store = store_factory()
        store.replace("a", b"2", etag=store.read("a").etag)

    store = store_factory()
    store.create("a", b"1")
    assert in_child(replace_and_die) == -signal.SIGKILL
    assert store.read("a").data == b"1"
    assert store.replace("a", b"3", etag=store.read("a").etag)
