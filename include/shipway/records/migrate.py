"""Bring a records database up to date; again changes nothing. Downgrades are not supported: restore a backup.

``python -m shipway.records.migrate`` takes the address of a role that may create schemas and roles from
``SHIPWAY_RECORDS_ADMIN_URL``, and passwords for the three roles, where given, from ``SHIPWAY_GATEWAY_PASSWORD``,
``SHIPWAY_PAGE_PASSWORD`` and ``SHIPWAY_TASKS_PASSWORD``.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipway.errors import RecordsError, ShipwayError
from shipway.records.database import connect, plain, unavailable

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Connection

#: What each role may do stands in the migrations. Roles belong to the whole server, not to one database.
ROLES = ("shipway_gateway", "shipway_page", "shipway_tasks")
#: Where the command line finds the administrator's address.
ADMIN_VARIABLE = "SHIPWAY_RECORDS_ADMIN_URL"

_LOCK = 7_447_929_001  # any number that nobody else takes
_ALEMBIC = threading.Lock()  # its context is one global of the process
_STATEMENT_SECONDS = 300
_DUPLICATE = ("duplicate_object", "unique_violation")


def migrate(url: str, *, passwords: Mapping[str, str] | None = None) -> str:
    """Make schema, tables, functions, roles and rights, or bring them up to date.

    Racing callers wait for each other; everything happens in one transaction, or not at all.

    :param url: address of a role that may create schemas and, where they are missing, roles.
    :param passwords: role → password; roles without one keep what they have.
    :returns: the revision that the database has now.
    :raises RecordsUnavailable: when PostgreSQL does not answer.
    :raises RecordsError: when the migration fails, or ``passwords`` names an unknown role.
    """
    import psycopg
    from sqlalchemy import exc

    unknown = sorted(set(passwords or {}) - set(ROLES))
    if unknown:
        raise RecordsError(f"There is no role {', '.join(unknown)}.", hint=f"Roles are {', '.join(ROLES)}.")
    url = plain(url)
    try:
        _roles(url, passwords or {})
        return _tables(url)
    except psycopg.OperationalError as error:
        raise unavailable(url, error) from None
    except exc.OperationalError as error:
        raise unavailable(url, error.orig if isinstance(error.orig, Exception) else error) from None
    except (psycopg.Error, exc.DBAPIError) as error:
        raise _failed(error) from None


def _failed(error: Exception) -> RecordsError:
    """Keep PostgreSQL's own sentence; never the statement, which may hold a password."""
    origin = getattr(error, "orig", error)
    diag = getattr(origin, "diag", None)
    said = getattr(diag, "message_primary", None) or type(origin).__name__
    return RecordsError(
        f"The records database could not be brought up to date: {said}.",
        hint="Run it as a role that may create schemas and roles, or let an administrator create the roles first.",
    )


def _roles(url: str, passwords: Mapping[str, str]) -> None:
    from psycopg import sql

    with connect(url, connect_timeout=5, statement_timeout=_STATEMENT_SECONDS) as connection:
        # Roles are seen from every database, and an advisory lock only from one: a racing migrator may be faster.
        for role in ROLES:
            connection.execute(
                sql.SQL(
                    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN "
                    "CREATE ROLE {role} LOGIN; END IF; EXCEPTION WHEN {races} THEN NULL; END $$"
                ).format(name=sql.Literal(role), role=sql.Identifier(role), races=sql.SQL(" OR ".join(_DUPLICATE)))
            )
        for role, password in passwords.items():
            connection.execute(_password(connection, role, password))


def _password(connection: psycopg.Connection[Any], role: str, password: str) -> Any:
    """Send only the SCRAM verifier, as psql does: logs of the server never see the password."""
    from psycopg import sql

    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    return sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))


def _tables(url: str) -> str:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine("postgresql+psycopg://", creator=lambda: _bare(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT pg_catalog.pg_advisory_xact_lock({_LOCK})")
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS shipway")
        with _ALEMBIC:
            revision = _upgrade(connection)
        connection.connection.cursor().execute(_DATABASE_RIGHTS)
    return revision


def _bare(url: str) -> psycopg.Connection[Any]:
    from psycopg.rows import tuple_row

    connection: psycopg.Connection[Any] = connect(url, connect_timeout=5, statement_timeout=_STATEMENT_SECONDS)
    connection.row_factory = tuple_row
    return connection


def _upgrade(connection: Connection) -> str:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    context = MigrationContext.configure(
        connection, opts={"version_table": "migration", "version_table_schema": "shipway"}
    )
    return str(context.get_current_revision())


# Only the tasks need temporary tables. A database of somebody else's keeps its rights.
_DATABASE_RIGHTS = """
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO shipway_tasks', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO shipway_gateway, shipway_page', current_database());
EXCEPTION WHEN insufficient_privilege THEN NULL; END $$
"""


def main() -> int:
    """Be the command: migrate the database that the environment names, and say its revision."""
    url = os.environ.get(ADMIN_VARIABLE)
    if not url:
        sys.stderr.write(f"Set {ADMIN_VARIABLE} to the address of the records database.\n")
        return 2
    given = {role: os.environ.get(f"{role.upper()}_PASSWORD") for role in ROLES}
    try:
        revision = migrate(url, passwords={role: password for role, password in given.items() if password})
    except ShipwayError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"The records database is at revision {revision}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
