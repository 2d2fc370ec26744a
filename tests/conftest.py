"""Fixtures for everybody: one PostgreSQL for the session, a fresh migrated database for each test."""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from shipway.records import embedded
from shipway.records.database import Records
from shipway.records.migrate import migrate

_FOREIGN = ("SHIPWAY_", "PG", "AIRFLOW", "_AIRFLOW")
for name in [name for name in os.environ if name.startswith(_FOREIGN) and name != "SHIPWAY_TEST_DATA"]:
    del os.environ[name]  # a developer's own environment must not decide a test
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # child interpreters need bytecode: TensorFlow takes 24 s without

# Airflow reads its environment and writes its home at its first import, which is later than this.
_PROJECT = Path(__file__).resolve().parents[1]
_AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="shipway-airflow-home-", ignore_cleanup_errors=True)
os.environ |= {
    "AIRFLOW_HOME": _AIRFLOW_HOME.name,
    "AIRFLOW__CORE__DAGS_FOLDER": str(_PROJECT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(_PROJECT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
}

_NUMBERS = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The end-to-end tests come last: their world sets the environment of the whole process."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of the administrator on a server of the session's own, in a folder with a short, open path."""
    with tempfile.TemporaryDirectory(prefix="shipway-pg-") as folder:
        place = Path(folder) / "data"
        try:
            admin = embedded.start(place)
            execute(admin, "ALTER SYSTEM SET fsync = off")  # tests need no durability, but speed
            execute(admin, "SELECT pg_reload_conf()")
            yield admin
        finally:
            embedded.stop(place)


@pytest.fixture(scope="session")
def migrated(postgres: str) -> str:
    """Name of a migrated database that nobody connects to: the template of all others."""
    execute(postgres, "CREATE DATABASE migrated")
    migrate(database_url(postgres, "migrated"))
    return "migrated"


@pytest.fixture
def database(postgres: str, migrated: str) -> Iterator[str]:
    """Administrator's address of a fresh migrated database."""
    name = f"test_{next(_NUMBERS)}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {migrated} STRATEGY FILE_COPY")
    yield database_url(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def records_url(database: str) -> Callable[[str], str]:
    """Make the address of a role (``shipway_gateway``, ``shipway_page``, ``shipway_tasks``) on the test's database."""

    def of(role: str) -> str:
        parts = urlsplit(database)
        return parts._replace(netloc=f"{role}@").geturl()

    return of


@pytest.fixture
def records(records_url: Callable[[str], str]) -> Records:
    """The records of the test, as the tasks' role."""
    return Records(records_url("shipway_tasks"))


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(statement)


def database_url(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()
