"""``approve``: what the approver reads, and the record of the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from shipway.errors import ShipwayError
from shipway.notify.card import escape
from shipway.notify.message import one_line
from shipway.steps import points
from shipway.steps.evidence import approvers
from shipway.steps.rooms import Rooms


def subject(evidence: dict[str, Any]) -> str:
    """Return the headline of the request, in plain text."""
    champion = evidence["champion"]
    what = f"{evidence['title']}: version {evidence['version']} to {evidence['stage']}"
    return f"{what} (replaces version {champion['version']})" if champion else f"{what} (the first one)"


def body(evidence: dict[str, Any], *, attempt: int = 1) -> str:
    """Return the evidence as Markdown.

    :param attempt: number of the attempt; from the second on the text says that an answer may have been lost.
    """
    parts = [
        _asked_again(evidence, attempt),
        _what_goes_where(evidence),
        _metrics(evidence),
        _digests(evidence),
        "Approve binds exactly this evidence. If the champion changes before the deployment, you are asked again. "
        "No answer in time means no.",
    ]
    return "\n\n".join(part for part in parts if part)


def record_answer(rooms: Rooms, *, evidence: dict[str, Any], answer: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Keep who said what to which evidence; a time-out is kept as ``unanswered``, and means no.

    :param answer: Airflow's result: ``chosen_options``, ``params_input``, ``responded_at``, ``responded_by_user``.
    :returns: ``decision``, ``by`` and ``reason``.
    :raises ShipwayError: when the one who registered the version answered, or somebody who is no approver.
    """
    from shipway.records import approvals

    user = answer.get("responded_by_user")
    if user and user["id"] not in approvers(rooms, evidence):
        mine = user["id"] == evidence["registered_by"]
        why = f"registered version {evidence['version']}" if mine else f"is no approver of {evidence['stage']}"
        raise ShipwayError(
            f"{user['id']} {why} and cannot approve it.",
            hint="Let another approver answer: start the release again.",
        )
    decision = _decision(answer, answered=user is not None)
    reason = str((answer.get("params_input") or {}).get("reason") or "")
    approvals.record(
        rooms.records,
        approvals.Approval(
            release=evidence["release"],
            stage=evidence["stage"],
            model=evidence["model"],
            version=evidence["version"],
            evidence_digest=approvals.evidence_digest(evidence["binding"]),
            evidence=evidence,
            decision=decision,
            responder=user["id"] if user else None,
            responder_name=user["name"] if user else None,
            reason=reason,
            responded_at=_time(answer["responded_at"]),
            run_id=run_id,
        ),
    )
    points.passed("approve.recorded")
    return {"decision": decision, "by": user["name"] if user else None, "reason": reason}


def _decision(answer: dict[str, Any], *, answered: bool) -> Any:
    if not answered:
        return "unanswered"
    return "approved" if answer["chosen_options"] == ["Approve"] else "rejected"


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def _asked_again(evidence: dict[str, Any], attempt: int) -> str:
    reasons = [escape(one_line(evidence["because"]))] if evidence["because"] else []
    if attempt > 1:
        reasons.append("If you have answered this request before, that answer was lost on its way.")
    return f"**Asked again:** {' '.join(reasons)}" if reasons else ""


def _what_goes_where(evidence: dict[str, Any]) -> str:
    steps = " → ".join(f"{share} %" for share in evidence["rollout"])
    champion = evidence["champion"]
    now = f"version {champion['version']} serves" if champion else "nothing serves yet"
    parent = f"version {evidence['parent']}" if evidence.get("parent") else "none"
    golden = evidence["golden"]
    return "\n".join(
        [
            f"**What goes where:** version {evidence['version']} of `{evidence['model']}` to **{evidence['stage']}**, "
            f"traffic {steps}; {now}.",
            "",
            f"- registered by **{evidence['registered_by']}** at {evidence['registered_at']}, parent: {parent}",
            f"- requested by **{evidence['requested_by']}**",
            f"- compared with the champion: {_compared(evidence)}",
            f"- golden requests: {golden['requests']} answered as at registration, "
            f"largest difference {golden['largest_difference']:.1e}",
            f"- training snapshot: `{evidence.get('snapshot') or 'none'}`",
        ]
    )


def _compared(evidence: dict[str, Any]) -> str:
    reason = evidence.get("notes", {}).get("comparison", {}).get("reason")
    return f"**{evidence['decision']}**. {reason}" if reason else str(evidence["decision"])


def _metrics(evidence: dict[str, Any]) -> str:
    champion = evidence["champion"] or {"metrics": {}, "measured": None}
    names = sorted({*evidence["metrics"], *champion["metrics"]})
    rows = [
        f"| {name} | {_figure(evidence['metrics'], name)} | {_figure(champion['metrics'], name)} |" for name in names
    ]
    table = ["| metric | this version | champion |", "|---|---|---|", *rows] if rows else []
    if rows:
        table += ["", "Each as it was registered, on the held-back applicants of its own training."]
    measured = champion["measured"]
    if measured and measured["ks"] is not None:
        table += [
            "",
            f"Measured of the champion: KS {measured['ks']:.4f}, {measured['verdict']} ({measured['as_of'][:10]})",
        ]
    return "\n".join(table)


def _figure(metrics: dict[str, float], name: str) -> str:
    return f"{metrics[name]:.4f}" if name in metrics else "–"


def _digests(evidence: dict[str, Any]) -> str:
    names = ("content_digest", "image_digest", "manifest_digest")
    return "\n".join(f"- {name.replace('_', ' ')}: `{evidence[name]}`" for name in names)
