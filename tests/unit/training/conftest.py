"""A small spec, and rows to go with it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from shipway.spec.model import ModelSpec
from shipway.training.rows import read_development


@pytest.fixture(scope="session")
def spec() -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "model": "loans",
            "title": "Loans",
            "inputs": {"LOAN": "number", "JOB": "category"},
            "target": "BAD",
            "scoring": {"entity": "APPLICANT"},
        }
    )


@pytest.fixture
def development(spec: ModelSpec, tmp_path: Path) -> pa.Table:
    """A hundred applicants A0 to A99, one in five bad."""
    lines = [f"A{at},{at * 100},Office,{int(at % 5 == 0)}" for at in range(100)]
    file = tmp_path / "development.csv"
    file.write_text("\n".join(["APPLICANT,LOAN,JOB,BAD", *lines]) + "\n")
    return read_development(file, spec)


def _field_row(entity: str, loan: float | None = 1.0, *, day: int = 0, bad: int = 0) -> dict[str, Any]:
    return {
        "entity": entity,
        "business_time": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day),
        "features": {"LOAN": loan, "JOB": "Office"},
        "bad": bad,
    }


@pytest.fixture(scope="session")
def field_row() -> Callable[..., dict[str, Any]]:
    """Makes one field row: entity, loan, and day and bad by keyword."""
    return _field_row


@pytest.fixture
def fields() -> list[dict[str, Any]]:
    """Field rows of A0 to A49, known from development, and of the new B0 to B149."""
    old = [_field_row(f"A{at}", day=at, bad=int(at % 4 == 0)) for at in range(50)]
    return old + [_field_row(f"B{at}", day=at, bad=int(at % 3 == 0)) for at in range(150)]
