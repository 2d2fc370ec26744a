"""Ask an endpoint for scores over HTTP, and read its answers: what a client application does."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from shipway.errors import ScoringError
from shipway.spec.model import ModelSpec

#: Instances in one request.
BATCH = 100
#: Seconds that one request may take.
REQUEST_SECONDS = 30


def predict_url(endpoint: str, model: str) -> str:
    """Return where a model is asked for scores.

    :param endpoint: base URL, such as ``http://127.0.0.1:8500``.
    """
    return f"{endpoint.rstrip('/')}/v1/models/{model}:predict"


def score(
    spec: ModelSpec,
    rows: Iterable[dict[str, Any]],
    *,
    endpoint: str,
    batch: int = BATCH,
    progress: Callable[[int], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Score instances, some in each request. A request that was not answered is sent again, with the same keys.

    :param rows: instances; one without an idempotency key gets that of :func:`key_of`.
    :param endpoint: base URL.
    :param batch: instances in one request.
    :param progress: gets the number of rows that were answered.
    :returns: for each row, in order: ``entity``, ``id`` of the score, ``score``, ``version``.
    :raises ScoringError: when a row cannot be sent, or the endpoint refuses or answers something else.
    """
    url = predict_url(endpoint, spec.model)
    keyed = _with_keys(rows, spec.scoring.key)
    with _session() as session:
        while some := list(islice(keyed, batch)):
            yield from _answers(spec, url, some, _predict(session, url, some))
            if progress:
                progress(len(some))


def key_of(row: dict[str, Any], number: int) -> str:
    """Return an idempotency key that says what is asked, and in which place.

    The same rows in the same order get the same keys again; two rows with the same values get two.

    :param row: the instance.
    :param number: its place in the input, from 1.
    :returns: SHA-256 of the canonical JSON (sorted names, no spaces) of ``[number, row]``, in hex.
    :raises ScoringError: when the row holds a value that JSON has not, such as NaN.
    """
    try:
        canonical = json.dumps([number, row], sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        hint = "A missing value is None; numbers are int or float, and finite."
        raise ScoringError(f"Row {number} cannot be sent as JSON: {error}.", hint=hint) from None
    return hashlib.sha256(canonical.encode()).hexdigest()


def score_of(prediction: Any, output: str) -> float:
    """Return the score of one prediction.

    A row of TensorFlow Serving's answer is a number, a list of one number where the output has a second dimension of
    one, or keys and values where the signature has several outputs.

    :param prediction: one item of ``predictions``: ``0.2``, ``[0.2]``, ``{"output": 0.2}`` or ``{"output": [0.2]}``.
    :param output: name of the output that is the score.
    :raises ScoringError: naming what was found, when it is none of these or not finite.
    """
    value = prediction.get(output) if isinstance(prediction, dict) else prediction
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        found = repr(prediction)[:100]
        raise ScoringError(f"Expected a finite number as the prediction of '{output}', found {found}.", field=output)
    return float(value)


def _with_keys(rows: Iterable[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    for number, row in enumerate(rows, start=1):
        made = key_of(row, number)  # for every row: a value that is not JSON is named with its row
        yield row if row.get(name) not in (None, "") else {**row, name: made}


def _answers(spec: ModelSpec, url: str, rows: list[dict[str, Any]], answer: Any) -> Iterator[dict[str, Any]]:
    try:
        values, ids, version = answer["predictions"], answer["shipway"]["ids"], answer["shipway"]["version"]
        triples = list(zip(rows, values, ids, strict=True))
    except (KeyError, TypeError, ValueError):
        raise _no_gateway(url) from None
    for row, value, number in triples:
        score = score_of(value, spec.serving.output)
        yield {"entity": row.get(spec.scoring.entity), "id": number, "score": score, "version": version}


def _session() -> Any:
    """Return a session that sends again what was not answered; the keys make that safe."""
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    session = requests.Session()
    again = Retry(
        total=6, backoff_factor=0.3, status_forcelist=(502, 503, 504), allowed_methods=None, raise_on_status=False
    )
    session.mount("http://", HTTPAdapter(max_retries=again))
    session.mount("https://", HTTPAdapter(max_retries=again))
    return session


def _predict(session: Any, url: str, instances: list[dict[str, Any]]) -> Any:
    import requests

    try:
        answer = session.post(url, json={"instances": instances}, timeout=REQUEST_SECONDS)
    except requests.RequestException as error:
        raise ScoringError(f"{url} did not answer ({type(error).__name__}).", hint="Is the model released?") from None
    if not answer.ok:
        raise ScoringError(f"{url} answered {answer.status_code}: {answer.text[:500]}")
    try:
        return answer.json()
    except ValueError:
        raise _no_gateway(url) from None


def _no_gateway(url: str) -> ScoringError:
    return ScoringError(f"{url} answered, but not as a gateway of Shipway does.", hint="Is the endpoint the right one?")
