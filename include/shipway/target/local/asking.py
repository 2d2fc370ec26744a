"""Ask the router what it does, with nothing but the standard library: tasks import this."""

from __future__ import annotations

import http.client
import json
from typing import Any

#: Seconds for one question.
TIMEOUT = 2.0


def ask_router(port: int) -> dict[str, Any] | None:
    """Return the router's ``/-/weights``: ``{"generation", "weights", "in_flight"}``.

    :param port: of the router on this machine.
    :returns: None when it does not answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/-/weights")
        response = connection.getresponse()
        body = response.read()
        if response.status != http.HTTPStatus.OK:
            return None
        answer: dict[str, Any] = json.loads(body)
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer
