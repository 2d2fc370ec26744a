import concurrent.futures
import os
import subprocess
import sys

import psycopg
import pytest

from shipway.errors import RecordsUnavailable
from shipway.records import embedded
from shipway.records.migrate import migrate


def value(url, query):
    with psycopg.connect(url, connect_timeout=10) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.fixture
def folder(tmp_path_factory):
    # A name of its own, because the path of a socket must be short.
    place = tmp_path_factory.mktemp("pg") / "data"
    yield place
    embedded.stop(place)


@pytest.mark.slow
def test_a_server_starts_serves_restarts_and_stops(folder):
    with pytest.raises(RecordsUnavailable, match=r"does not run: start it with `make up`\."):
        embedded.url(folder, "shipway_tasks", "shipway")
    assert not folder.exists()
    admin = embedded.start(folder)
    assert value(admin, "SELECT current_database()") == "shipway"
    assert value(embedded.url(folder, "postgres", "airflow"), "SHOW max_connections") == "200"
    assert value(admin, "SHOW listen_addresses") == ""
    assert value(admin, "SHOW fsync") == "on"
    began = value(admin, "SELECT pg_postmaster_start_time()")
    assert embedded.start(folder) == admin
    assert value(admin, "SELECT pg_postmaster_start_time()") == began
    embedded.stop(folder)
    embedded.stop(folder)
    with pytest.raises(RecordsUnavailable):
        embedded.url(folder, "postgres", "shipway")
    assert value(embedded.start(folder), "SELECT 1") == 1
    assert (folder / "postgresql.conf").read_text().count("shipway.conf") == 1


@pytest.mark.slow
def test_a_server_outlives_its_starter(folder):
    code = f"from pathlib import Path; from shipway.records.embedded import start; start(Path({str(folder)!r}))"
    environment = {**os.environ, "PYTHONPATH": "include"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    assert value(embedded.url(folder, "postgres", "shipway"), "SELECT 1") == 1


@pytest.mark.slow
def test_a_number_that_now_belongs_to_another_process_is_no_server(folder):
    embedded.start(folder)
    left = (folder / "postmaster.pid").read_text().splitlines()
    embedded.stop(folder)
    (folder / "postmaster.pid").write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    with pytest.raises(RecordsUnavailable):
        embedded.url(folder, "postgres", "shipway")
    assert value(embedded.start(folder), "SELECT 1") == 1


@pytest.mark.parametrize(
    "text", ["", "1\n", "x\n\n\n5432\n/tmp\n\n\nready\n", "999999999\n/d\n0\n5432\n/t\n\n0 0\nready\n"]
)
def test_a_half_written_file_is_no_server(tmp_path, text):
    (tmp_path / "postmaster.pid").write_text(text)
    with pytest.raises(RecordsUnavailable):
        embedded.url(tmp_path, "postgres", "shipway")


@pytest.mark.slow
def test_racing_migrators_make_the_roles_of_a_new_server_once(folder):
    urls = [embedded.start(folder), embedded.url(folder, "postgres", "airflow")]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(migrate, urls * 4)) == ["0001"] * 8
    assert value(urls[0], "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shipway%'") == 3


def test_odd_names_are_quoted_in_the_address(postgres, tmp_path):
    from urllib.parse import parse_qs, urlsplit

    running = parse_qs(urlsplit(postgres).query)["host"][0]
    (tmp_path / "odd & name").symlink_to(running)
    assert embedded.url(tmp_path / "odd & name", "a@b", "c/d").startswith("postgresql://a%40b@/c%2Fd?host=/")
