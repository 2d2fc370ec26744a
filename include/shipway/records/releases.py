"""Releases, the record of intent, and what happened to them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shipway.errors import RecordsError
from shipway.records import leases
from shipway.records.database import Records
from shipway.records.leases import Lease

#: What can happen to a release.
EVENTS = (
    "staged",
    "verified",
    "promoted",
    "failed",
    "rejected",
    "unanswered",
    "asked_again",
)
_COLUMNS = "id, model, stage, version, content_digest, image_digest, image, spec_digest, created_at, requested_by"


@dataclass(frozen=True)
class Release:
    """One version's image on one stage.

    :param id: ``<model>-<stage>-<version>-<8 hex digits>``, ``[a-z0-9-]`` only.
    :param image: where the image lies; a copy elsewhere has the same digest.
    :param spec_digest: ``sha256:…`` of the whole spec.
    """

    id: str
    model: str
    stage: str
    version: int
    content_digest: str
    image_digest: str
    image: str
    spec_digest: str
    created_at: datetime
    requested_by: str


def release_id(model: str, stage: str, version: int, image_digest: str, spec_digest: str) -> str:
    """Return the id of a release: the same for the same image and spec on the same stage."""
    mark = hashlib.sha256((image_digest + spec_digest).encode()).hexdigest()[:8]
    return f"{model}-{stage}-{version}-{mark}".replace("_", "-")


def open_release(
    records: Records,
    *,
    model: str,
    stage: str,
    version: int,
    content_digest: str,
    image_digest: str,
    image: str,
    spec_digest: str,
    requested_by: str,
) -> Release:
    """Record the intent to run an image on a stage; again for the same: the first record is returned.

    :param image: where the image lies now.
    :param requested_by: user name, or the run that asked.
    :raises RecordsError: when the id already stands for something else.
    """
    wanted = {
        "id": release_id(model, stage, version, image_digest, spec_digest),
        "model": model,
        "stage": stage,
        "version": version,
        "content_digest": content_digest,
        "image_digest": image_digest,
        "spec_digest": spec_digest,
    }
    with records.transaction() as connection:
        connection.execute(
            "INSERT INTO shipway.release (id, model, stage, version, content_digest, image_digest, image, spec_digest,"
            " requested_by) VALUES (%(id)s, %(model)s, %(stage)s, %(version)s, %(content_digest)s, %(image_digest)s,"
            " %(image)s, %(spec_digest)s, %(requested_by)s) ON CONFLICT (id) DO NOTHING",
            {**wanted, "image": image, "requested_by": requested_by},
        )
    release = get_release(records, str(wanted["id"]))
    found = asdict(release)
    different = [key for key, value in wanted.items() if found[key] != value]
    if different:
        raise RecordsError(
            f"Release '{release.id}' already stands for another {', '.join(different)}.",
            hint="Register the model again, so that it gets a new version.",
            release=release.id,
            different=different,
        )
    return release


def get_release(records: Records, release_id: str) -> Release:
    """Return a release.

    :raises RecordsError: when there is none of that id.
    """
    with records.transaction() as connection:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.release WHERE id = %s",  # noqa: S608 - a constant
            (release_id,),
        ).fetchone()
    if row is None:
        raise RecordsError(
            f"There is no release '{release_id}'.",
            hint="The table shipway.release lists all there are; `shipway status <model>` names those that serve.",
            release=release_id,
        )
    return Release(**row)


def releases(records: Records, model: str, stage: str | None = None) -> list[Release]:
    """Return all releases of a model, oldest first.

    :param stage: only those of this stage.
    """
    with records.transaction() as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.release"  # noqa: S608 - a constant
            " WHERE model = %(model)s AND (%(stage)s::text IS NULL OR stage = %(stage)s) ORDER BY created_at, id",
            {"model": model, "stage": stage},
        ).fetchall()
    return [Release(**row) for row in rows]


def append_event(
    records: Records,
    release_id: str,
    event: str,
    *,
    run_id: str,
    detail: Mapping[str, Any],
    lease: Lease | None = None,
) -> bool:
    """Write down what happened to a release; once for each attempt of a run.

    :param event: one of :data:`EVENTS`.
    :param detail: plain JSON.
    :param lease: checked in the same transaction, with its row locked: who was overtaken writes nothing.
    :returns: whether it was new.
    :raises StaleFence: when the lease was overtaken.
    :raises RecordsError: for an unknown word.
    """
    from psycopg.types.json import Jsonb

    if event not in EVENTS:
        raise RecordsError(f"'{event}' is no event of a release.", hint=f"Events are {', '.join(EVENTS)}.")
    with records.transaction() as connection:
        if lease is not None:
            leases.check_locked(connection, lease)
        written = connection.execute(
            "INSERT INTO shipway.release_event (release, event, run_id, fence, detail) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (release, event, run_id, fence) DO NOTHING",
            (release_id, event, run_id, lease.fence if lease else None, Jsonb(dict(detail))),
        )
        return written.rowcount == 1


def events(records: Records, release_id: str) -> list[dict[str, Any]]:
    """Return what happened to a release, oldest first: event, run_id, fence, detail, happened_at."""
    with records.transaction() as connection:
        return connection.execute(
            "SELECT event, run_id, fence, detail, happened_at FROM shipway.release_event WHERE release = %s"
            " ORDER BY id",
            (release_id,),
        ).fetchall()


def serving(records: Records, model: str, stage: str) -> Release | None:
    """Return the champion by intent: the release that was last promoted, or put back, on a stage."""
    with records.transaction() as connection:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.release WHERE id = ("  # noqa: S608 - a constant
            " SELECT e.release FROM shipway.release_event e JOIN shipway.release r ON r.id = e.release"
            " WHERE r.model = %s AND r.stage = %s AND e.event = 'promoted' ORDER BY e.id DESC LIMIT 1)",
            (model, stage),
        ).fetchone()
    return Release(**row) if row else None
