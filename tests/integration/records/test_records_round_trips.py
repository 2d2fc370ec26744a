import uuid
from datetime import UTC, datetime

from psycopg.types.json import Jsonb

from shipway.records import approvals, deliveries, leases, outcomes, performance, releases, retrains, scores

WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def opened(records, version=1, stage="production"):
    return releases.open_release(
        records,
        model="credit_line",
        stage=stage,
        version=version,
        content_digest=f"sha256:c{version}",
        image_digest=f"sha256:i{version}",
        image=f"var/images@sha256:i{version}",
        spec_digest="sha256:s",
        requested_by="anna",
    )


def approval(release, champion, decision="approved", at=WHEN, run_id="run"):
    evidence = {**approvals.binding(release, champion), "ks": 0.5}
    return approvals.Approval(
        release=release.id,
        stage=release.stage,
        model=release.model,
        version=release.version,
        evidence_digest=approvals.evidence_digest(evidence),
        evidence=evidence,
        decision=decision,
        responder=None if decision == "unanswered" else "validator",
        responder_name=None,
        reason="fits",
        responded_at=at,
        run_id=run_id,
    )


def test_everything_answers(records):
    release = opened(records)
    assert releases.releases(records, "credit_line") == [release]
    assert releases.append_event(records, release.id, "staged", run_id="r", detail={})
    approvals.record(records, approval(release, None))
    assert approvals.require(records, release=release, champion=None).responder == "validator"
    lease = leases.acquire(records, "credit_line", "production", "run", seconds=60)
    assert leases.current(records, "credit_line", "production") == lease
    assert outcomes.add_outcomes(records, "credit_line", [("a", 1, WHEN, WHEN)], "test") == 1
    row = dict(
        id=str(uuid.uuid4()), model="credit_line", stage="production", version=1, image_digest="sha256:i1",
        release=release.id, origin="client", entity="a", key="k", business_time=WHEN.isoformat(),
        features={"LOAN": 1.0}, score=0.1,
    )  # fmt: skip
    with records.transaction() as connection:
        answer = connection.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([row, row]),)).fetchall()
    assert [(one["ordinal"], str(one["id"]), one["score"], one["repeated"]) for one in answer] == [
        (1, row["id"], 0.1, False),
        (2, row["id"], 0.1, True),
    ]
    found = scores.labelled(records, "credit_line", start=WHEN, end=WHEN.replace(day=2), as_of=WHEN, outcome_days=90)
    assert [(one.version, one.scored, one.goods, len(one.bads)) for one in found] == [(1, 1, b"", 8)]
    assert [one["bad"] for one in scores.field_rows(records, "credit_line", as_of=WHEN, outcome_days=9)] == [1]
    measured = performance.Performance(
        "credit_line", 1, "production", WHEN, WHEN, WHEN, 1, 0, 1, 1.0, None, None, None, "insufficient", {"a": 1}
    )
    assert performance.save(records, measured) == measured
    assert performance.history(records, "credit_line", 1) == [measured]
    assert retrains.claim(records, model="credit_line", champion=1, cause="ks", run_id="r", as_of=WHEN)
    retrains.finish(records, model="credit_line", champion=1, cause="ks", decision="accepted", challenger=2, detail={})
    assert retrains.last(records, "credit_line")["challenger"] == 2
    deliveries.note(
        records, model="credit_line", run_id="r", event="e", audience="IT", channel="file", ok=True, error=""
    )
    assert deliveries.recent(records, "credit_line", 5)[0]["ok"] is True
