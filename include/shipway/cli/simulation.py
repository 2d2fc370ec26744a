"""A client application that keeps sending requests, and counts what it gets."""

from __future__ import annotations

import itertools
import signal
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from shipway import api
from shipway.client import predict_url
from shipway.errors import ScoringError
from shipway.spec.golden import read_golden
from shipway.spec.reading import read_model

#: Requests that may be under way at once.
WORKERS = 16
_TIMEOUT = 10
_LINE_SECONDS = 5.0


def run(
    model: str,
    *,
    rate: float,
    seconds: float = 0.0,
    data: Path | None = None,
    endpoint: str | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Send single requests at a steady rate until the time is over or Ctrl-C.

    A request that fails is counted, never repeated: that is what an application without care would see.

    :param rate: requests a second.
    :param seconds: how long; 0: until it is stopped.
    :returns: ``sent``, ``failed``, ``versions`` (answers by version), ``errors`` (the first few), ``p50_ms`` and
        ``p99_ms``.
    :raises ScoringError: when the data holds no applicant, or one that is wrong.
    :raises SpecErrors: when the golden requests are none.
    """
    spec = read_model(model)
    instances = api.read_rows(model, data) if data else read_golden(spec)
    if not instances:
        raise ScoringError(f"{data} holds no applicants.")
    client = _Client(predict_url(endpoint or api.endpoint_of(model), model), spec.scoring.entity, spec.scoring.key)
    asked = threading.Event()
    before = {sign: signal.signal(sign, lambda *_: asked.set()) for sign in (signal.SIGINT, signal.SIGTERM)}
    try:
        client.keep_sending(instances, rate=rate, seconds=seconds, quiet=quiet, asked_to_stop=asked)
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    return client.summary()


class _Client:
    """Counts answers of all its threads."""

    def __init__(self, url: str, entity: str, key: str) -> None:
        self._url, self._entity, self._key = url, entity, key
        self._sessions = threading.local()
        self._lock = threading.Lock()
        self._versions: Counter[str] = Counter()
        self._errors: list[str] = []
        self._failed = 0
        self._times: list[float] = []

    def keep_sending(
        self,
        instances: list[dict[str, Any]],
        *,
        rate: float,
        seconds: float,
        quiet: bool,
        asked_to_stop: threading.Event,
    ) -> None:
        """Send at a steady rate; while all workers wait for answers nothing is sent, and nothing piles up."""
        started = said = time.monotonic()
        free = threading.BoundedSemaphore(WORKERS)
        with ThreadPoolExecutor(WORKERS) as pool:
            for instance in itertools.cycle(instances):
                now = time.monotonic()
                if asked_to_stop.is_set() or (seconds and now - started >= seconds):
                    return
                free.acquire()
                pool.submit(self._send, instance).add_done_callback(lambda _: free.release())
                asked_to_stop.wait(max(0.0, now + 1 / rate - time.monotonic()))
                if not quiet and now - said > _LINE_SECONDS:
                    said = now
                    print(self.line())

    def line(self) -> str:
        summary = self.summary()
        shares = ", ".join(f"version {version}: {count}" for version, count in summary["versions"].items())
        return f"{summary['sent']} sent, {summary['failed']} failed ({shares}), p99 {summary['p99_ms']:.0f} ms"

    def summary(self) -> dict[str, Any]:
        with self._lock:
            times = sorted(self._times) or [0.0]
            return {
                "sent": len(self._times),
                "failed": self._failed,
                "versions": dict(sorted(self._versions.items())),
                "errors": self._errors[:10],
                "p50_ms": times[len(times) // 2] * 1000,
                "p99_ms": times[int(len(times) * 0.99)] * 1000,
            }

    def _send(self, instance: dict[str, Any]) -> None:
        body = {self._entity: f"simulated-{uuid.uuid4().hex[:12]}", **instance, self._key: uuid.uuid4().hex}
        started = time.monotonic()
        problem, version = "", ""
        try:
            answer = self._session().post(self._url, json={"instances": [body]}, timeout=_TIMEOUT)
            version = _version_in(answer)
            problem = "" if version else f"{answer.status_code} {answer.text[:200]}"
        except requests.RequestException as error:
            problem = f"{type(error).__name__}: {error}"
        with self._lock:
            self._times.append(time.monotonic() - started)
            if problem:
                self._failed += 1
                self._errors.append(problem)
            else:
                self._versions[version] += 1

    def _session(self) -> requests.Session:
        if not hasattr(self._sessions, "session"):
            self._sessions.session = requests.Session()
        session: requests.Session = self._sessions.session
        return session


def _version_in(answer: requests.Response) -> str:
    """Return the version that answered; "" where it is no answer of a gateway."""
    if not answer.ok:
        return ""
    try:
        return str(answer.json()["shipway"]["version"])
    except (ValueError, TypeError, KeyError):
        return ""
