"""Approvals: who said yes or no, when, why, to which exact evidence. Append-only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from shipway.errors import ApprovalMissing, ChampionChanged, RecordsError
from shipway.records.database import Records
from shipway.records.releases import Release

#: What an approval binds: the digest is over exactly these.
BOUND = ("champion", "content_digest", "image_digest", "spec_digest", "stage")
_COLUMNS = (
    "release, stage, model, version, evidence_digest, evidence, decision, responder, responder_name, reason,"
    " responded_at, run_id"
)


@dataclass(frozen=True)
class Approval:
    """One answer of a person, or its absence.

    :param evidence: what the person saw; its ``binding`` (or it itself) holds every key of :data:`BOUND`.
    :param evidence_digest: :func:`evidence_digest` of that binding.
    :param responder: user name; None when nobody answered in time.
    """

    release: str
    stage: str
    model: str
    version: int
    evidence_digest: str
    evidence: dict[str, Any]
    decision: Literal["approved", "rejected", "unanswered"]
    responder: str | None
    responder_name: str | None
    reason: str
    responded_at: datetime
    run_id: str


def evidence_digest(evidence_binding: Mapping[str, Any]) -> str:
    """Return ``sha256:…`` over the canonical JSON (sorted keys, no blanks) of exactly the keys of :data:`BOUND`.

    :param evidence_binding: a mapping with these keys; others are left out of the digest.
    :raises RecordsError: when one of them is missing.
    """
    missing = [key for key in BOUND if key not in evidence_binding]
    if missing:
        raise RecordsError(f"The evidence lacks {', '.join(missing)}.", hint=f"It binds {', '.join(BOUND)}.")
    bound = {key: evidence_binding[key] for key in BOUND}
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def record(records: Records, approval: Approval) -> None:
    """Write an answer down; once per (run, release, time of the answer).

    :raises RecordsError: when the digest is not the evidence's own.
    """
    from psycopg.types.json import Json

    bound = _bound(approval)
    if evidence_digest(bound) != approval.evidence_digest or bound["stage"] != approval.stage:
        raise RecordsError(
            f"The evidence of release '{approval.release}' is not what its digest says.",
            hint="Make the digest with evidence_digest() from the very evidence that people see.",
            release=approval.release,
        )
    with records.transaction() as connection:
        connection.execute(
            f"INSERT INTO shipway.approval ({_COLUMNS})"  # noqa: S608 - a constant
            " VALUES (%(release)s, %(stage)s, %(model)s, %(version)s, %(evidence_digest)s, %(evidence)s, %(decision)s,"
            " %(responder)s, %(responder_name)s, %(reason)s, %(responded_at)s, %(run_id)s)"
            " ON CONFLICT (run_id, release, responded_at) DO NOTHING",
            {**asdict(approval), "evidence": Json(approval.evidence)},
        )


def latest(records: Records, evidence_digest: str) -> Approval | None:
    """Return the latest answer to exactly this evidence, or None."""
    with records.transaction() as connection:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.approval WHERE evidence_digest = %s"  # noqa: S608 - a constant
            " ORDER BY responded_at DESC, id DESC LIMIT 1",
            (evidence_digest,),
        ).fetchone()
    return Approval(**row) if row else None


def of_release(records: Records, release_id: str) -> list[Approval]:
    """Return all answers about a release, oldest first."""
    with records.transaction() as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM shipway.approval WHERE release = %s"  # noqa: S608 - a constant
            " ORDER BY responded_at, id",
            (release_id,),
        ).fetchall()
    return [Approval(**row) for row in rows]


def binding(release: Release, champion: str | None) -> dict[str, Any]:
    """Return what an approval of this release, against this champion, binds.

    :param champion: the champion by intent when people are asked; None where there is none.
    """
    return {
        "champion": champion,
        "content_digest": release.content_digest,
        "image_digest": release.image_digest,
        "spec_digest": release.spec_digest,
        "stage": release.stage,
    }


def require(records: Records, *, release: Release, champion: str | None) -> Approval:
    """Return the approval of exactly this release against exactly this champion.

    A no to exactly this evidence stays a no, whatever was said about another champion.

    :raises ChampionChanged: when it was approved against another champion; ``data`` has ``approved_against``.
    :raises ApprovalMissing: when there is none, or the latest answer was no.
    """
    answer = latest(records, evidence_digest(binding(release, champion)))
    if answer is not None and answer.decision == "approved":
        return answer
    other = _yes(records, release)
    if other is not None and (answer is None or answer.decision == "unanswered"):
        against = _bound(other)["champion"]
        raise ChampionChanged(
            f"Release '{release.id}' was approved against champion {against}, but now it is {champion}.",
            hint="Ask again.",
            release=release.id,
            approved_against=against,
            champion=champion,
        )
    raise _missing(release, answer)


def require_any(records: Records, release: Release) -> Approval:
    """Return the latest approval of a release against any champion, for putting an older one back.

    :raises ApprovalMissing: when it was never approved.
    """
    answer = _yes(records, release)
    if answer is None:
        raise _missing(release, None)
    return answer


def _yes(records: Records, release: Release) -> Approval | None:
    """The latest yes among the last words on each evidence."""
    last_words = {answer.evidence_digest: answer for answer in of_release(records, release.id)}
    given = [answer for answer in last_words.values() if answer.decision == "approved"]
    return max(given, key=lambda answer: answer.responded_at, default=None)


def _bound(approval: Approval) -> dict[str, Any]:
    bound: dict[str, Any] = approval.evidence.get("binding", approval.evidence)
    return bound


def _missing(release: Release, answer: Approval | None) -> ApprovalMissing:
    said = f" The latest answer was '{answer.decision}'." if answer else ""
    return ApprovalMissing(
        f"Release '{release.id}' has no approval for exactly this evidence.{said}",
        hint="Run the approval of this release again.",
        release=release.id,
        decision=answer.decision if answer else None,
    )
