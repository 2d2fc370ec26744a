"""Every adapter joins the contract suite by one line in ``ADAPTERS``."""

import multiprocessing
from functools import partial

import pytest

from shipway.registry.disk import DiskStore
from shipway.registry.manifest import Proposal, lay_out
from shipway.registry.objectstore import ObjectStoreRegistry


def disk_store(folder):
    return DiskStore(folder / "store")


def disk_registry(folder):
    return ObjectStoreRegistry(disk_store(folder))


#: Name → function that opens a registry below a folder; called in other processes as well.
ADAPTERS = {"disk": disk_registry}
#: The same for the stores below an ObjectStoreRegistry.
STORES = {"disk": disk_store}


@pytest.fixture(params=sorted(ADAPTERS))
def registry_factory(request, tmp_path):
    return partial(ADAPTERS[request.param], tmp_path)


@pytest.fixture(params=sorted(STORES))
def store_factory(request, tmp_path):
    return partial(STORES[request.param], tmp_path)


@pytest.fixture
def registry(registry_factory):
    return registry_factory()


@pytest.fixture
def store(store_factory):
    return store_factory()


@pytest.fixture
def proposal():
    return Proposal(registered_by="ada", registered_at="2026-01-01T00:00:00Z", metrics={"ks": 0.5})


@pytest.fixture
def make_version(tmp_path):
    """Return a function that lays out a version folder whose weights are the given bytes."""

    def make(name="source", weights=b"weights"):
        saved = tmp_path / f"{name}-saved"
        (saved / "variables").mkdir(parents=True)
        (saved / "saved_model.pb").write_bytes(b"graph")
        (saved / "variables" / "data").write_bytes(weights)
        lay_out(saved, {"inputs": {}}, [{"instance": {}, "score": 0.1}], tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def race():
    """Return a function that runs work(number) in real processes that start together, and gives their answers."""

    def run(work, count=16):
        context = multiprocessing.get_context("fork")
        start, answers = context.Barrier(count), context.SimpleQueue()

        def racer(number):
            start.wait(30)
            answers.put(work(number))

        racers = [context.Process(target=racer, args=(number,)) for number in range(count)]
        for process in racers:
            process.start()
        for process in racers:
            process.join(60)
        assert [process.exitcode for process in racers] == [0] * count
        return [answers.get() for _ in racers]

    return run


@pytest.fixture
def in_child():
    """Return a function that runs work() in a real process and gives its exit code (negative: the signal)."""

    def run(work):
        process = multiprocessing.get_context("fork").Process(target=work)
        process.start()
        process.join(60)
        return process.exitcode

    return run
