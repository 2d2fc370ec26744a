import hashlib
import os
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipway.errors import ImageError
from shipway.image.layer import write_layer

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=40).filter(
    lambda name: name not in {".", ".."} and not name.startswith(".wh.") and len(name.encode()) < 200
)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=4).map(tuple), st.binary(max_size=600), min_size=1, max_size=6
).filter(lambda tree: not any(one != other and other[: len(one)] == one for one in tree for other in tree))


def plant(tree, folder, order):
    for path in order(tree):
        place = folder.joinpath(*path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(tree[path])
    return folder


@given(TREES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_bytes_depend_on_names_and_contents_only(tmp_path_factory, tree):
    tmp_path = tmp_path_factory.mktemp("layer")
    one = plant(tree, tmp_path / "one", sorted)
    two = plant(tree, tmp_path / "two", lambda paths: sorted(paths, reverse=True))
    (two / "empty-folder").mkdir(exist_ok=True)
    for place in two.rglob("*"):
        os.utime(place, (1, 1))
        place.chmod(0o700)
    layer = write_layer(one, tmp_path / "one.tar")
    assert write_layer(two, tmp_path / "two.tar") == layer
    data = (tmp_path / "one.tar").read_bytes()
    assert (layer.digest, layer.size) == ("sha256:" + hashlib.sha256(data).hexdigest(), len(data))


@given(TREES, TREES)
@settings(max_examples=40, deadline=None)
def test_other_files_make_another_layer(tmp_path_factory, one, two):
    tmp_path = tmp_path_factory.mktemp("layer")
    digests = [
        write_layer(plant(tree, tmp_path / name, sorted), tmp_path / f"{name}.tar").digest
        for name, tree in (("one", one), ("two", two))
    ]
    assert (digests[0] == digests[1]) is (one == two)


def test_entries_are_sorted_owned_by_nobody_and_readable_by_everybody(make_context, tmp_path):
    context = make_context()
    (context / ("ü" * 60) / ("long" * 30)).mkdir(parents=True)
    (context / ("ü" * 60) / ("long" * 30) / "file").write_bytes(b"x")
    layer = write_layer(context, tmp_path / "layer")
    assert layer.media_type == "application/vnd.oci.image.layer.v1.tar"
    with tarfile.open(tmp_path / "layer") as tar:
        entries = tar.getmembers()
    names = [entry.name for entry in entries]
    assert names[:4] == ["models", "models/hmeq", "models/hmeq/3", "models/hmeq/3/saved_model.pb"]
    assert names[-1] == "ü" * 60 + "/" + "long" * 30 + "/file"
    assert [name.split("/") for name in names] == sorted(name.split("/") for name in names)
    assert {(entry.uid, entry.gid, entry.uname, entry.gname, entry.mtime) for entry in entries} == {(0, 0, "", "", 0)}
    assert {(entry.isdir(), entry.mode) for entry in entries} == {(True, 0o755), (False, 0o644)}


def test_the_bytes_are_those_of_every_machine_and_release(tmp_path):
    """A digest written down once: a change of format would rebuild every image."""
    (tmp_path / "context" / "a").mkdir(parents=True)
    (tmp_path / "context" / "a" / "é").write_bytes(b"hello")
    digest = write_layer(tmp_path / "context", tmp_path / "layer").digest
    assert digest == "sha256:d463cae7aa04cefc83b64f43f12f3d51ace68baec0ce1ec1bc2d576453d6cec7"


@pytest.mark.parametrize("kind", ["link", "folder link", "dangling", "pipe"])
def test_links_and_special_files_are_refused(make_context, tmp_path, kind):
    place = make_context() / "models" / "odd"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to({"link": "/etc/hostname", "folder link": "/etc", "dangling": "nowhere"}[kind])
    with pytest.raises(ImageError, match="models/odd"):
        write_layer(tmp_path / "context", tmp_path / "layer")


@pytest.mark.parametrize("name", [".wh.secrets", os.fsdecode(b"caf\xe9")])
def test_names_that_would_mean_something_else_are_refused(make_context, tmp_path, name):
    (make_context() / name).write_bytes(b"")
    with pytest.raises(ImageError, match="Rename"):
        write_layer(tmp_path / "context", tmp_path / "layer")


@pytest.mark.parametrize("made", [True, False])
def test_a_context_without_files_is_refused(tmp_path, made):
    if made:
        (tmp_path / "context" / "models").mkdir(parents=True)
    with pytest.raises(ImageError, match="context"):
        write_layer(tmp_path / "context", tmp_path / "layer")
