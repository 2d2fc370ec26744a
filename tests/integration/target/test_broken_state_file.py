import asyncio
import os
import signal

import pytest

from shipway.errors import TargetError
from shipway.target.local.places import read_json
from shipway.target.local.supervisor import Supervisor
from shipway.target.local.target import LocalTarget


def test_a_broken_state_file_ends_no_supervisor_and_is_named_to_who_asks(tmp_path):
    target = LocalTarget(tmp_path, "test")
    places = target._places
    places.desired("m").parent.mkdir(parents=True)
    places.desired("m").write_text('{"fence": 1, "releases": {}, "weights": {}}')

    async def until(condition):
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.05)

    async def supervise():
        running = asyncio.create_task(Supervisor(places, 0, "", ["false"]).run())
        await until(lambda: read_json(places.heartbeat))
        with pytest.raises(TargetError, match=r"m\.json is no desired state .*KeyError: 'lives'.*move the file away"):
            await asyncio.to_thread(target.probe, "m", "r")
        places.desired("m").unlink()
        places.desired("n").write_text('{"fence": 1, "releases": {}, "weights": {}, "lives": {}}')
        await until(lambda: read_json(places.observed("n")) == {"releases": {}})
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(running, 30)

    asyncio.run(supervise())
