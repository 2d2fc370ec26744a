"""``measure`` and what follows from a verdict."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BaseBranchOperator

from shipway.errors import ShipwayError
from shipway.notify import texts
from shipway.steps.measure import measure
from shipway.steps.rooms import Rooms
from shipway_airflow.operators.step import StepOperator, about, pulled, tell

if TYPE_CHECKING:
    from airflow.sdk import Context


def business_date(context: Context) -> datetime:
    """Return the run's date: the form's ``as_of``, else the end of the data interval, else when it was due.

    :raises ShipwayError: when the form holds no date.
    """
    asked = context["params"].get("as_of")
    if asked:
        try:
            date = datetime.fromisoformat(asked)
        except ValueError:
            raise ShipwayError(f"as_of is '{asked}', not a date.", hint="Write it like 2026-04-01.") from None
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    found = context.get("data_interval_end") or context["dag_run"].run_after
    return datetime.fromtimestamp(found.timestamp(), UTC)  # Airflow's own class loses its zone when days are taken off


class MeasureOperator(StepOperator, BaseBranchOperator):
    """Measure every version, then follow the branch of the champion's verdict.

    Its result is the measurement; the branch is one of ``healthy``, ``watch``, ``underperforming``, ``insufficient``.
    """

    inherits_from_skipmixin = True

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return the measurement as plain JSON."""
        result = measure(rooms, as_of=business_date(context))
        context["ti"].xcom_push(key="return_value", value=result)  # before the branch skips what reads it
        self.do_branch(context, result["verdict"])
        return result


class VerdictOperator(StepOperator):
    """Tell people a verdict with its figures."""

    def step(self, rooms: Rooms, context: Context) -> dict[str, Any]:
        """Return the verdict that was told."""
        result = pulled(context, "measure")
        measured = result["measured"] or {"ks": None, "auc": None, "goods": 0, "bads": 0}
        start, end = result["window"]
        message = texts.measured(
            self.model,
            version=result["champion"] or 0,
            verdict=result["verdict"],
            ks=measured["ks"],
            auc=measured["auc"],
            goods=measured["goods"],
            bads=measured["bads"],
            window_start=start[:10],
            window_end=end[:10],
            **result["thresholds"],
            **about(context),
        )
        tell(rooms, context, message)
        return {"verdict": result["verdict"], "ks": measured["ks"]}
