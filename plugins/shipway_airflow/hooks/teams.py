"""Send to a Microsoft Teams channel through a Workflows webhook.

The webhook's URL carries its own signature, so the whole URL is a secret: it lives in an Airflow Connection and is in
no log and no exception. Workflows answer 202 with an empty body; the old connectors hid throttling in a 200 with the
text "Microsoft Teams endpoint returned HTTP error 429" (both: the Teams pages of learn.microsoft.com).
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseHook
from tenacity import RetryCallState, Retrying, retry_if_result, stop_before_delay, wait_exponential_jitter

from shipway.errors import NotifyError

_HIDDEN_THROTTLE = "HTTP error 429"
_BACK_OFF = wait_exponential_jitter(multiplier=0.2, max=2.0, jitter=0.1)


@dataclass(frozen=True)
class Reply:
    """What came back: HTTP status (0: nothing), the problem in words, and the wait in seconds that was asked for."""

    status: int
    problem: str = ""
    retry_after: float = 0.0

    @property
    def passing(self) -> bool:
        """Whether it may well succeed a moment later."""
        return self.status == 429 or self.status >= 500


class TeamsHook(BaseHook):
    """A webhook of Microsoft Teams.

    :param conn_id: Connection whose password is the webhook's URL; or its host, with the rest of the URL (path and
        query) as ``path`` in the extras.
    :param budget: seconds that :meth:`send` takes at most, all attempts together.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "teams_default"
    conn_type = "teams"
    hook_name = "Microsoft Teams (Workflows webhook)"

    def __init__(self, conn_id: str = default_conn_name, *, budget: float = 5.0) -> None:
        super().__init__()
        self.conn_id = conn_id
        self.budget = budget

    def send(self, payload: dict[str, Any]) -> None:
        """Send a payload; wait and try again while Teams is throttling (429) or unwell (5xx).

        :param payload: see :func:`shipway.notify.card.card`.
        :raises NotifyError: with status and masked address, when it is not accepted within the budget.
        """
        url = self._url()
        deadline = time.monotonic() + self.budget
        reply: Reply = Retrying(
            retry=retry_if_result(lambda reply: reply.passing),
            stop=stop_before_delay(self.budget),
            wait=_wait,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else Reply(0),
        )(_post, url, payload, deadline)
        if reply.problem:
            raise NotifyError(
                f"Teams did not take the message ({masked(url)}): {reply.problem}.",
                hint=f"See the Connection '{self.conn_id}' and the flow's run history.",
                status=reply.status,
                connection=self.conn_id,
            )

    def _url(self) -> str:
        try:
            connection = self.get_connection(self.conn_id)
        except Exception as error:
            found, url = type(error).__name__, ""
        else:
            found = "no URL that starts with https://"
            url = connection.password or f"{connection.host or ''}{connection.extra_dejson.get('path', '')}"
        if not url.startswith(("https://", "http://")):
            raise NotifyError(
                f"The Connection '{self.conn_id}' has no webhook ({found}).",
                hint="Put the whole URL of the Workflows webhook into its password.",
                connection=self.conn_id,
            )
        return url


def masked(url: str) -> str:
    """Return what may be shown of a webhook's URL: the scheme."""
    return f"{urlsplit(url).scheme}://…/…"


def _wait(state: RetryCallState) -> float:
    asked: float = state.outcome.result().retry_after if state.outcome else 0.0
    return max(asked, _BACK_OFF(state))


def _post(url: str, payload: dict[str, Any], deadline: float) -> Reply:
    """Make one attempt. It returns its problem, for an exception of requests carries the URL."""
    import pymsteams
    import requests

    card = pymsteams.connectorcard(url, http_timeout=max(0.1, deadline - time.monotonic()))
    card.payload = payload
    try:
        with _hidden:
            card.send()
    except pymsteams.TeamsWebhookException:
        pass  # its text is the answer's body, which nobody vouches for; the status says enough
    except requests.Timeout:
        return Reply(0, "no answer in time")
    except (requests.RequestException, ValueError) as error:
        return Reply(0, f"no connection ({type(error).__name__})")
    return _judge(card.last_http_response)


def _judge(response: Any) -> Reply:
    status = 429 if _HIDDEN_THROTTLE in response.text[:1000] else response.status_code
    asked = response.headers.get("Retry-After", "")
    problem = "" if 200 <= status < 300 else f"HTTP status {status}"
    if response.request.method != "POST":
        problem = "the address led elsewhere"  # to a page for signing in, as a rule, which answers 200
    return Reply(status, problem, float(asked) if asked.isdecimal() else 0.0)


class _HiddenRequests(logging.Filter):
    """Keeps urllib3 from logging a webhook's path: it does so at level DEBUG, signature included."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(self._thread, "sending", False)

    def __enter__(self) -> None:
        self._thread.sending = True

    def __exit__(self, *_: object) -> None:
        self._thread.sending = False


_hidden = _HiddenRequests()
logging.getLogger("urllib3.connectionpool").addFilter(_hidden)
