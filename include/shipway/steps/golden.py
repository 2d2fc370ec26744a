"""Golden requests over HTTP: an endpoint must answer as the model did at registration."""

from __future__ import annotations

import json
import time
from typing import Any

from shipway.client import score_of
from shipway.errors import ReleaseFailed, ScoringError
from shipway.records.releases import Release
from shipway.steps.rooms import Rooms

#: Marks a request as golden, so that monitoring never counts it.
ORIGIN = {"X-Shipway-Origin": "golden"}
#: Seconds for one request of all golden instances.
REQUEST_SECONDS = 15.0
#: Requests until the new release must have answered one at the public endpoint.
PUBLIC_REQUESTS = 200


def golden_of(rooms: Rooms, release: Release) -> list[dict[str, Any]]:
    """Return a release's golden requests and answers, from its own image: the registry is not needed.

    :raises ImageError: when the image lost a byte.
    """
    from shipway.image.reading import read_file

    content = read_file(rooms.layout, release.image_digest, "shipway/golden.json")
    golden: list[dict[str, Any]] = json.loads(content)
    return golden


def check_private(rooms: Rooms, release: Release, endpoint: str) -> dict[str, Any]:
    """Replay the golden requests at a release's private endpoint.

    :returns: ``requests`` and ``largest_difference``.
    :raises ReleaseFailed: when it does not answer, answers otherwise, or another release answers.
    """
    golden = golden_of(rooms, release)
    status, answer = _post(rooms, endpoint, golden)
    if status != 200 or answer["shipway"]["release"] != release.id:
        raise ReleaseFailed(f"{release.id} answered {status} to its golden requests: {json.dumps(answer)[:500]}")
    return _compare(rooms, release, golden, answer)


def check_public(rooms: Rooms, release: Release, endpoint: str) -> dict[str, Any]:
    """Send golden requests to the public endpoint until the new release has answered; nothing may fail meanwhile.

    The old release refuses golden requests that are not its own (409); that is an answer, too.

    :raises ReleaseFailed: when a request fails, the new release answers otherwise, or never.
    """
    golden = golden_of(rooms, release)
    for _ in range(PUBLIC_REQUESTS):
        status, answer = _post(rooms, endpoint, golden)
        if status not in (200, 409):
            raise ReleaseFailed(f"The public endpoint answered {status} to golden requests: {json.dumps(answer)[:500]}")
        if status == 200 and answer["shipway"]["release"] == release.id:
            return _compare(rooms, release, golden, answer)
    raise ReleaseFailed(f"{release.id} answered none of {PUBLIC_REQUESTS} requests at the public endpoint.")


def _post(rooms: Rooms, endpoint: str, golden: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
    import requests

    url = f"{endpoint.rstrip('/')}/v1/models/{rooms.spec.model}:predict"
    body = {"instances": [row["instance"] for row in golden]}
    started = time.monotonic()
    try:
        answer = requests.post(url, json=body, headers=ORIGIN, timeout=REQUEST_SECONDS)
        return answer.status_code, answer.json()
    except requests.RequestException as error:
        took = time.monotonic() - started
        raise ReleaseFailed(
            f"{url} did not answer golden requests ({type(error).__name__} after {took:.1f} s)."
        ) from None


def _compare(rooms: Rooms, release: Release, golden: list[dict[str, Any]], answer: dict[str, Any]) -> dict[str, Any]:
    output = rooms.spec.serving.output
    try:
        scores = [score_of(prediction, output) for prediction in answer["predictions"]]
    except ScoringError as error:
        raise ReleaseFailed(f"{release.id} does not answer golden requests with scores: {error}") from None
    differences = [abs(row["score"] - score) for row, score in zip(golden, scores, strict=True)]
    largest = max(differences, default=0.0)
    if largest > rooms.spec.golden.tolerance:
        raise ReleaseFailed(
            f"{release.id} answers golden request {differences.index(largest) + 1} otherwise than at registration: "
            f"the difference is {largest:.3g}, allowed is {rooms.spec.golden.tolerance:.3g}."
        )
    return {"requests": len(golden), "largest_difference": largest}
