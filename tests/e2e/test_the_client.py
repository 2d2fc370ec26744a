"""Last of all: the client that polled 50 times a second through every release, failure and kill."""

import json
import signal

import pytest
from e2e.world import MODEL

from shipway import api

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def test_the_client_saw_no_failed_request(world, champion):
    world.client.send_signal(signal.SIGINT)
    printed, _ = world.client.communicate(timeout=60)
    result = json.loads(printed)
    print({name: result[name] for name in ("sent", "failed", "versions", "p50_ms", "p99_ms")})
    assert result["failed"] == 0, result["errors"]
    assert result["sent"] > 1000
    with api.open_rooms(MODEL).records.transaction() as connection:
        query = (
            "SELECT count(*) AS n, count(DISTINCT key) AS keys FROM shipway.scoring_log WHERE entity LIKE 'simulated-%'"
        )
        logged = connection.execute(query).fetchone()
    assert (logged["n"], logged["keys"]) == (result["sent"], result["sent"])
