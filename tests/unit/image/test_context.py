import json
import os

import pytest

from shipway.errors import ImageError
from shipway.image.context import lay_out_context

FACTS = {"model": "hmeq", "version": 3, "content_digest": "sha256:" + "1" * 64}


def test_a_context_holds_the_model_and_what_the_gateway_needs(make_context):
    context = make_context()
    files = sorted(path.relative_to(context).as_posix() for path in context.rglob("*") if path.is_file())
    assert files == [
        "models/hmeq/3/saved_model.pb",
        "models/hmeq/3/variables/data",
        "shipway/golden.json",
        "shipway/release.json",
        "shipway/signature.json",
    ]
    assert json.loads((context / "shipway/release.json").read_text()) == FACTS


def test_a_destination_that_holds_something_is_left_alone(make_context, tmp_path):
    make_context()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").write_text("precious")
    with pytest.raises(ImageError, match="not a new or empty"):
        lay_out_context(tmp_path / "context-version", tmp_path / "mine", **FACTS)
    assert os.listdir(tmp_path / "mine") == ["thesis"]
    assert not list(tmp_path.glob(".shipway*"))


@pytest.mark.parametrize("missing", ["signature.json", "golden.json", "model"])
def test_a_missing_part_is_named_and_no_half_context_is_left(make_context, tmp_path, missing):
    make_context()
    version = tmp_path / "context-version"
    (version / missing).rename(tmp_path / "gone")
    with pytest.raises(ImageError, match=missing):
        lay_out_context(version, tmp_path / "other", **FACTS)
    assert not (tmp_path / "other").exists()
    assert not list(tmp_path.glob(".shipway*"))


@pytest.mark.parametrize("place", ["model/assets", "model/variables/link", "golden.json"])
@pytest.mark.parametrize("target", ["/etc", "/etc/hostname", "nowhere"])
def test_symbolic_links_are_refused(make_context, tmp_path, place, target):
    make_context()
    link = tmp_path / "context-version" / place
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    with pytest.raises(ImageError, match="link"):
        lay_out_context(tmp_path / "context-version", tmp_path / "other", **FACTS)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("change", [{"model": "../x"}, {"model": ""}, {"version": 0}])
def test_what_cannot_be_a_path_is_refused(make_context, change):
    with pytest.raises(ImageError, match="cannot be a path"):
        make_context(**change)
