"""``check``: fail while a spec is broken, and tell people which and why."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from shipway.errors import SpecError, SpecErrors
from shipway.notify import texts
from shipway_airflow.operators.step import about
from shipway_airflow.parsing import all_problems, checked_environment, place

if TYPE_CHECKING:
    from airflow.sdk import Context

#: A change that breaks every model at once must not send hundreds of cards; the log names them all.
MOST_MESSAGES = 10


class CheckSpecsOperator(BaseOperator):
    """Read the environment and the specs of all models."""

    def execute(self, context: Context) -> None:
        """Succeed when all are good.

        :raises AirflowFailException: naming every problem; it is not retried.
        """
        problems = all_problems()
        if problems:
            self._tell(context, problems)
            raise AirflowFailException("\n".join(["Some specs are broken.", *map(str, problems)]))

    def _tell(self, context: Context, problems: list[SpecError]) -> None:
        # Without rooms there are no records either: what becomes of these messages stands in the log alone.
        from shipway_airflow.notifications.channels import deliver

        try:
            environment = checked_environment()
        except SpecErrors:
            self.log.warning("Nobody can be told: the environment itself is broken.")
            return
        broken = [(name, [str(one) for one in group]) for name, group in groupby(problems, key=place)]
        for name, sentences in broken[:MOST_MESSAGES]:
            message = texts.spec_broken(name, problems=sentences, **about(context))
            deliver(message, environment, note=lambda result: None)
        if len(broken) > MOST_MESSAGES:
            self.log.warning("%d more models are broken; no message says so.", len(broken) - MOST_MESSAGES)
