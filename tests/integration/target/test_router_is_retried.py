import asyncio

import pytest

from shipway.target.local.places import Places, read_json
from shipway.target.local.supervisor_router import RouterKeeper

ROUTES = {"m": [{"release": "r", "url": "http://127.0.0.1:1", "weight": 100}]}


def test_a_router_that_cannot_be_started_is_tried_again(tmp_path):
    async def keep():
        (tmp_path / "logs").touch()  # a file where the folder should be
        router = RouterKeeper(Places(tmp_path), 0)
        await router.begin()
        await asyncio.sleep(0.1)
        (tmp_path / "logs").unlink()
        async with asyncio.timeout(30):
            while await router.ask() is None:
                await asyncio.sleep(0.02)
        await router.end(5)

    asyncio.run(keep())


def test_routes_that_could_not_be_written_are_written_again(tmp_path):
    router = RouterKeeper(Places(tmp_path), 0)
    Places(tmp_path).routes.mkdir()
    with pytest.raises(IsADirectoryError):
        router.write(ROUTES)
    Places(tmp_path).routes.rmdir()
    router.write(ROUTES)
    assert read_json(Places(tmp_path).routes) == {"generation": router.generation, "models": ROUTES}
    written = router.generation
    router.write(ROUTES)
    assert router.generation == written
