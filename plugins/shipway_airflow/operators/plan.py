"""``plan``: where does this run start? With a version that must be built, or with an older release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BaseBranchOperator

from shipway.steps.deploy import require_own
from shipway.steps.rooms import Rooms
from shipway_airflow.operators.step import StepOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class PlanOperator(StepOperator, BaseBranchOperator):
    """Choose between building a version and putting an older, approved release back.

    Its key ``put_back`` in XCom holds the release that returns, ``version`` the version that is wanted.
    """

    inherits_from_skipmixin = True

    def step(self, rooms: Rooms, context: Context) -> Any:
        """Return the task that comes next.

        :raises RecordsError: when the form names a release that does not exist.
        :raises ReleaseFailed: when it is of another model or stage.
        """
        release_id = context["params"]["put_back"]
        if not release_id:
            return self.do_branch(context, "prebuild")
        from shipway.records.releases import get_release

        release = get_release(rooms.records, release_id)
        require_own(rooms, release)
        context["ti"].xcom_push(
            key="put_back", value={"release": release.id, "stage": release.stage, "version": release.version}
        )
        return self.do_branch(context, f"{release.stage}.deploy")
