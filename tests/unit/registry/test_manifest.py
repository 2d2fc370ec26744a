import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shipway.errors import RegistryError, UnsafePath
from shipway.registry.manifest import (
    File,
    Manifest,
    Proposal,
    canonical,
    checked_path,
    content_digest,
    lay_out,
    scan,
    scan_version,
)

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0\n\r"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)
FILES = st.builds(
    File,
    path=st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    size=st.integers(0, 2**60),
    sha256=st.binary(max_size=8).map(lambda data: hashlib.sha256(data).hexdigest()),
)
CONTENTS = st.lists(FILES, min_size=1, max_size=6, unique_by=lambda file: file.path)


@given(CONTENTS, st.randoms())
def test_the_content_digest_does_not_depend_on_the_order(files, random):
    shuffled = list(files)
    random.shuffle(shuffled)
    assert content_digest(shuffled) == content_digest(files)


@given(CONTENTS, CONTENTS)
def test_other_files_have_another_content_digest(one, other):
    same = {(f.path, f.size, f.sha256) for f in one} == {(f.path, f.size, f.sha256) for f in other}
    assert (content_digest(one) == content_digest(other)) is same


@given(CONTENTS, st.data())
def test_any_change_of_one_file_changes_the_content_digest(files, data):
    at = data.draw(st.integers(0, len(files) - 1))
    file = files[at]
    change = data.draw(
        st.sampled_from([{"path": file.path + "x"}, {"size": file.size + 1}, {"sha256": file.sha256[::-1] + "0"}])
    )
    changed = [*files[:at], file.model_copy(update=change), *files[at + 1 :]]
    assert content_digest(changed) != content_digest(files)
    assert content_digest(files[:at] + files[at + 1 :]) != content_digest(files)


def test_the_content_digest_is_the_sha256_of_its_documented_json():
    rows = b'[["a",1,"ff"],["b",2,"00"]]'
    files = [File(path="b", size=2, sha256="00"), File(path="a", size=1, sha256="ff")]
    assert content_digest(files) == "sha256:" + hashlib.sha256(rows).hexdigest()


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_plain_relative_paths_are_accepted_unchanged(names):
    path = "/".join(names)
    assert str(checked_path(path)) == path


@given(st.lists(NAMES | st.just(".."), min_size=1, max_size=5).filter(lambda names: ".." in names))
def test_every_path_with_a_step_up_is_refused(names):
    with pytest.raises(UnsafePath):
        checked_path("/".join(names))


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "a\\b", "a\0b", "a\nb", "a\udcffb"]
)
def test_odd_paths_are_refused(path):
    with pytest.raises(UnsafePath):
        checked_path(path)


def proposal(**changes):
    return Proposal(**{"registered_by": "ada", "registered_at": "2026-01-01T00:00:00Z", **changes})


def manifest(**changes):
    facts = {"model": "hmeq", "version": 1, "content_digest": "sha256:00", "files": ()}
    return Manifest(**proposal().model_dump() | facts | changes)


@pytest.mark.parametrize(
    "change",
    [
        {"registered_by": "eve"},
        {"registered_at": "2026-01-02T00:00:00Z"},
        {"metrics": {"ks": 0.5}},
        {"parent": 3},
        {"decision": "accepted"},
        {"notes": {"a": 1}},
        {"version": 2},
        {"model": "other"},
        {"files": (File(path="a", size=0, sha256="00"),)},
    ],
)
def test_the_digest_of_a_manifest_covers_every_field(change):
    assert manifest(**change).digest != manifest().digest


def test_a_manifest_that_was_written_and_read_again_has_the_same_digest():
    first = manifest(metrics={"ks": 1, "auc": 0.1 + 0.2}, notes={"text": "é", "list": [1, None]})
    again = Manifest.model_validate(json.loads(canonical(first.model_dump(mode="json"))))
    assert again.digest == first.digest


def test_a_metric_that_is_no_number_is_refused():
    with pytest.raises(ValidationError, match="finite"):
        proposal(metrics={"ks": float("nan")})


def saved_model(folder):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "data").write_bytes(b"weights")
    return folder


def test_what_lay_out_makes_is_a_version(tmp_path):
    lay_out(saved_model(tmp_path / "saved"), {"inputs": {}}, [{"score": 0.1}], tmp_path / "version")
    paths = [file.path for file in scan_version(tmp_path / "version")]
    assert paths == ["golden.json", "model/saved_model.pb", "model/variables/data", "signature.json"]


def test_a_folder_with_more_or_less_than_a_version_is_refused(tmp_path):
    version = tmp_path / "version"
    lay_out(saved_model(tmp_path / "saved"), {}, [], version)
    (version / "notes.txt").write_text("hello")
    with pytest.raises(RegistryError, match=r"notes\.txt"):
        scan_version(version)
    (version / "notes.txt").unlink()
    (version / "golden.json").unlink()
    with pytest.raises(RegistryError, match="exactly"):
        scan_version(version)


def test_a_missing_folder_is_no_empty_version(tmp_path):
    with pytest.raises(RegistryError, match="no folder"):
        scan(tmp_path / "nowhere")


@pytest.mark.parametrize("target", ["saved_model.pb", "variables", "nowhere"])
def test_scan_refuses_every_kind_of_symbolic_link(tmp_path, target):
    folder = saved_model(tmp_path / "saved")
    (folder / "link").symlink_to(target)
    with pytest.raises(UnsafePath, match="link"):
        scan(folder)


def test_lay_out_refuses_a_symbolic_link_before_it_copies(tmp_path):
    folder = saved_model(tmp_path / "saved")
    (folder / "assets").symlink_to("/etc")
    with pytest.raises(UnsafePath):
        lay_out(folder, {}, [], tmp_path / "version")
    assert not (tmp_path / "version").exists()
