"""Open the registry that an environment names."""

from __future__ import annotations

from collections.abc import Callable

from shipway.registry.contract import Registry
from shipway.registry.disk import DiskStore
from shipway.registry.objectstore import ObjectStoreRegistry
from shipway.spec.environment import Environment


def _local(environment: Environment) -> Registry:
    return ObjectStoreRegistry(DiskStore(environment.path(environment.registry.path)))


#: One way to open each kind of registry; a new adapter adds a line.
_KINDS: dict[str, Callable[[Environment], Registry]] = {"local": _local}


def open_registry(environment: Environment) -> Registry:
    """Return the registry of an environment; nothing is opened or made before its first use.

    :param environment: its ``registry.kind`` chooses the adapter.
    """
    return _KINDS[environment.registry.kind](environment)
