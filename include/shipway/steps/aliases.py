"""The aliases follow the truth: the release records say who serves, the registry is repaired to say the same."""

from __future__ import annotations

from shipway.steps import points
from shipway.steps.rooms import Rooms

CHAMPION = "champion"
CHALLENGER = "challenger"


def move_champion(rooms: Rooms, version: int | None) -> str:
    """Point ``champion`` to a version, and take ``challenger`` from it.

    The alias is a projection: where it pointed elsewhere than the records say, it is moved all the same, by
    compare-and-set, so that a concurrent move is noticed.

    :param version: the version that serves; None when nothing does.
    :returns: what was done, in words.
    :raises AliasConflict: when somebody moved it at the same moment.
    """
    model = rooms.spec.model
    found = rooms.registry.alias(model, CHAMPION)
    if found != version:
        rooms.registry.move_alias(model, CHAMPION, version, expected=found)
        points.passed("alias.moved")
    if version is not None and rooms.registry.alias(model, CHALLENGER) == version:
        rooms.registry.move_alias(model, CHALLENGER, None, expected=version)
    return f"champion: {found or 'none'} → {version or 'none'}" if found != version else f"champion: {version}"


def take_back(rooms: Rooms, *, version: int, champion: int | None) -> str:
    """Point ``champion`` away from a version that was withdrawn, if it points there.

    :param champion: the version that serves; None when nothing does.
    :returns: what was done, in words; a registry that is away is told, because it must not keep a release in place.
    """
    try:
        if version == champion or rooms.registry.alias(rooms.spec.model, CHAMPION) != version:
            return ""
        return move_champion(rooms, champion)
    except Exception as error:  # whatever an adapter raises
        return f"the champion alias could not be put back ({type(error).__name__}); the monitor repairs it"


def repair(rooms: Rooms) -> str | None:
    """Make the alias say what the records say.

    :returns: what was repaired, or None where nothing had to be.
    """
    from shipway.records.releases import serving

    release = serving(rooms.records, rooms.spec.model, rooms.last_stage)
    version = release.version if release else None
    if release is None or rooms.registry.alias(rooms.spec.model, CHAMPION) == version:
        return None
    return move_champion(rooms, version)
