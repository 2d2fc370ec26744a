"""The image, built once for all tests of this room, on a stand-in for Airflow's image."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.docker.stand_in import make_base_folder, make_package

PROJECT = Path(__file__).resolve().parents[3]
#: Belongs to no user of the base, as the ids that OpenShift gives.
ANYBODY = "1234567890:0"
#: A value that must not come into the image by any way.
SECRET = "hunter2-of-the-developer"


class Buildah:
    """Calls buildah with a store of its own, so that nothing of the machine's is touched."""

    def __init__(self, folder: Path) -> None:
        self._store = ["--storage-driver", "vfs", "--root", str(folder / "root"), "--runroot", str(folder / "run")]

    def __call__(self, *arguments: str) -> str:
        done = subprocess.run(["buildah", *self._store, *arguments], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout.strip()

    def build(self, tag: str, folder: Path, *arguments: str) -> None:
        self("build", "--isolation", "chroot", "--layers=false", "-t", tag, *arguments, str(folder))


class Container:
    """A container of the image: its files as seen from outside, and commands as run inside."""

    def __init__(self, buildah: Buildah, image: str) -> None:
        self._buildah = buildah
        self.name = buildah("from", "--pull-never", image)
        self.root = Path(buildah("mount", self.name))
        self.config = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]

    def run(self, *command: str) -> str:
        return self._buildah("run", "--isolation", "chroot", "--user", ANYBODY, self.name, "--", *command)


@pytest.fixture(scope="session")
def builder() -> None:
    missing = "" if shutil.which("buildah") else "buildah is not installed"
    missing = missing or ("" if os.geteuid() == 0 else "buildah with chroot isolation needs root here")
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


@pytest.fixture(scope="session")
def container(builder: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("docker")
    buildah = Buildah(folder / "store")
    try:
        buildah.build("base", make_base_folder(folder / "base"))
        buildah.build("shipway", checkout(folder / "checkout"), "--build-arg", "BASE=localhost/base")
        yield Container(buildah, "localhost/shipway")
    finally:
        subprocess.run(["buildah", *buildah._store, "rm", "--all"], capture_output=True, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def checkout(folder: Path) -> Path:
    """Copy what git knows, with locks that the stand-in can meet, and with what a developer leaves lying about."""
    listed = ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (PROJECT / name).is_file() and not name.startswith("tests/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
    lock = make_package(folder)
    (folder / "requirements.lock").write_text(lock)
    (folder / "requirements-installer.lock").write_text(lock)
    for name in (".env", "var/airflow/passwords.json", "include/config/.env", "include/tls.key", ".git/config"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(SECRET)
    (folder / "include/shipway/errors.py").chmod(0o600)  # as a strict umask makes them
    return folder
