import json
from dataclasses import replace

import pytest

from shipway.errors import ImageError
from shipway.image.assemble import assemble
from shipway.image.value import Base, Descriptor, Options

BELOW = Descriptor("application/vnd.oci.image.layer.v1.tar+gzip", "sha256:" + "b" * 64, 7)
BASE = Base(
    config={
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-05-05T05:05:05Z",
        "config": {
            "Entrypoint": ["/usr/bin/tf_serving_entrypoint.sh"],
            "Env": ["PATH=/bin", "MODEL_NAME=model", "MODEL_BASE_PATH=/models"],
            "Labels": {"maintainer": "them", "io.shipway.model": "older"},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "d" * 64]},
        "history": [{"created_by": "them"}],
    },
    layers=(BELOW,),
    digest="sha256:" + "a" * 64,
)


@pytest.fixture
def made(make_context, tmp_path):
    context = make_context()
    return lambda options, base=None: assemble(context, options, base, tmp_path / "layer")


def test_an_image_of_the_model_alone_has_one_layer_and_tells_what_it_is(made, options, tmp_path):
    image = made(options)
    config, manifest = json.loads(image.config), json.loads(image.manifest)
    assert (config["architecture"], config["os"]) == ("amd64", "linux")
    assert config["config"]["Env"] == ["MODEL_BASE_PATH=/models", "MODEL_NAME=hmeq"]
    assert config["rootfs"]["diff_ids"] == [image.layers[0].digest]
    assert config["history"][0]["created"] == config["created"] == "1970-01-01T00:00:00Z"
    labels = config["config"]["Labels"]
    assert labels["io.shipway.model"] == labels["org.opencontainers.image.title"] == "hmeq"
    assert labels["io.shipway.version"] == labels["org.opencontainers.image.version"] == "3"
    assert labels["io.shipway.content-digest"] == options.content_digest
    assert manifest["layers"] == [image.layers[0].document]
    assert manifest["config"] == Descriptor.of(image.config, manifest["config"]["mediaType"]).document
    assert image.layers[0].size == (tmp_path / "layer").stat().st_size


def test_a_base_keeps_its_way_to_start_and_gets_one_layer_on_top(made, options):
    image = made(replace(options, env={"TF_CPP_MIN_LOG_LEVEL": "1"}), BASE)
    config, manifest = json.loads(image.config), json.loads(image.manifest)
    assert config["config"]["Entrypoint"] == ["/usr/bin/tf_serving_entrypoint.sh"]
    assert config["config"]["Env"] == [
        "PATH=/bin",
        "MODEL_NAME=hmeq",
        "MODEL_BASE_PATH=/models",
        "TF_CPP_MIN_LOG_LEVEL=1",
    ]
    assert config["config"]["Labels"]["maintainer"] == "them"
    assert config["config"]["Labels"]["io.shipway.model"] == "hmeq"
    assert image.layers[0] == BELOW
    assert config["rootfs"]["diff_ids"] == ["sha256:" + "d" * 64, image.layers[1].digest]
    assert [step["created_by"] for step in config["history"]] == ["them", "shipway build"]
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == BASE.digest


def test_the_base_itself_is_not_changed(made, options):
    before = json.dumps(BASE.config)
    made(options, BASE)
    assert json.dumps(BASE.config) == before


def test_a_base_without_history_gets_none(made, options):
    config = {key: value for key, value in BASE.config.items() if key != "history"}
    assert "history" not in json.loads(made(options, replace(BASE, config=config)).config)


def test_the_order_of_labels_and_env_does_not_matter(made, options):
    one = made(replace(options, labels={"a": "1", "b": "2"}, env={"A": "1", "B": "2"}))
    two = made(replace(options, labels={"b": "2", "a": "1"}, env={"B": "2", "A": "1"}))
    assert one == two


@pytest.mark.parametrize(
    "change", [{"content_digest": "sha256:" + "2" * 64}, {"labels": {"a": "1"}}, {"env": {"A": "1"}}]
)
def test_any_other_option_makes_another_image(made, options, change):
    assert made(replace(options, **change)).digest != made(options).digest


def test_another_base_makes_another_image(made, options):
    digests = {made(options, base).digest for base in (None, BASE, replace(BASE, digest="sha256:" + "c" * 64))}
    assert len(digests) == 3


def test_a_context_of_another_version_is_refused(made, options):
    with pytest.raises(ImageError, match="models/hmeq/4"):
        made(replace(options, version=4))


@pytest.mark.parametrize("wrong", [{"model": "a/b"}, {"version": 0}, {"env": {"A=B": "1"}}, {"env": {"": "1"}}])
def test_options_that_cannot_be_in_an_image_are_refused(wrong):
    with pytest.raises(ImageError):
        Options(**{"model": "hmeq", "version": 1, "content_digest": "sha256:00"} | wrong)
