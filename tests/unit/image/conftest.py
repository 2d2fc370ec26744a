import pytest

from shipway.image.context import lay_out_context
from shipway.image.value import Options

CONTENT = "sha256:" + "1" * 64


@pytest.fixture
def options():
    return Options(model="hmeq", version=3, content_digest=CONTENT)


@pytest.fixture
def make_context(tmp_path):
    """Return a function that makes a build context from other files on each call, with the same or given bytes."""

    def make(name="context", weights=b"weights", **changes):
        version = tmp_path / f"{name}-version"
        (version / "model" / "variables").mkdir(parents=True)
        (version / "model" / "saved_model.pb").write_bytes(b"graph")
        (version / "model" / "variables" / "data").write_bytes(weights)
        (version / "signature.json").write_text('{"inputs":{}}')
        (version / "golden.json").write_text('[{"instance":{},"score":0.1}]')
        facts = {"model": "hmeq", "version": 3, "content_digest": CONTENT} | changes
        lay_out_context(version, tmp_path / name, **facts)
        return tmp_path / name

    return make
