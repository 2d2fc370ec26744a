"""One keeper with real processes, and quick stand-ins for model server and gateway."""

import asyncio
import json
import os
import shutil
import sys
from contextlib import asynccontextmanager

import pytest

from shipway.target.contract import Launch
from shipway.target.local.places import Places
from shipway.target.local.supervisor_process import Process
from shipway.target.local.supervisor_release import ReleaseKeeper

_UNPACKER = """
import pathlib, sys
folder = pathlib.Path(sys.argv[2], "models", "m", "1")
folder.mkdir(parents=True)
(folder / "saved_model.pb").touch()
"""
_SERVER = """#!{python}
import pathlib, sys, time
if pathlib.Path(sys.argv[1], "no-memory").exists():
    sys.exit("not enough memory for the model")
time.sleep(60)
"""
_GATEWAY = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"upstream": true, "database": true}')
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
LAUNCH = Launch("r", "m", 1, "sha256:c", "layout@sha256:i", "sha256:i")


class QuickKeeper(ReleaseKeeper):
    """Keeps quicker processes; all else is the real thing."""

    def _model_server(self, port):
        folder = self._places.root
        return Process("model server", [str(folder / "server"), str(folder)], self._places.log("r", "model"))

    def _gateway(self):
        port = self.endpoint.rpartition(":")[2]
        return Process("gateway", [sys.executable, "-c", _GATEWAY, port], self._places.log("r", "gateway"))


@pytest.fixture
def places(tmp_path):
    make_server(tmp_path)
    return Places(tmp_path)


def make_server(folder):
    server = folder / "server"
    server.write_text(_SERVER.format(python=sys.executable))
    server.chmod(0o755)


@asynccontextmanager
async def kept(places, life="one", remove=False):
    keeper = QuickKeeper(LAUNCH, life, places, [sys.executable, "-c", _UNPACKER], "")
    keeper.begin()
    try:
        yield keeper
    finally:
        await asyncio.wait_for(keeper.end(remove=remove), 30)
        assert set(pids(keeper)) == {None}


async def until(condition, seconds=30):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def pids(keeper):
    return list(keeper.describe()["pids"].values())


async def make_ready(places, life="one"):
    async with kept(places, life) as keeper:
        await until(lambda: keeper.state == "ready")


def starts(places):
    return places.log("r", "model").read_text().count("not enough memory")


def test_a_life_that_was_never_ready_fails_after_two_starts(places):
    async def stage():
        (places.root / "no-memory").touch()
        async with kept(places) as keeper:
            await until(lambda: keeper.state == "failed")
            assert "ended with code 1 at start 2 of 2.\n" in keeper.reason
            assert "not enough memory for the model" in keeper.reason
            assert starts(places) == 2
        assert not places.ready("r").exists()

    asyncio.run(stage())


def test_a_release_that_was_ready_is_retried_by_the_next_supervisor_until_it_comes_up(places):
    async def restart():
        await make_ready(places)
        (places.root / "no-memory").touch()
        async with kept(places) as keeper:
            await until(lambda: places.log("r", "model").exists() and starts(places) > 4)
            assert keeper.state == "pending"
            assert "not enough memory for the model" in keeper.reason
            (places.root / "no-memory").unlink()
            await until(lambda: keeper.state == "ready")
            assert keeper.reason == ""

    asyncio.run(restart())


def test_a_retry_needs_no_image_while_the_model_is_unpacked(places):
    async def restart():
        await make_ready(places)
        (places.root / "no-memory").touch()
        async with kept(places) as keeper:
            await until(lambda: places.log("r", "model").exists() and starts(places) > 2)
            keeper._unpacker = [sys.executable, "-c", "raise SystemExit('the image is gone')"]
            (places.root / "no-memory").unlink()
            await until(lambda: keeper.state == "ready")

    asyncio.run(restart())


def test_another_life_of_the_same_release_may_fail_again(places):
    async def stage():
        await make_ready(places)
        (places.root / "no-memory").touch()
        async with kept(places, "two") as keeper:
            await until(lambda: keeper.state == "failed")

    asyncio.run(stage())


def test_what_cannot_even_be_started_again_takes_its_sibling_along_and_comes_back(places):
    async def kill():
        async with kept(places) as keeper:
            await until(lambda: keeper.state == "ready")
            server, gateway = pids(keeper)
            (places.root / "server").unlink()
            os.kill(server, 9)
            await until(lambda: pids(keeper)[1] != gateway)
            assert keeper.state == "pending"
            assert "The supervisor failed with it: FileNotFoundError" in keeper.reason
            make_server(places.root)
            await until(lambda: keeper.state == "ready")
            assert None not in pids(keeper)

    asyncio.run(kill())


def test_a_broken_note_is_no_note_and_a_retired_release_leaves_none(places):
    async def retire():
        places.ready("r").parent.mkdir()
        places.ready("r").write_text("{")
        async with kept(places, remove=True) as keeper:
            await until(lambda: keeper.state == "ready")
            assert json.loads(places.ready("r").read_text()) == {"life": "one"}
        assert not places.ready("r").exists()
        assert not places.release("r").exists()

    asyncio.run(retire())


def test_a_note_that_cannot_be_written_hinders_nothing(places):
    async def fill():
        places.ready("r").parent.touch()  # a file where the folder should be
        async with kept(places) as keeper:
            await until(lambda: keeper.state == "ready")
            places.ready("r").parent.unlink()
            os.kill(pids(keeper)[0], 9)
            await until(lambda: places.ready("r").exists())

    asyncio.run(fill())


def test_an_end_during_a_pause_is_quick(places):
    async def end():
        await make_ready(places)
        shutil.rmtree(places.root / "logs")
        (places.root / "no-memory").touch()
        async with kept(places) as keeper:
            await until(lambda: "the release is started again" in keeper.reason)
            async with asyncio.timeout(5):
                await keeper.end(remove=False)

    asyncio.run(end())
