"""What a notebook or an application does with Shipway, in plain functions.

Example::

    from shipway import api

    manifest = api.register("hmeq", "exported_model", by="scientist", metrics={"ks": 0.81})
    for answer in api.score("hmeq", rows, endpoint="http://127.0.0.1:8500"):
        print(answer["entity"], answer["score"])

The environment file says where registry and records live (``SHIPWAY_ENVIRONMENT``). The records' URL comes from
``SHIPWAY_RECORDS_URL``, or from the embedded PostgreSQL when the environment has one.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from shipway import client, tables
from shipway.errors import RecordsUnavailable, ShipwayError
from shipway.registry.manifest import Manifest
from shipway.spec.reading import read_environment, read_model
from shipway.steps.rooms import Rooms

#: libpq URL of the records, for people and notebooks; tasks use an Airflow Connection.
RECORDS_VARIABLE = "SHIPWAY_RECORDS_URL"
#: Instances in one request.
BATCH = client.BATCH


def open_rooms(model: str, *, with_records: bool = True) -> Rooms:
    """Open the rooms of a model for a person.

    :param model: name of the model.
    :param with_records: whether the records are needed.
    :raises SpecErrors: when the model's or the environment's file is broken.
    :raises RecordsUnavailable: when the records are needed and nobody says where they are.
    """
    environment = read_environment()
    url = os.environ.get(RECORDS_VARIABLE, "")
    if with_records and not url:
        if not environment.records.embedded:
            raise RecordsUnavailable("Nobody says where the records are.", hint=f"Set {RECORDS_VARIABLE}.")
        from shipway.records import embedded

        url = embedded.url(environment.path(environment.records.embedded), "shipway_tasks", "shipway")
    return Rooms(read_model(model), environment, url)


def register(
    model: str,
    directory: str | Path,
    *,
    by: str | None = None,
    metrics: dict[str, float] | None = None,
    parent: int | None = None,
    snapshot: str | None = None,
) -> Manifest:
    """Check a SavedModel, let it answer the golden requests, and register it as a new version.

    :param directory: folder of the SavedModel.
    :param by: who registers it, and therefore cannot approve it; else the user of this process.
    :param metrics: figures for the approver, such as ``{"ks": 0.81, "auc": 0.93}``.
    :param parent: the version that it shall replace.
    :param snapshot: digest of the training snapshot.
    :returns: the manifest; ``manifest.version`` is the number that it was given.
    :raises ModelError: when it does not load, or has another signature than ``model.yaml`` asks for.
    """
    from shipway.steps.registering import register_directory

    return register_directory(
        open_rooms(model, with_records=False),
        Path(directory),
        registered_by=by or getpass.getuser(),
        metrics=metrics,
        parent=parent,
        snapshot=snapshot,
    )


def train(model: str, development: str | Path, *, by: str | None = None) -> tuple[Manifest, dict[str, Any]]:
    """Train the first version on development data and register it.

    :param development: CSV with the entity, every input and the target.
    :param by: who registers it.
    :returns: the manifest, and what was measured on held-back entities (``challenger_ks``, ``challenger_auc``, …).
    :raises TrainingError: naming column and row of a wrong value, or the script's file and line.
    """
    from shipway.steps.first import train_first

    rooms = open_rooms(model, with_records=False)
    return train_first(rooms, development=Path(development), registered_by=by or getpass.getuser())


def versions(model: str) -> list[dict[str, Any]]:
    """Return every version with its provenance and the aliases that point to it, oldest first."""
    from shipway.steps.prebuild import describe

    registry = open_rooms(model, with_records=False).registry
    aliases = {name: registry.alias(model, name) for name in ("champion", "challenger")}
    return [
        {**describe(registry.get(model, number)), "aliases": [name for name, at in aliases.items() if at == number]}
        for number in registry.versions(model)
    ]


def endpoint_of(model: str, stage: str | None = None) -> str:
    """Return the public base URL of a model on a stage; the last stage where none is named.

    :raises TargetUnavailable: when the target does not answer.
    """
    rooms = open_rooms(model, with_records=False)
    return rooms.target(stage or rooms.last_stage).observe(model).endpoint


def read_rows(model: str, file: str | Path) -> list[dict[str, Any]]:
    """Read a CSV of applicants into instances: numbers as numbers, empty values as None.

    :param file: CSV in UTF-8 with the entity and every input.
    :raises ScoringError: naming what is missing, or the row and the column of a value that is not a finite number.
    """
    return tables.read_applicants(read_model(model), Path(file))


def score(
    model: str,
    rows: Iterable[dict[str, Any]],
    *,
    endpoint: str | None = None,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Score applicants through the endpoint, as a client application does.

    A request that was not answered is sent again: its instances carry idempotency keys, so none is counted twice.
    An instance without a key gets one: SHA-256 over its values and its row number in ``rows``. The same rows in the
    same order therefore add no second scores; identical rows stay two. To score the same rows anew, give keys.

    :param rows: instances with every input, the entity, and if possible an idempotency key and a business time.
    :param endpoint: base URL; else that of the last stage.
    :param batch: instances in one request.
    :param progress: gets the number of rows that were answered.
    :returns: for each row, in order: ``entity``, ``id`` of the score, ``score``, ``version``.
    :raises ScoringError: when the endpoint refuses, with its own words, or answers as no gateway does.
    """
    spec = read_model(model)
    return client.score(spec, rows, endpoint=endpoint or endpoint_of(model), batch=batch, progress=progress)


def outcomes(model: str, file: str | Path) -> int:
    """Add outcomes from a CSV: entity, target, OCCURRED_AT, KNOWN_AT (ISO 8601); the same file again adds nothing.

    :returns: how many were new.
    :raises ScoringError: naming the row and the column of a wrong value.
    """
    from shipway.records.outcomes import add_outcomes

    rooms = open_rooms(model)
    rows = tables.read_outcomes(rooms.spec, Path(file))
    return add_outcomes(rooms.records, model, rows, source=Path(file).name)


def performance(model: str) -> list[dict[str, Any]]:
    """Return every measurement of a model, oldest first."""
    from dataclasses import asdict

    from shipway.records.performance import history

    return [asdict(row) for row in history(open_rooms(model).records, model)]


def status(model: str) -> dict[str, Any]:
    """Return, for every stage, what shall serve and what really does, and the messages that did not arrive."""
    from shipway.records.deliveries import recent
    from shipway.records.releases import serving

    rooms = open_rooms(model)
    stages = {}
    for stage in rooms.environment.stages:
        intended = serving(rooms.records, model, stage.name)
        stages[stage.name] = {"intended": intended.id if intended else None, **_observed(rooms, stage.name)}
    undelivered = [row for row in recent(rooms.records, model, 50) if not row["ok"]]
    return {"model": model, "stages": stages, "undelivered": undelivered}


def _observed(rooms: Rooms, stage: str) -> dict[str, Any]:
    try:
        found = rooms.target(stage).observe(rooms.spec.model)
    except ShipwayError as error:
        return {"endpoint": "", "releases": [], "problem": str(error)}
    releases = [
        {
            "release": one.release,
            "version": one.version,
            "state": one.state,
            "weight": one.weight,
            "image_digest": one.image_digest,
        }
        for one in found.releases.values()
    ]
    return {"endpoint": found.endpoint, "releases": releases, "problem": ""}
