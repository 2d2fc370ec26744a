"""What a DAG file asks: which models' DAGs to build, and what an operator sees of broken ones."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from shipway.errors import SpecError, SpecErrors
from shipway.spec.model import ModelSpec
from shipway.spec.reading import model_names, read_all, read_model


def models(kind: str) -> list[ModelSpec]:
    """Return the specs of the models whose DAGs of one kind are needed.

    In the DAG processor these are all good ones. In a task's process Airflow names the one DAG that it needs: then only
    that model's file is read. A broken spec takes away only its own DAGs; ``shipway_specs`` names it.

    :param kind: suffix of the DAG ids: ``release``, ``monitor`` or ``retrain``.
    """
    wanted = get_parsing_context().dag_id
    names = (
        model_names() if wanted is None else [wanted.removesuffix(f"_{kind}")] if wanted.endswith(f"_{kind}") else []
    )
    specs = []
    for name in names:
        try:
            specs.append(read_model(name))
        except SpecErrors:
            continue
    return specs


def broken() -> list[SpecError]:
    """Return the problems of all broken models."""
    return read_all()[1]
