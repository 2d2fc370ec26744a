"""Bases as others write them: behind an image index, with Docker's names, or broken."""

import json

import pytest

from shipway.errors import ImageError
from shipway.image import index
from shipway.image.base import base_from
from shipway.image.blobs import Blobs
from shipway.image.value import INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, encode

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def put(folder, document, tag, media_type):
    data = document if isinstance(document, bytes) else encode(document)
    Blobs(folder).put(data)
    descriptor = Descriptor.of(data, media_type)
    index.add(folder, descriptor, tag)
    return descriptor.document


@pytest.mark.parametrize("media_type", [INDEX_TYPE, DOCKER_LIST])
def test_the_image_for_this_kind_of_machine_is_taken_from_an_index(make_base, media_type):
    folder = make_base()
    alone = base_from(folder, "latest")
    entry = index.entries(folder)[0]
    other = {**entry, "digest": "sha256:" + "0" * 64, "platform": {"os": "linux", "architecture": "arm64"}}
    ours = {**entry, "platform": {"os": "linux", "architecture": "amd64"}}
    put(folder, {"schemaVersion": 2, "manifests": [other, ours]}, "many", media_type)
    put(folder, {"schemaVersion": 2, "manifests": [other]}, "foreign", media_type)
    assert base_from(folder, "many") == alone
    with pytest.raises(ImageError, match="linux on amd64"):
        base_from(folder, "foreign")


def test_layers_with_dockers_names_get_their_oci_names(make_base):
    folder = make_base()
    manifest = json.loads(Blobs(folder).read(base_from(folder).digest))
    manifest["layers"][0]["mediaType"] = DOCKER_LAYER
    put(folder, manifest, "docker", DOCKER_MANIFEST)
    assert base_from(folder, "docker").layers == base_from(folder, "latest").layers
    assert base_from(folder, "docker").layers[0].media_type == f"{LAYER_TYPE}+gzip"


@pytest.mark.parametrize(
    "document",
    [b"no json", b"[]", b"{}", {"config": {}, "layers": []}, {"config": 1, "layers": []}],
    ids=["text", "list", "empty", "no config", "odd config"],
)
def test_what_is_no_manifest_is_refused(make_base, document):
    folder = make_base()
    put(folder, document, "broken", MANIFEST_TYPE)
    with pytest.raises(ImageError):
        base_from(folder, "broken")


def test_a_config_that_does_not_fit_the_layers_is_refused(make_base):
    folder = make_base()
    manifest = json.loads(Blobs(folder).read(base_from(folder).digest))
    manifest["layers"] *= 2
    put(folder, manifest, "broken", MANIFEST_TYPE)
    with pytest.raises(ImageError, match="does not fit"):
        base_from(folder, "broken")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"manifests": 1}'])
def test_an_index_that_cannot_be_read_is_named(make_base, data):
    folder = make_base()
    (folder / "index.json").write_bytes(data)
    with pytest.raises(ImageError, match=r"index\.json"):
        base_from(folder, "latest")
