"""One attempt of a task, in a process of its own: ``python -m integration.steps.run_step STEP`` with JSON on stdin."""

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from shipway.errors import ShipwayError
from shipway.spec.reading import read_environment, read_model
from shipway.steps import lease, registering, retrain
from shipway.steps.approve import record_answer
from shipway.steps.build import build
from shipway.steps.deploy import check_ready, deploy, require_ready
from shipway.steps.evidence import gather
from shipway.steps.first import train_first
from shipway.steps.measure import measure
from shipway.steps.prebuild import describe, prebuild
from shipway.steps.promote import promote
from shipway.steps.rooms import Rooms
from shipway.steps.settle import settle
from shipway.steps.verify import verify

MODEL = "credit"


def first(rooms, *, development):
    manifest, _ = train_first(rooms, development=Path(development), registered_by="scientist")
    return describe(manifest)


def register_directory(rooms, *, folder, by):
    return describe(registering.register_directory(rooms, Path(folder), registered_by=by))


def wait_ready(rooms, *, staged, run_id):
    """What the deploy operator does after its trigger has waited."""
    held = lease.resume(rooms, stage=staged["stage"], run_id=run_id, fence=staged["fence"])
    deadline = time.monotonic() + 90
    while True:
        probe = check_ready(rooms, stage=staged["stage"], release_id=staged["release"])
        if probe.state != "pending" or time.monotonic() > deadline:
            return require_ready(rooms, release_id=staged["release"], probe=probe, lease=held)
        time.sleep(0.2)


STEPS = {
    step.__name__: step
    for step in (
        first, register_directory, wait_ready, prebuild, build, gather, record_answer, deploy, verify, promote, settle,
        measure, retrain.begin, retrain.take_snapshot, retrain.train, retrain.evaluate, retrain.register,
    )
}  # fmt: skip


def main() -> None:
    arguments = json.load(sys.stdin)
    if "as_of" in arguments:
        arguments["as_of"] = datetime.fromisoformat(arguments["as_of"])
    rooms = Rooms(read_model(MODEL), read_environment(), os.environ["SHIPWAY_RECORDS_URL"])
    try:
        answer = {"result": STEPS[sys.argv[1]](rooms, **arguments)}
    except ShipwayError as error:
        answer = {"error": type(error).__name__, "text": str(error), "data": error.data}
    print(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
