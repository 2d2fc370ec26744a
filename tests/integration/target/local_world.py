"""The local target with a real supervisor, and images that a stand-in unpacks: one folder per digest."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from integration.serving import world

from shipway.target.contract import Launch
from shipway.target.local.places import Places, read_json
from shipway.target.local.target import LocalTarget

_UNPACKER = """
import pathlib, shutil, sys
layout, _, digest = sys.argv[1].rpartition("@")
source = pathlib.Path(layout, digest.removeprefix("sha256:"))
if (source / "broken").exists():
    sys.exit("layer sha256:1234 is not what its digest says")
shutil.copytree(source, sys.argv[2])
"""


@dataclass
class LocalWorld:
    """One stage with its supervisor."""

    folder: Path
    gateway_url: str
    running: world.Running | None = None

    @property
    def target(self):
        return LocalTarget(self.folder / "local", "production")

    @property
    def places(self):
        return Places(self.folder / "local" / "production")

    def start(self, *more):
        script = self.folder / "unpacker.py"
        script.write_text(_UNPACKER)
        arguments = (
            "--home",
            self.folder / "local",
            "--stage",
            "production",
            "--unpacker",
            f"{sys.executable} {script}",
        )
        self.running = world.Running(
            self.folder / "supervisor.log",
            "shipway.target.local.supervisor",
            *arguments,
            *more,
            env={"SHIPWAY_GATEWAY_URL": self.gateway_url},
        )
        world.wait_until(self.heart_beats, 30)
        return self

    def heart_beats(self):
        beat = read_json(self.places.heartbeat)
        assert self.running.process.poll() is None, self.running.text()
        return beat and beat["pid"] == self.running.process.pid and world.is_open(beat["router_port"])

    def stop(self):
        if self.running is not None:
            assert self.running.end(40) == 0, self.running.text()

    def image(self, name, saved_model=None):
        """Make an image with one of the SavedModels; none: a layer that does not unpack."""
        root = self.folder / "images" / name
        if saved_model is None:
            root.mkdir(parents=True, exist_ok=True)
            (root / "broken").touch()
        elif not root.exists():
            shutil.copytree(saved_model, root / "models" / "hmeq" / name.removeprefix("image"))
            (root / "shipway").mkdir()
            (root / "shipway" / "golden.json").write_text('[{"instance": {"LOAN": 1}, "score": 0.5}]')
        return f"{self.folder / 'images'}@sha256:{name}"

    def launch(self, release, saved_model=None, *, model="hmeq", version=1):
        name = f"image{version}" if saved_model else "broken"
        return Launch(
            release, model, version, f"sha256:content{version}", self.image(name, saved_model), f"sha256:{name}",
            {"signature": "serving_default", "output": "output", "inputs": world.INPUTS, "entity": "ENTITY"},
        )  # fmt: skip

    def pids(self, model, release):
        return read_json(self.places.observed(model))["releases"][release]["pids"]
