import gzip
import io
import json
import multiprocessing
import tarfile

import pytest

from shipway.image import index
from shipway.image.blobs import Blobs
from shipway.image.context import lay_out_context
from shipway.image.layout import Layout
from shipway.image.value import CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, Descriptor, Options, digest_of, encode

CONTENT = "sha256:" + "1" * 64


@pytest.fixture
def options():
    return Options(model="hmeq", version=3, content_digest=CONTENT)


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "layout")


@pytest.fixture
def make_context(tmp_path):
    def make(name="context", weights=b"weights"):
        version = tmp_path / f"{name}-version"
        (version / "model" / "variables").mkdir(parents=True)
        (version / "model" / "saved_model.pb").write_bytes(b"graph")
        (version / "model" / "variables" / "data").write_bytes(weights)
        (version / "signature.json").write_text('{"inputs":{}}')
        (version / "golden.json").write_text('[{"instance":{},"score":0.1}]')
        lay_out_context(version, tmp_path / name, model="hmeq", version=3, content_digest=CONTENT)
        return tmp_path / name

    return make


@pytest.fixture
def context(make_context):
    return make_context()


@pytest.fixture
def make_base(tmp_path):
    """Return a function that makes an OCI layout with one gzip layer by hand, tagged ``latest``."""

    def make(name="base", files=(("etc/os-release", b"ID=test"), ("models/README", b"from the base"))):
        folder, sink = tmp_path / name, io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w") as tar:
            for path, content in files:
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        layer = gzip.compress(sink.getvalue(), mtime=0)
        config = encode(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Entrypoint": ["/serve"], "Env": ["PATH=/bin"]},
                "rootfs": {"type": "layers", "diff_ids": [digest_of(sink.getvalue())]},
                "history": [{"created_by": "hand"}],
            }
        )
        manifest = encode(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": Descriptor.of(config, CONFIG_TYPE).document,
                "layers": [Descriptor.of(layer, f"{LAYER_TYPE}+gzip").document],
            }
        )
        folder.mkdir()
        for data in (layer, config, manifest):
            Blobs(folder).put(data)
        index.add(folder, Descriptor.of(manifest, MANIFEST_TYPE), "latest")
        return folder

    return make


@pytest.fixture
def in_children():
    """Return a function that runs work(number) in real processes and gives their exit codes."""

    def run(work, count=1):
        context = multiprocessing.get_context("fork")
        children = [context.Process(target=work, args=(number,)) for number in range(count)]
        for child in children:
            child.start()
        for child in children:
            child.join(60)
        return [child.exitcode for child in children]

    return run


@pytest.fixture
def manifest_of():
    return lambda layout, digest: json.loads(layout.open(digest).manifest)
