"""Short ways to say what the tests of the records need."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from psycopg.types.json import Jsonb

from shipway.records import approvals, releases

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def day():
    """Turn a number of days into a time."""
    return lambda days: EPOCH + timedelta(days=days)


@pytest.fixture
def opened(records):
    """Open a release."""

    def make(version=1, stage="production", model="credit_line", **changes):
        values = {
            "content_digest": f"sha256:c{version}",
            "image_digest": f"sha256:i{version}",
            "image": f"var/images@sha256:i{version}",
            "spec_digest": "sha256:s",
            "requested_by": "anna",
        }
        return releases.open_release(records, model=model, stage=stage, version=version, **{**values, **changes})

    return make


@pytest.fixture
def answered(records, day):
    """Record an answer about a release against a champion."""

    def make(release, champion, decision="approved", at=0.0, run_id="run", **changes):
        evidence = {"binding": approvals.binding(release, champion), "ks": 0.5}
        values = {
            "release": release.id,
            "stage": release.stage,
            "model": release.model,
            "version": release.version,
            "evidence_digest": approvals.evidence_digest(evidence["binding"]),
            "evidence": evidence,
            "decision": decision,
            "responder": None if decision == "unanswered" else "validator",
            "responder_name": None if decision == "unanswered" else "Vera Lidator",
            "reason": "fits",
            "responded_at": day(at),
            "run_id": run_id,
        }
        approval = approvals.Approval(**{**values, **changes})
        approvals.record(records, approval)
        return approval

    return make


@pytest.fixture
def score_row(day):
    """Make a row for ``shipway.append_scores``."""

    def make(entity="a", at=0.0, score=0.5, **changes):
        row = {
            "id": str(uuid.uuid4()),
            "model": "credit_line",
            "stage": "production",
            "version": 1,
            "image_digest": "sha256:i",
            "release": "credit-line-production-1-abc",
            "origin": "client",
            "entity": entity,
            "key": str(uuid.uuid4()),
            "business_time": day(at).isoformat(),
            "features": {"LOAN": 1000.0, "JOB": "Office"},
            "score": score,
        }
        return {**row, **changes}

    return make


@pytest.fixture
def append(records):
    """Append rows as the gateway does, and return its answer."""

    def call(rows, by=records):
        with by.transaction() as connection:
            return connection.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb(rows),)).fetchall()

    return call
