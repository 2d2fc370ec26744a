"""Scores with their outcomes, joined in the database, where the rows are.

An outcome, as known at a time, belongs, per version, to that version's last client score of the entity at or before it,
if that is less than ``outcome_days`` old. A score with several outcomes takes the latest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shipway.errors import RecordsError
from shipway.records.database import Records

# A score reaches until its version scores the entity again, at most ``days``. An outcome is the latest of a score when
# the next one of the entity lies beyond that reach. So the join needs no sort of its own result.
_KNOWN = """
known AS (
    SELECT entity, occurred_at, bad, lead(occurred_at) OVER (PARTITION BY entity ORDER BY occurred_at) AS next
    FROM (
        SELECT DISTINCT ON (entity, occurred_at) entity, occurred_at, bad
        FROM shipway.outcome
        WHERE model = %(model)s AND known_at <= %(as_of)s
          AND (%(start)s::timestamptz IS NULL OR occurred_at >= %(start)s)
          AND (%(end)s::timestamptz IS NULL OR occurred_at < %(end)s + make_interval(days => %(days)s))
        ORDER BY entity, occurred_at, known_at DESC, id DESC
    ) AS latest
)"""
_MATCH = """known.entity = score.entity AND known.occurred_at >= score.business_time AND known.occurred_at < score.until
    AND (known.next IS NULL OR known.next >= score.until)"""

# The fastest exact way to move a million scores: one bytea per class (float8send: eight bytes each, big-endian).
_LABELLED = f"""
WITH {_KNOWN}, score AS (
    SELECT version, entity, business_time, score,
           least(lead(business_time) OVER (PARTITION BY entity, version ORDER BY business_time, scored_at, id),
                 business_time + make_interval(days => %(days)s)) AS until
    FROM shipway.scoring_log
    WHERE model = %(model)s AND origin = 'client' AND (%(stage)s::text IS NULL OR stage = %(stage)s)
      AND business_time >= %(start)s AND business_time < %(end)s + make_interval(days => %(days)s)
)
SELECT score.version, count(*)::integer AS scored,
       coalesce(string_agg(float8send(score.score), '') FILTER (WHERE known.bad = 0), '') AS goods,
       coalesce(string_agg(float8send(score.score), '') FILTER (WHERE known.bad = 1), '') AS bads
FROM score LEFT JOIN known ON {_MATCH}
WHERE score.business_time < %(end)s
GROUP BY score.version
ORDER BY score.version
"""  # noqa: S608 - constants

_FIELD = f"""
WITH {_KNOWN}, score AS (
    SELECT entity, business_time, version, score, features, scored_at, id,
           least(lead(business_time) OVER (PARTITION BY entity ORDER BY business_time, scored_at, id),
                 business_time + make_interval(days => %(days)s)) AS until
    FROM shipway.scoring_log
    WHERE model = %(model)s AND origin = 'client' AND (%(stage)s::text IS NULL OR stage = %(stage)s)
)
SELECT score.entity, score.business_time, score.version, score.score, score.features, known.bad
FROM score JOIN known ON {_MATCH}
ORDER BY score.business_time, score.entity, score.id
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Labelled:
    """The ripe scores of one version in a window.

    :param scored: client scores in the window, with or without outcome.
    :param goods: scores whose outcome is 0, eight bytes each, big-endian float64, in no order.
    :param bads: the same for outcome 1.
    """

    version: int
    scored: int
    goods: bytes
    bads: bytes


def labelled(
    records: Records,
    model: str,
    *,
    start: datetime,
    end: datetime,
    as_of: datetime,
    outcome_days: int,
    stage: str | None = None,
) -> list[Labelled]:
    """Return the labelled scores of every version that scored in a window.

    :param start: first business time of the window, with a zone.
    :param end: end of the window, itself not in it.
    :param as_of: outcomes that became known later do not count.
    :param outcome_days: an outcome counts for a score that is less than this many days older.
    :param stage: only scores of this stage; None counts all.
    :raises RecordsError: for a time without a zone.
    """
    values = _values(model, start=start, end=end, as_of=as_of, days=outcome_days, stage=stage)
    with records.transaction() as connection:
        _plan_for_many(connection)
        rows = connection.execute(_LABELLED, values, binary=True).fetchall()
    return [Labelled(**{**row, "goods": bytes(row["goods"]), "bads": bytes(row["bads"])}) for row in rows]


def field_rows(
    records: Records, model: str, *, as_of: datetime, outcome_days: int, stage: str | None = None
) -> list[dict[str, Any]]:
    """Return what the field has taught, for training: one row per entity and outcome, scored by whatever version.

    :param as_of: outcomes that became known later do not count.
    :param outcome_days: an outcome counts for a score that is less than this many days older.
    :param stage: only scores of this stage; None counts all.
    :returns: entity, business_time, version, score, features, bad; by time and entity.
    :raises RecordsError: for a time without a zone.
    """
    values = _values(model, start=None, end=None, as_of=as_of, days=outcome_days, stage=stage)
    with records.transaction() as connection:
        _plan_for_many(connection)
        return connection.execute(_FIELD, values).fetchall()


def _values(model: str, **values: Any) -> dict[str, Any]:
    for name, value in values.items():
        if isinstance(value, datetime) and value.tzinfo is None:
            raise RecordsError(f"{name} has no time zone.", hint="Give an aware time, for example in UTC.")
    return {"model": model, **values}


def _plan_for_many(connection: Any) -> None:
    # Rows that came in since the last ANALYZE are unknown to the planner: a nested loop over them would take hours.
    connection.execute("SET LOCAL enable_nestloop = off")
    connection.execute("SET LOCAL work_mem = '128MB'")
    connection.execute("SET LOCAL jit = off")
