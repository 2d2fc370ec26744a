"""The way to the records database: one short transaction after another, every wait limited."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shipway.errors import RecordsError, RecordsUnavailable

if TYPE_CHECKING:
    import psycopg

#: Words of libpq's messages, and what they mean. The messages themselves may quote the address, so none is passed on.
_REASONS = (
    ("canceling statement due to", "a statement took longer than it may"),
    ("password authentication failed", "the password or the role is refused"),
    ("no password supplied", "a password is needed and none is given"),
    ("does not exist", "there is no such database or role"),
    ("too many", "it has no free connection"),
    ("starting up", "it is starting up"),
    ("timeout", "no answer in time"),
    ("refused", "nothing listens there"),
    ("no such file", "nothing listens there"),
    ("resolve", "its host name is unknown"),
    ("closed", "the connection broke"),
)
_PLAIN = re.compile(r"[\w./:,-]+")


class Records:
    """The records database. No connection is held between calls; the address is never shown.

    :param url: a libpq address, ``postgresql://role:password@host/database``.
    :param connect_timeout: seconds to wait for a connection.
    :param statement_timeout: seconds that one statement may take.
    """

    def __init__(self, url: str, *, connect_timeout: int = 5, statement_timeout: int = 60) -> None:
        self._url = plain(url)
        self._connect_timeout = connect_timeout
        self._statement_timeout = statement_timeout

    def __repr__(self) -> str:
        return "Records(…)"

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        """Give a connection for one transaction: committed at the end, rolled back by an exception.

        :raises RecordsUnavailable: when PostgreSQL does not answer, or not in time.
        :raises RecordsError: when the tables are missing, or this role may not do what was asked.
        """
        import psycopg
        from psycopg import errors

        try:
            with self._connect() as connection:
                yield connection
        except (errors.UndefinedTable, errors.UndefinedFunction, errors.InvalidSchemaName):
            raise RecordsError(
                f"The records database {place(self._url)} lacks Shipway's tables.",
                hint="Run `python -m shipway.records.migrate`.",
            ) from None
        except errors.InsufficientPrivilege as error:
            raise RecordsError(
                f"This role may not do that in the records database {place(self._url)}: {error.diag.message_primary}.",
                hint="Use the role that the task needs.",
            ) from None
        except psycopg.OperationalError as error:
            raise unavailable(self._url, error) from None
        except psycopg.Error as error:
            raise RecordsError(
                f"The records database {place(self._url)} refused that: {error.diag.message_primary or error}.",
                hint="Nothing was changed.",
                sqlstate=error.sqlstate,
            ) from None

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        return connect(self._url, connect_timeout=self._connect_timeout, statement_timeout=self._statement_timeout)


def connect(url: str, *, connect_timeout: int, statement_timeout: int) -> psycopg.Connection[dict[str, Any]]:
    """Open a connection whose every wait is limited, in UTC, with rows as dicts.

    :param url: a libpq address.
    :param connect_timeout: seconds.
    :param statement_timeout: seconds.
    :raises RecordsUnavailable: when that fails; the address is not part of the text.
    """
    import psycopg
    from psycopg.rows import dict_row

    try:
        return psycopg.connect(
            url,
            row_factory=dict_row,
            connect_timeout=connect_timeout,
            options=f"-c statement_timeout={statement_timeout}s -c timezone=UTC"
            f" -c idle_in_transaction_session_timeout={max(statement_timeout, 60)}s",
            # A server that vanished is noticed, also while nothing is sent.
            keepalives_idle=20,
            keepalives_interval=5,
            keepalives_count=3,
            application_name="shipway",
            prepare_threshold=None,
        )
    except psycopg.Error as error:  # a bad address is a ProgrammingError, and quotes itself
        raise unavailable(url, error) from None


def unavailable(url: str, error: Exception) -> RecordsUnavailable:
    """Say that PostgreSQL does not answer, without what only the address knows.

    :param url: the address; host, port and database name are shown if nothing else can hide in them.
    :param error: the error of psycopg; only its class, SQLSTATE and known words are used.
    """
    text = str(error).lower()
    reason = next((meaning for words, meaning in _REASONS if words in text), "")
    kind = type(error).__name__
    state = getattr(error, "sqlstate", None)
    return RecordsUnavailable(
        f"The records database {place(url)} does not answer: {reason or kind}.",
        hint="Check that PostgreSQL runs, and the address in the Airflow Connection.",
        kind=kind,
        sqlstate=state,
    )


def place(url: str) -> str:
    """Return ``host:port/database`` of an address, or nothing where a secret could hide in it."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        known = conninfo_to_dict(url)
    except psycopg.Error:
        return "(its address is not one)"
    host, port, name = (str(known.get(key) or "") for key in ("host", "port", "dbname"))
    if not all(_PLAIN.fullmatch(part) for part in (host, name)) or not (port == "" or port.isdigit()):
        return ""  # an unescaped @ or / in a password moves it into host or database
    return f"at {host}{':' if port else ''}{port}/{name}"


def plain(url: str) -> str:
    """Return a libpq address, also for one in SQLAlchemy's spelling (``postgresql+psycopg://``)."""
    return re.sub(r"^(postgresql|postgres)\+\w+://", "postgresql://", url)
