import concurrent.futures
import itertools
import logging
import os
import subprocess
import sys

import psycopg
import pytest

from shipway.errors import RecordsError
from shipway.records.database import Records
from shipway.records.migrate import ADMIN_VARIABLE, migrate

SECRET = "hunter2 'quoted'"
NUMBERS = itertools.count(1)


@pytest.fixture
def empty(postgres):
    """Addresses of two databases without tables."""
    names = [f"empty_{next(NUMBERS)}" for _ in range(2)]
    urls = [postgres.replace("/shipway?", f"/{name}?") for name in names]
    with psycopg.connect(postgres, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
        yield urls
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_migrating_again_changes_nothing(empty):
    assert migrate(empty[0]) == migrate(empty[0]) == "0001"
    with psycopg.connect(empty[0]) as connection:
        assert connection.execute("SELECT version_num FROM shipway.migration").fetchall() == [("0001",)]
        outside = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(outside).fetchone() == (0,)


def test_racing_migrators_on_two_databases_of_one_server_all_succeed(empty):
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert list(pool.map(migrate, empty * 6)) == ["0001"] * 12


def test_only_tasks_may_make_temporary_tables(empty):
    migrate(empty[0])
    with psycopg.connect(empty[0]) as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'shipway\\_%'"
            " AND has_database_privilege(rolname, current_database(), 'TEMPORARY')"
        ).fetchall()
    assert rows == [("shipway_tasks",)]


def test_a_password_is_set_as_a_verifier_and_shown_nowhere(empty, caplog):
    caplog.set_level(logging.DEBUG)
    migrate(empty[0], passwords={"shipway_page": SECRET})
    with psycopg.connect(empty[0], autocommit=True) as connection:
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'shipway_page'").fetchone()
        assert stored[0].startswith("SCRAM-SHA-256$")
        connection.execute("ALTER ROLE shipway_page PASSWORD NULL")
    assert SECRET not in caplog.text


def test_a_role_that_may_not_is_told_so_without_secrets(empty):
    url = empty[0].replace("postgres@", "shipway_page@")
    migrate(empty[0])
    with pytest.raises(RecordsError, match="could not be brought up to date: permission denied") as caught:
        migrate(url, passwords={"shipway_tasks": SECRET})
    assert "hunter2" not in str(caught.value)


def test_an_unknown_role_is_refused(empty):
    with pytest.raises(RecordsError, match="no role shipway_admin"):
        migrate(empty[0], passwords={"shipway_admin": "x"})


def test_a_database_without_tables_says_what_to_do(empty):
    with pytest.raises(RecordsError, match=r"lacks Shipway's tables\. Run `python -m shipway.records.migrate`"):
        read(Records(empty[0]))


def read(records):
    with records.transaction() as connection:
        connection.execute("SELECT * FROM shipway.release")


@pytest.mark.slow
def test_the_command_migrates(empty):
    environment = {**os.environ, ADMIN_VARIABLE: empty[0], "PYTHONPATH": "include"}
    command = [sys.executable, "-m", "shipway.records.migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "The records database is at revision 0001.\n")


@pytest.mark.slow
def test_the_command_says_what_is_missing():
    environment = {**os.environ, "PYTHONPATH": "include"}
    command = [sys.executable, "-m", "shipway.records.migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (2, f"Set {ADMIN_VARIABLE} to the address of the records database.\n")
