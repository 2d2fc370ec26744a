"""The base of Shipway's operators: open the rooms, do one step, tell people, hand back a plain dict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

from shipway.errors import LeaseHeld, RecordsUnavailable, ShipwayError, TargetUnavailable
from shipway.notify.making import Extras
from shipway.notify.message import Message
from shipway.steps.rooms import Rooms
from shipway_airflow.hooks.rooms import RoomsHook
from shipway_airflow.notifications.channels import deliver

if TYPE_CHECKING:
    from airflow.sdk import Context

#: What may be different a moment later; any other error of ours would come again, so the task fails at once.
PASSING = (RecordsUnavailable, TargetUnavailable, LeaseHeld)
#: XCom key of the error that ended a task, and how many characters of it are kept.
ERROR, MOST_ERROR = "error", 4_000


class StepOperator(BaseOperator):
    """One step of the loop for one model.

    A subclass says in :meth:`step` which step it calls.

    :param model: name of the model.
    """

    def __init__(self, *, model: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def execute(self, context: Context) -> Any:
        """Do the step.

        :raises AirflowFailException: for an error that would come again; it is not retried.
        """
        with judged(context):
            return self.step(RoomsHook(self.model).open(), context)

    def step(self, rooms: Rooms, context: Context) -> Any:
        """Call one step and return plain JSON."""
        raise NotImplementedError


@contextmanager
def judged(context: Context) -> Iterator[None]:
    """Let passing errors be retried by Airflow; any other error of ours fails the task at once.

    Its text is kept under the key ``error``, so that ``outcome`` can tell people why.

    :raises AirflowFailException: with the text of the error.
    """
    try:
        yield
    except PASSING:
        raise
    except ShipwayError as error:
        context["ti"].xcom_push(key=ERROR, value=str(error)[-MOST_ERROR:])
        raise AirflowFailException(str(error)) from error


def tell(rooms: Rooms, context: Context, message: Message) -> None:
    """Deliver a message to all channels; nothing that goes wrong here reaches the task."""
    from shipway.records.deliveries import note

    def keep(result: dict[str, Any]) -> None:
        note(
            rooms.records,
            model=rooms.spec.model,
            run_id=context["run_id"],
            event=message.event,
            audience=result["audience"],
            channel=result["channel"],
            ok=result["ok"],
            error=result["error"],
        )

    deliver(message, rooms.environment, note=keep)


def about(context: Context) -> Extras:
    """Return what every message says of its run: its id and its page."""
    return {"run_id": context["run_id"], "url": run_url(context)}


def run_url(context: Context, page: str = "") -> str:
    """Return the address of the run in the UI, also below a base path.

    :param page: path below the run's page.
    """
    base = urlsplit(conf.get("api", "base_url", fallback="http://localhost:8080"))
    run = f"/dags/{quote(context['ti'].dag_id)}/runs/{quote(context['run_id'], safe='')}{page}"
    return str(base._replace(path=base.path.rstrip("/") + run).geturl())


def pulled(context: Context, task: str, key: str = "return_value") -> Any:
    """Return an XCom of a task of this run, or None."""
    return context["ti"].xcom_pull(task_ids=task, key=key)
