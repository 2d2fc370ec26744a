"""The tools of others accept what this room writes, and this room reads what they write."""

import json
import os
import shutil
import subprocess

import pytest

from shipway.image.base import base_from
from shipway.image.building import build


def run(tool, *arguments):
    """Run a tool; without it the test is skipped by name, except in CI, where it fails."""
    if shutil.which(tool) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{tool} is not installed")
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=["bare", "based"])
def built(request, context, options, layout, make_base):
    base = base_from(make_base()) if request.param == "based" else None
    return build(context, options=options, layout=layout, base=base)


def test_skopeo_reads_the_image_and_copies_it_whole(built, layout, tmp_path):
    told = json.loads(run("skopeo", "inspect", f"oci:{layout.folder}:3"))
    assert told["Digest"] == built
    assert told["Labels"]["io.shipway.model"] == "hmeq"
    run("skopeo", "--insecure-policy", "copy", f"oci:{layout.folder}:3", f"oci:{tmp_path / 'copy'}:3")
    run("skopeo", "--insecure-policy", "copy", f"oci:{layout.folder}:3", f"dir:{tmp_path / 'dir'}")


def test_a_layout_that_skopeo_wrote_is_a_base(built, layout, tmp_path):
    run("skopeo", "--insecure-policy", "copy", f"oci:{layout.folder}:3", f"oci:{tmp_path / 'copy'}:base")
    base = base_from(tmp_path / "copy", "base")
    assert len(base.layers) == len(base.config["rootfs"]["diff_ids"])


def test_umoci_unpacks_the_image(built, layout, tmp_path):
    run("umoci", "unpack", "--rootless", "--image", f"{layout.folder}:3", str(tmp_path / "bundle"))
    assert (tmp_path / "bundle/rootfs/models/hmeq/3/variables/data").read_bytes() == b"weights"
    env = json.loads((tmp_path / "bundle/config.json").read_text())["process"]["env"]
    assert {"MODEL_NAME=hmeq", "MODEL_BASE_PATH=/models"} <= set(env)


def test_umoci_keeps_all_that_is_listed_when_it_collects_garbage(built, layout):
    run("umoci", "gc", "--layout", str(layout.folder))
    layout.verify(built)
