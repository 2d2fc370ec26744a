"""Whatever somebody does to the stored bytes, a download notices and leaves nothing behind."""

import json

import pytest

from shipway.errors import DigestMismatch, RegistryError, UnsafePath
from shipway.registry.manifest import File, canonical, content_digest
from shipway.registry.objectstore import ObjectStoreRegistry

PATHS = ["golden.json", "signature.json", "model/saved_model.pb", "model/variables/data"]


def alter(data):
    return data[:-1] + bytes([data[-1] ^ 1])


def truncate(data):
    return data[:-1]


def lengthen(data):
    return data + b"\0"


@pytest.fixture
def filled(store, make_version, proposal):
    ObjectStoreRegistry(store).register("hmeq", make_version(), proposal)
    return ObjectStoreRegistry(store)


def change(store, key, how):
    blob = store.read(key)
    if how is None:
        assert store.remove(key, etag=blob.etag)
    else:
        assert store.replace(key, how(blob.data), etag=blob.etag)


@pytest.mark.parametrize(
    "how", [alter, truncate, lengthen, None], ids=["altered", "truncated", "lengthened", "removed"]
)
@pytest.mark.parametrize("path", PATHS)
def test_a_changed_file_is_named_and_no_folder_is_left(store, filled, tmp_path, path, how):
    change(store, f"hmeq/files/1/{path}", how)
    (tmp_path / "got").mkdir()
    with pytest.raises(DigestMismatch) as caught:
        filled.download("hmeq", 1, tmp_path / "got")
    assert caught.value.data["path"] == path
    assert path in str(caught.value)
    assert not (tmp_path / "got").exists()
    assert not list(tmp_path.glob(".shipway*"))


def test_every_single_changed_byte_of_a_manifest_is_noticed(store, filled):
    original = store.read("hmeq/manifests/1.json").data
    for at in range(len(original)):
        changed = original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :]
        change(store, "hmeq/manifests/1.json", lambda _, changed=changed: changed)
        with pytest.raises(DigestMismatch):
            filled.get("hmeq", 1)


def rewritten(data, **changes):
    """Return a manifest made by hand, with a digest that fits."""
    import hashlib

    manifest = json.loads(data)["manifest"] | changes
    files = [File(**file) for file in manifest["files"]]
    if "content_digest" not in changes:
        manifest["content_digest"] = content_digest(files)
    digest = "sha256:" + hashlib.sha256(canonical(manifest)).hexdigest()
    return canonical({"digest": digest, "manifest": manifest})


@pytest.mark.parametrize("path", ["../evil", "/tmp/evil", "model/../../evil", "model/./x", "", "."])
def test_a_hand_made_manifest_cannot_leave_the_folder(store, filled, tmp_path, path):
    files = [{"path": path, "size": 0, "sha256": "0" * 64}]
    change(store, "hmeq/manifests/1.json", lambda data: rewritten(data, files=files))
    with pytest.raises(UnsafePath):
        filled.download("hmeq", 1, tmp_path / "deep" / "got")
    assert not list(tmp_path.rglob("evil*"))
    assert not (tmp_path / "deep" / "got").exists()


@pytest.mark.parametrize("paths", [["a", "a"], ["a", "a/b"]])
def test_a_hand_made_manifest_cannot_name_a_path_twice(store, filled, tmp_path, paths):
    files = [{"path": path, "size": 0, "sha256": "0" * 64} for path in paths]
    change(store, "hmeq/manifests/1.json", lambda data: rewritten(data, files=files))
    with pytest.raises(UnsafePath, match="twice"):
        filled.download("hmeq", 1, tmp_path / "got")


@pytest.mark.parametrize("changes", [{"version": 2}, {"model": "other"}, {"content_digest": "sha256:00"}])
def test_a_manifest_of_something_else_is_refused(store, filled, changes):
    change(store, "hmeq/manifests/1.json", lambda data: rewritten(data, **changes))
    with pytest.raises(DigestMismatch):
        filled.get("hmeq", 1)


def test_an_unreadable_alias_is_named(store, filled):
    filled.move_alias("hmeq", "champion", 1, expected=None)
    change(store, "hmeq/aliases/champion.json", lambda _: b"[]")
    with pytest.raises(RegistryError, match="hmeq@champion"):
        filled.alias("hmeq", "champion")
