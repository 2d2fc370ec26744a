"""The Dockerfile: a real build with real pip on a stand-in for Airflow's image; what is in it, and who may read it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from integration.docker.conftest import PROJECT, SECRET

pytestmark = pytest.mark.slow
HOME = "opt/shipway"


def files_below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_folders_are_there_and_nothing_else(container):
    home = container.root / HOME
    found = {path.name for path in home.iterdir()}
    assert found == {"dags", "plugins", "include", "wheels", "packages.txt", "requirements.lock"}
    assert (home / "plugins/.airflowignore").exists()
    assert {path.name for path in (home / "dags").glob("*.py")} == {path.name for path in PROJECT.glob("dags/*.py")}


def test_nothing_of_a_developer_gets_into_the_image(container):
    for file in files_below(container.root / HOME):
        assert SECRET.encode() not in file.read_bytes(), file
    assert not [path for path in files_below(container.root / "tmp") if SECRET.encode() in path.read_bytes()]


def test_group_0_may_do_what_the_owner_may(container):
    for path in (container.root / HOME, *(container.root / HOME).rglob("*")):
        found = path.lstat()
        assert found.st_gid == 0, path
        assert (found.st_mode & stat.S_IRWXG) << 3 == found.st_mode & stat.S_IRWXU, path


def test_a_user_whom_nobody_knows_reads_every_file(container):
    code = "import pathlib; files = [p for p in pathlib.Path('/opt/shipway').rglob('*') if p.is_file()]; "
    code += "print(len([file.read_bytes() for file in files]))"
    assert int(container.run("python", "-c", code)) == len(files_below(container.root / HOME))


def test_a_user_whom_nobody_knows_imports_the_copy_in_include(container):
    place = container.run("python", "-c", "import shipway.errors, standin; print(shipway.errors.__file__)")
    assert place == "/opt/shipway/include/shipway/errors.py"


def test_bytecode_is_compiled(container):
    for folder in ("dags", "plugins", "include"):
        for source in (container.root / HOME / folder).rglob("*.py"):
            assert list((source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")), source


def test_the_wheel_brings_the_command_and_the_migrations(container):
    code = (
        "import importlib.metadata as m; print(*m.files('shipway'), sep='\\n'); print(*m.entry_points(name='shipway'))"
    )
    told = container.run("python", "-c", code)
    assert "shipway/records/migrations/versions/v0001_tables.py" in told
    assert "shipway/py.typed" in told
    assert "shipway.cli.main:main" in told


def test_airflow_is_told_where_everything_is(container):
    environment = dict(line.split("=", 1) for line in container.config["Env"])
    assert environment["PYTHONPATH"] == "/opt/shipway/include:/opt/shipway/plugins"
    for name in ("AIRFLOW_CONFIG", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER"):
        assert (container.root / environment[name].lstrip("/")).exists(), name
    assert container.config["User"] == "50000"


def test_hadolint_has_nothing_to_say():
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if hadolint is None:
        if os.environ.get("CI") == "true":
            pytest.fail("hadolint is not installed")
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, "--no-color", PROJECT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")
