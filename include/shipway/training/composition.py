"""Which rows train and which compare: every entity stands on one side only, also of the champion's training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shipway.errors import EntityOverlap, TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.fields import field_table
from shipway.training.split import held_back

if TYPE_CHECKING:
    import pyarrow as pa

TRAIN, HELD_BACK = "train", "held_back"
DEVELOPMENT, FIELD = "development", "field"
#: How many entities an error names.
_NAMED = 3


def compose(
    development: pa.Table, fields: Sequence[Mapping[str, Any]], spec: ModelSpec, *, seen_by_champion: set[str] | None
) -> pa.Table:
    """Put development and field rows together, and split them by entity.

    A first training holds back a share of all entities. A retrain compares on field rows alone, because they are what
    the champion is failing on: those of entities that the champion's training never saw, a share of them by hash.
    All other rows train, except the development rows of the held-back entities, which are dropped.

    :param development: of :func:`shipway.training.rows.read_development`.
    :param fields: rows with ``entity``, ``business_time``, ``features`` and ``bad``.
    :param spec: inputs, target, ``training.held_back``; the model's name is the salt, ``<name>/retrain`` in a retrain.
    :param seen_by_champion: entities of the champion's training; None for a first training.
    :returns: ``entity``, ``origin``, ``business_time``, ``split``, the inputs and the target.
    :raises TrainingError: when no row is left to train with.
    """
    import pyarrow as pa

    field = field_table(fields, spec)
    known = entities(field)
    if seen_by_champion is None:
        apart = _held_back(known | entities(development), spec, salt=spec.model)
    else:
        apart = _held_back(known - seen_by_champion, spec, salt=f"{spec.model}/retrain")
    parts = [_part(development, DEVELOPMENT, apart, spec), _part(field, FIELD, apart, spec)]
    if seen_by_champion is not None:
        parts[0] = only(parts[0], TRAIN)
    table = pa.concat_tables(parts)
    if TRAIN not in table["split"].to_pylist():
        raise TrainingError(
            f"There is no row to train {spec.model} with.",
            hint="Name development data in model.yaml (training.development), or wait for outcomes.",
        )
    return table


def entities(rows: pa.Table) -> set[str]:
    """Return the different entities of some rows."""
    return {str(entity) for entity in rows["entity"].to_pylist()}


def only(rows: pa.Table, split: str) -> pa.Table:
    """Return the rows of one split.

    :param split: :data:`TRAIN` or :data:`HELD_BACK`.
    """
    import pyarrow as pa

    return rows.filter(pa.array([value == split for value in rows["split"].to_pylist()], pa.bool_()))


def check_apart(
    train_entities: Collection[str], held_back_entities: Collection[str], champion_train_entities: Collection[str]
) -> None:
    """Refuse a comparison on entities that either model has seen.

    :param train_entities: of the challenger's training.
    :param held_back_entities: on which both are compared.
    :param champion_train_entities: of the champion's training.
    :raises EntityOverlap: naming up to three entities and who has seen them.
    """
    compared = set(held_back_entities)
    for who, trained in (("challenger", train_entities), ("champion", champion_train_entities)):
        both = sorted(compared.intersection(trained))
        if both:
            more = f" and {len(both) - _NAMED} more" if len(both) > _NAMED else ""
            raise EntityOverlap(
                f"The {who} was trained with {', '.join(both[:_NAMED])}{more}, who are held back for the comparison.",
                hint="Take a new snapshot: a comparison on entities that a model has seen flatters it.",
                entities=both[:_NAMED],
                count=len(both),
            )


def _held_back(known: set[str], spec: ModelSpec, *, salt: str) -> set[str]:
    return {entity for entity in known if held_back(entity, salt=salt, share=spec.training.held_back)}


def _part(rows: pa.Table, origin: str, apart: set[str], spec: ModelSpec) -> pa.Table:
    import pyarrow as pa

    times = rows["business_time"] if origin == FIELD else pa.nulls(len(rows), pa.timestamp("us", tz="UTC"))
    columns = {
        "entity": rows["entity"],
        "origin": pa.array([origin] * len(rows), pa.string()),
        "business_time": times,
        "split": pa.array(
            [HELD_BACK if entity in apart else TRAIN for entity in rows["entity"].to_pylist()], pa.string()
        ),
    }
    return pa.table({**columns, **{name: rows[name] for name in (*spec.inputs, spec.target)}})
