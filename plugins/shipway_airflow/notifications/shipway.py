"""The notifier for Airflow's own callbacks: ``on_failure_callback=ShipwayNotifier(title=…)``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseNotifier

from shipway.errors import ShipwayError
from shipway.notify.message import Message, Tone
from shipway.spec.reading import read_environment
from shipway_airflow.notifications.channels import deliver


class ShipwayNotifier(BaseNotifier):
    """Send a message to all channels of the environment. A message that fails never fails the run.

    :param title: one line (templated).
    :param text: some sentences (templated).
    :param event: the word for programs.
    :param tone: good, warning, attention, accent or default.
    :param model: name of the model.
    """

    template_fields: Sequence[str] = ("title", "text")

    def __init__(
        self,
        *,
        title: str,
        text: str = "",
        event: str = "notice",
        tone: Tone = "attention",
        model: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.title = title
        self.text = text
        self.event = event
        self.tone = tone
        self.model = model

    def notify(self, context: Any) -> None:
        """Send it, from a task or the Dag processor.

        :param context: Airflow's context, from which run and task are taken where they are known.
        """
        try:
            environment = read_environment()
        except ShipwayError as error:
            self.log.warning("No message can be sent: %s", error)
            return
        deliver(self._message(context), environment, note=lambda result: None)

    async def async_notify(self, context: Any) -> None:
        """Send it, from the triggerer, whose loop goes on meanwhile.

        :param context: Airflow's context.
        """
        await asyncio.to_thread(self.notify, context)

    def _message(self, context: Any) -> Message:
        task = context.get("ti") or context.get("task_instance")
        url = getattr(task, "log_url", "")
        return Message(
            event=self.event,
            title=self.title,
            text=self.text,
            tone=self.tone,
            facts=(("Task", str(task.task_id)),) if task is not None else (),
            links=(("Open the log", url),) if isinstance(url, str) and url else (),
            model=self.model,
            run_id=str(context.get("run_id") or getattr(task, "run_id", "") or ""),
        )
