"""The gateway's only way to the records: one call of ``shipway.append_scores`` for all instances of a request."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from shipway.errors import RecordsError, RecordsUnavailable

log = logging.getLogger(__name__)

_APPEND = "select ordinal, id, score, version, repeated from shipway.append_scores(%s::jsonb) order by ordinal"
#: SQLSTATE of ``shipway.append_scores``; the detail is the row's number, from 1.
_KEY_CONFLICT = "SW001"
_HINT = "Send the request again, with the same idempotency key."


class KeyConflict(RecordsError):
    """An idempotency key that stands for another entity already; nothing was written.

    :param index: position of the row in the call, from 0.
    """

    def __init__(self, index: int) -> None:
        super().__init__(f"The key of row {index + 1} stands for another entity already.", index=index)
        self.index = index


@dataclass(frozen=True)
class Written:
    """One row as it stands in the scoring log.

    :param repeated: its key was there before; id, score and version are those of the first row.
    """

    id: str
    score: float
    version: int
    repeated: bool


class ScoreLog:
    """A pool of connections that come back by themselves after PostgreSQL was away.

    :param url: libpq URL; never logged.
    :param timeout: seconds until a call is given up.
    """

    def __init__(self, url: str, timeout: float) -> None:
        # The pool's own warnings quote the server's address; this module says the same without it.
        logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
        self._timeout = timeout
        self._pending: set[asyncio.Task[Any]] = set()
        self._pool = AsyncConnectionPool(
            url,
            min_size=1,
            max_size=8,
            open=False,
            timeout=timeout,
            # Short, so that the pool tries anew with the next request instead of backing off for minutes.
            reconnect_timeout=1,
            check=AsyncConnectionPool.check_connection,
            kwargs={
                "autocommit": True,
                "connect_timeout": 2,
                "prepare_threshold": None,  # poolers such as PgBouncer may give each statement another connection
                "application_name": "shipway-gateway",
                "options": f"-c statement_timeout={int(timeout * 1000)}",
            },
        )

    async def open(self) -> None:
        """Open the pool; PostgreSQL may still be away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Close the pool."""
        for task in self._pending:
            task.cancel()
        await self._pool.close(timeout=2)

    async def append(self, rows: Sequence[Mapping[str, Any]]) -> list[Written]:
        """Write rows, all or none.

        :param rows: see ``shipway.append_scores``.
        :returns: one per row, in the same order.
        :raises KeyConflict: when a key is that of another entity.
        :raises RecordsUnavailable: when PostgreSQL does not confirm in time; the rows may be there all the same.
        """
        found = await self._query(_APPEND, (json.dumps(rows, allow_nan=False),))
        if len(found) != len(rows):
            raise RecordsUnavailable(f"The records confirmed {len(found)} of {len(rows)} scores.", hint=_HINT)
        return [Written(str(row[1]), float(row[2]), int(row[3]), bool(row[4])) for row in found]

    async def is_ready(self) -> bool:
        """Say whether PostgreSQL answers."""
        try:
            await self._query("select 1", ())
        except RecordsUnavailable:
            return False
        return True

    async def _query(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        task = asyncio.create_task(self._run(statement, parameters))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        # Not asyncio.timeout: a cancelled psycopg call waits for the server, which may be just what does not answer.
        done, _ = await asyncio.wait({task}, timeout=self._timeout)
        if not done:
            task.cancel()
            raise _unavailable("no answer in time")
        try:
            return task.result()
        except PoolTimeout:
            raise _unavailable("no connection") from None
        except psycopg.Error as error:
            if error.sqlstate == _KEY_CONFLICT:
                raise KeyConflict(int(error.diag.message_detail or 1) - 1) from None
            raise _unavailable(f"{type(error).__name__} {error.sqlstate or ''}".strip()) from None

    async def _run(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()


def _unavailable(reason: str) -> RecordsUnavailable:
    log.warning("the records database did not take part: %s", reason)
    return RecordsUnavailable(f"The scoring log cannot be written ({reason}), so no score is given.", hint=_HINT)
