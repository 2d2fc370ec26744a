import itertools
import time
from urllib.parse import urlsplit

import psycopg
import pytest
from integration.serving import world
from integration.target.local_world import LocalWorld

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def saved_models():
    return world.saved_models()


@pytest.fixture(scope="module")
def module_database(postgres, migrated):
    """Administrator's address of a migrated database for a whole module: starting TensorFlow per test is too slow."""
    name = f"target_{next(_NUMBERS)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated} STRATEGY FILE_COPY")
    yield urlsplit(postgres)._replace(path=f"/{name}").geturl()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def local_world(module_database, tmp_path_factory):
    url = urlsplit(module_database)._replace(netloc="shipway_gateway@").geturl()
    one = LocalWorld(tmp_path_factory.mktemp("local"), url).start()
    yield one
    one.stop()


@pytest.fixture(scope="module", params=["local"])
def rig(request):
    """One real target of every kind, with the means to make images for it; the contract suite runs against each."""
    return request.getfixturevalue(f"{request.param}_world")


@pytest.fixture(scope="session")
def fence():
    """Rising fences, as the leases give them."""
    return itertools.count(10).__next__


@pytest.fixture(scope="session")
def until_state():
    def wait(target, model, release, *states, seconds=120):
        deadline = time.monotonic() + seconds
        while (probe := target.probe(model, release)).state not in states:
            assert time.monotonic() < deadline, probe
            time.sleep(0.1)
        return probe

    return wait
