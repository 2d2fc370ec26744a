import contextlib
import gzip
import io
import os
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.errors import ImageError
from shipway.image.unpack import apply_layer
from shipway.image.value import LAYER_TYPE, Descriptor

FILE, FOLDER, LINK, HARD, DEVICE, PIPE = (
    tarfile.REGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.FIFOTYPE,
)


def layer_of(*entries):
    """Make a tar of (name, type, content or link target)."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o4755
            if kind == FILE:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.linkname = content
                tar.addfile(entry)
    return sink.getvalue()


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path / "root"


def apply(root, *layers, below=(), media_type=LAYER_TYPE):
    for data in layers:
        layer = Descriptor.of(data, media_type)
        apply_layer(io.BufferedReader(io.BytesIO(data)), layer, root, frozenset(below))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_layers_are_applied_in_order(root):
    one = layer_of(("./", FOLDER, ""), ("./a", FILE, b"1"), ("b/c", FILE, b"1"))
    two = layer_of(("a", FILE, b"2"), ("b/d", FILE, b"2"))
    assert apply(root, one, two) == {"a": b"2", "b/c": b"1", "b/d": b"2"}
    assert (root / "a").stat().st_mode & 0o7777 == 0o755


def test_gzip_layers_are_read_and_unknown_compressions_named(root):
    data = layer_of(("a", FILE, b"1"))
    assert apply(root, gzip.compress(data), media_type=f"{LAYER_TYPE}+gzip") == {"a": b"1"}
    with pytest.raises(ImageError, match="zstd"):
        apply(root, data, media_type=f"{LAYER_TYPE}+zstd")


def test_a_whiteout_removes_what_lies_below_and_nothing_of_its_own_layer(root):
    one = layer_of(("a", FILE, b"1"), ("b/c", FILE, b"1"), ("b/d", FILE, b"1"))
    two = layer_of((".wh.a", FILE, b""), ("b/.wh.d", FILE, b""), ("b/e", FILE, b"2"), ("b/.wh.nothing", FILE, b""))
    assert apply(root, one, two) == {"b/c": b"1", "b/e": b"2"}


@pytest.mark.parametrize("first", [True, False])
def test_an_opaque_folder_hides_what_lies_below_wherever_its_mark_stands(root, first):
    one = layer_of(("b/c", FILE, b"1"), ("b/deep/x", FILE, b"1"), ("z", FILE, b"1"))
    entries = [("b/deep/y", FILE, b"2"), ("b/.wh..wh..opq", FILE, b"")]
    two = layer_of(*(reversed(entries) if first else entries))
    assert apply(root, one, two) == {"b/deep/y": b"2", "z": b"1"}


def test_an_opaque_folder_that_is_empty_stays(root):
    assert apply(root, layer_of(("b/c", FILE, b"1")), layer_of(("b/.wh..wh..opq", FILE, b""))) == {}
    assert (root / "b").is_dir()


def test_kinds_may_change_between_layers(root):
    one = layer_of(("a/b", FILE, b"1"), ("c", FILE, b"1"), ("d", LINK, "c"))
    two = layer_of(("a", FILE, b"2"), ("c", FOLDER, ""), ("d", FOLDER, ""))
    assert apply(root, one, two) == {"a": b"2"}
    assert (root / "d").is_dir()
    assert not (root / "d").is_symlink()


def test_links_that_stay_inside_are_made(root):
    data = layer_of(
        ("usr/bin/tool", FILE, b"1"),
        ("bin", LINK, "usr/bin"),
        ("usr/lib", LINK, "../bin"),
        ("copy", HARD, "usr/bin/tool"),
    )
    files = apply(root, data)
    assert files["copy"] == b"1"
    assert (root / "usr/lib/tool").resolve() == (root / "usr/bin/tool").resolve()


@pytest.mark.parametrize(
    "entries",
    [
        [("../evil", FILE, b"x")],
        [("/tmp/evil", FILE, b"x")],
        [("a/../../evil", FILE, b"x")],
        [("a/..", FOLDER, "")],
        [("link", LINK, "/etc")],
        [("link", LINK, "../outside")],
        [("a/link", LINK, "../../outside")],
        [("a/up", LINK, ".."), ("link", LINK, "a/up/../outside")],
        [("in", FOLDER, ""), ("link", LINK, "in"), ("link/evil", FILE, b"x")],
        [("file", FILE, b""), ("file/evil", FILE, b"x")],
        [("hard", HARD, "../outside/secret")],
        [("hard", HARD, "/etc/hostname")],
        [("hard", HARD, "missing")],
        [("hard", HARD, "")],
        [("a/b/link", LINK, "../.."), ("hard", HARD, "a/b/link")],
        [("in/x", FILE, b""), ("link", LINK, "in"), ("hard", HARD, "link/x")],
        [("null", DEVICE, "")],
        [("pipe", PIPE, "")],
        [("a/.wh...", FILE, b"")],
        [(".wh..", FILE, b"")],
        [(".wh.", FILE, b"")],
        [("../.wh.outside", FILE, b"")],
        [("link", LINK, "x"), ("link/.wh.y", FILE, b"")],
    ],
    ids=lambda entries: f"{entries[-1][0]}-{entries[-1][1].decode()}-{len(entries)}",
)
def test_a_malicious_layer_is_refused_and_touches_nothing_outside(root, entries):
    with pytest.raises(ImageError, match="layer sha256"):
        apply(root, layer_of(*entries))
    assert os.listdir(root.parent / "outside") == ["secret"]
    assert sorted(os.listdir(root.parent)) == ["outside", "root"]


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", ".wh.a", ".wh..wh..opq"]), min_size=1, max_size=4).map(
    "/".join
)


@given(st.lists(st.tuples(NAMES, st.sampled_from([FILE, FOLDER, LINK, HARD]), NAMES), max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_sequence_of_entries_reaches_outside(tmp_path_factory, entries):
    place = tmp_path_factory.mktemp("unpack")
    (place / "root").mkdir()
    (place / "a").write_text("outside")
    data = layer_of(*((name, kind, b"new" if kind == FILE else target) for name, kind, target in entries))
    with contextlib.suppress(ImageError):
        apply_layer(io.BufferedReader(io.BytesIO(data)), Descriptor.of(data, LAYER_TYPE), place / "root", frozenset())
    assert sorted(os.listdir(place)) == ["a", "root"]
    assert (place / "a").read_text() == "outside"
    for folder, folders, files in os.walk(place / "root"):
        for name in (*folders, *files):
            link = os.path.join(folder, name)
            inside = os.path.realpath(link, strict=False)
            assert inside == str(place / "root") or inside.startswith(f"{place}/root/")


def test_only_the_top_folders_that_are_asked_for_are_written(root):
    one = layer_of(
        ("dev/null", DEVICE, ""), ("etc", LINK, "/outside"), ("models/a", FILE, b"1"), ("models/b", FILE, b"1")
    )
    two = layer_of(("models/.wh.a", FILE, b""), (".wh.etc", FILE, b""), ("other", FILE, b"2"))
    assert apply(root, one, two, below=["models"]) == {"models/b": b"1"}
    assert apply(root, layer_of((".wh.models", FILE, b"")), below=["models"]) == {}


def test_a_layer_that_is_no_tar_is_named(root):
    with pytest.raises(ImageError, match="cannot be unpacked"):
        apply(root, b"no tar" * 200)
