"""Build, store, read back: with real processes, on a real disk."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import shipway
from shipway.errors import ImageError
from shipway.image.base import base_from
from shipway.image.building import build
from shipway.image.layout import Layout
from shipway.image.reading import read_file

LIBRARY = Path(shipway.__file__).parent.parent

#: Builds in a fresh interpreter, with the readdir order turned round.
BUILDER = """
import os, sys
from pathlib import Path
walk = os.walk
os.walk = lambda *a, **k: ((f, d.reverse() or d, n[::-1]) for f, d, n in walk(*a, **k))
from shipway.image.building import build
from shipway.image.layout import Layout
from shipway.image.value import Options
os.umask(0o077)
options = Options(model="hmeq", version=3, content_digest=sys.argv[3])
sys.stdout.write(build(Path(sys.argv[1]), options=options, layout=Layout(Path(sys.argv[2]))))
"""


def state(folder):
    """Everything that a write would change: content places, inodes and times."""
    return {
        str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_another_process_elsewhere_builds_the_same_digest(make_context, options, layout, tmp_path):
    digest = build(make_context("one"), options=options, layout=layout)
    other = make_context("two")
    for path in other.rglob("*"):
        os.utime(path, (1_000_000, 1_000_000))
        path.chmod(0o700)
    (tmp_path / "elsewhere").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", BUILDER, "../two", "layout", options.content_digest],
        cwd=tmp_path / "elsewhere",
        env={
            **os.environ,
            "PYTHONPATH": str(LIBRARY),
            "TZ": "Asia/Tokyo",
            "PYTHONHASHSEED": "7",
            "SOURCE_DATE_EPOCH": "99",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == digest, done.stderr


@pytest.mark.parametrize("weights", [b"Weights", b"weight", b"weights\0"])
def test_other_weights_make_another_image(make_context, options, layout, weights):
    digests = {
        build(make_context("one"), options=options, layout=layout),
        build(make_context("two", weights=weights), options=options, layout=layout),
    }
    assert len(digests) == 2


def test_building_again_writes_nothing(context, options, layout):
    digest = build(context, options=options, layout=layout)
    before = state(layout.folder)
    assert build(context, options=options, layout=layout) == digest
    assert state(layout.folder) == before
    assert sorted(os.listdir(layout.folder)) == ["blobs", "index.json", "oci-layout"]


def test_building_again_heals_a_damaged_blob(context, options, layout):
    digest = build(context, options=options, layout=layout)
    for blob in (layout.folder / "blobs/sha256").iterdir():
        blob.write_bytes(b"damaged")
    assert build(context, options=options, layout=layout) == digest
    layout.verify(digest)


def test_what_was_built_can_be_unpacked_and_read(context, options, layout, tmp_path):
    digest = build(context, options=options, layout=layout)
    layout.unpack(digest, tmp_path / "unpacked")
    for path in [path for path in context.rglob("*") if path.is_file()]:
        assert (tmp_path / "unpacked" / path.relative_to(context)).read_bytes() == path.read_bytes()
    assert json.loads(read_file(layout, digest, "shipway/release.json"))["version"] == 3
    assert layout.tags() == {"3": digest}


def test_a_base_lies_under_the_model(context, options, layout, make_base, tmp_path, manifest_of):
    base = base_from(make_base(), "latest")
    digest = build(context, options=options, layout=layout, base=base)
    manifest = manifest_of(layout, digest)
    assert len(manifest["layers"]) == 2
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == base.digest
    layout.unpack(digest, tmp_path / "all")
    assert (tmp_path / "all/etc/os-release").read_bytes() == b"ID=test"
    assert (tmp_path / "all/models/hmeq/3/saved_model.pb").read_bytes() == b"graph"
    layout.unpack(digest, tmp_path / "mine", below=["models", "shipway"])
    assert sorted(os.listdir(tmp_path / "mine")) == ["models", "shipway"]
    assert read_file(layout, digest, "models/README") == b"from the base"
    before = state(layout.folder)
    assert build(context, options=options, layout=layout, base=base) == digest
    assert state(layout.folder) == before


def test_a_base_is_found_by_tag_by_digest_and_alone(make_base):
    folder = make_base()
    base = base_from(folder)
    assert base_from(folder, "latest") == base_from(folder, base.digest) == base
    with pytest.raises(ImageError, match="no image 'newest'"):
        base_from(folder, "newest")
    with pytest.raises(ImageError, match="not an OCI layout"):
        base_from(folder / "nowhere", "latest")


def test_an_altered_base_is_refused(context, options, layout, make_base):
    folder = make_base()
    base = base_from(folder)
    (blob,) = [folder / "blobs/sha256" / layer.digest.removeprefix("sha256:") for layer in base.layers]
    blob.write_bytes(blob.read_bytes()[:-1] + b"\xff")
    with pytest.raises(ImageError, match=base.layers[0].digest):
        build(context, options=options, layout=layout, base=base)
    assert layout.tags() == {}


@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
@pytest.mark.parametrize("how", ["altered", "cut off", "removed"])
def test_a_damaged_blob_is_named_and_nothing_is_unpacked(context, options, layout, tmp_path, which, how):
    digest = build(context, options=options, layout=layout)
    image = layout.open(digest)
    damaged = {
        "manifest": digest,
        "config": json.loads(image.manifest)["config"]["digest"],
        "layer": image.layers[0].digest,
    }[which]
    blob = layout.folder / "blobs/sha256" / damaged.removeprefix("sha256:")
    data = blob.read_bytes()
    blob.unlink()
    if how != "removed":
        blob.write_bytes(data[:-1] if how == "cut off" else data[:-1] + bytes([data[-1] ^ 1]))
    for use in (layout.verify, lambda digest: layout.unpack(digest, tmp_path / "unpacked")):
        with pytest.raises(ImageError, match=damaged):
            use(digest)
    with pytest.raises(ImageError):
        read_file(layout, digest, "shipway/golden.json" if which != "config" else "nowhere")
    assert not (tmp_path / "unpacked").exists()
    assert not list(tmp_path.glob(".shipway*"))


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "latest", "", "sha256:" + "A" * 64])
def test_what_is_no_digest_is_refused(layout, digest):
    with pytest.raises(ImageError, match="not a digest"):
        layout.open(digest)


def test_a_folder_that_holds_something_is_not_unpacked_into(context, options, layout, tmp_path):
    digest = build(context, options=options, layout=layout)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis").write_text("precious")
    with pytest.raises(ImageError, match="not a new or empty"):
        layout.unpack(digest, tmp_path / "mine")
    assert os.listdir(tmp_path / "mine") == ["thesis"]


def test_a_file_that_is_not_in_the_image_is_named(context, options, layout):
    digest = build(context, options=options, layout=layout)
    for path in ("shipway/nothing.json", "shipway", ""):
        with pytest.raises(ImageError, match="no file"):
            read_file(layout, digest, path)


def test_an_image_that_loses_its_tag_stays_listed(make_context, options, layout):
    first = build(make_context("one"), options=options, layout=layout)
    second = build(make_context("two", weights=b"other"), options=options, layout=layout)
    assert layout.tags() == {"3": second}
    listed = json.loads((layout.folder / "index.json").read_text())["manifests"]
    assert {entry["digest"] for entry in listed} == {first, second}
    assert build(make_context("three"), options=options, layout=layout) == first
    assert layout.tags() == {"3": first}
    assert len(json.loads((layout.folder / "index.json").read_text())["manifests"]) == 2


def test_sixteen_concurrent_builders_all_end_in_the_index(make_context, layout, options, in_children):
    contexts = [make_context(f"context-{number}", weights=bytes([number // 2]) * 50_000) for number in range(16)]
    tags = [f"label-{number}" for number in range(16)]

    def work(number):
        build(contexts[number], options=replace(options, labels={"n": tags[number // 2]}), layout=layout)

    assert in_children(work, 16) == [0] * 16
    listed = json.loads((layout.folder / "index.json").read_text())["manifests"]
    assert len({entry["digest"] for entry in listed}) == len(listed) == 8
    for entry in listed:
        layout.verify(entry["digest"])
    assert sorted(os.listdir(layout.folder)) == ["blobs", "index.json", "oci-layout"]


@pytest.mark.parametrize("name", ["fsync", "replace", "link", "rename"])
def test_a_builder_that_is_killed_anywhere_leaves_a_layout_that_reads_as_before(
    make_context, options, layout, in_children, name
):
    old = build(make_context("old", weights=b"old"), options=options, layout=layout)
    context = make_context("new")
    pristine = layout.folder.with_name("pristine")
    shutil.copytree(layout.folder, pristine)
    for place in itertools.count(1):
        target = Layout(layout.folder.with_name(f"try-{place}"))
        shutil.copytree(pristine, target.folder)
        (code,) = in_children(
            lambda _, place=place, target=target: build_and_die(context, options, target, name, place)
        )
        target.verify(old)
        target.verify(target.tags()["3"])
        digest = build(context, options=options, layout=target)
        target.verify(digest)
        assert target.tags() == {"3": digest}
        assert sorted(os.listdir(target.folder)) == ["blobs", "index.json", "oci-layout"]
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert place > {"fsync": 6, "replace": 3, "link": 1, "rename": 0}[name]


def build_and_die(context, options, layout, name, place):
    calls, real = itertools.count(1), getattr(os, name)

    def dying(*arguments, **named):
        if next(calls) == place:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)

    setattr(os, name, dying)
    build(context, options=options, layout=layout)


def test_a_killed_unpack_is_cleared_away_by_the_next(context, options, layout, in_children, tmp_path):
    digest = build(context, options=options, layout=layout)

    def unpack_and_die(_):
        os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        layout.unpack(digest, tmp_path / "unpacked")

    assert in_children(unpack_and_die) == [-signal.SIGKILL]
    assert not (tmp_path / "unpacked").exists()
    assert list(tmp_path.glob(".shipway*"))
    layout.unpack(digest, tmp_path / "unpacked")
    assert not list(tmp_path.glob(".shipway*"))


def unpack_command(image, folder):
    return subprocess.run(
        [sys.executable, "-m", "shipway.image", image, folder],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_unpacks_what_shipway_put_into_the_image(context, options, layout, make_base, tmp_path):
    base = base_from(make_base(files=(("etc/passwd", b"root"),)))
    digest = build(context, options=options, layout=layout, base=base)
    done = unpack_command(f"{layout.folder}@{digest}", tmp_path / "unpacked")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "unpacked")) == ["models", "shipway"]


def test_the_command_says_in_one_sentence_why_it_cannot(layout, tmp_path):
    done = unpack_command(f"{layout.folder}@sha256:{'0' * 64}", tmp_path / "unpacked")
    assert done.returncode == 1
    assert "is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_layer_file_that_is_not_the_layer_is_refused(context, options, layout, tmp_path):
    image = layout.open(build(context, options=options, layout=layout))
    (tmp_path / "other").write_bytes(b"other")
    fresh = Layout(tmp_path / "fresh")
    with pytest.raises(ImageError, match=image.layers[0].digest):
        fresh.write(image, tmp_path / "other", "3")
    with pytest.raises(ImageError, match="missing"):
        fresh.write(image, None, "3")
    assert fresh.tags() == {}
