"""From a stage of the environment to its target."""

from __future__ import annotations

from shipway.errors import TargetError
from shipway.spec.environment import Environment
from shipway.target.contract import Target


def open_target(environment: Environment, stage_name: str) -> Target:
    """Open the target of one stage.

    :param environment: the environment.
    :param stage_name: name of the stage.
    :raises TargetError: when the environment has no such stage.
    """
    from shipway.target.local.target import LocalTarget

    try:
        stage = environment.stage(stage_name)
    except KeyError:
        known = ", ".join(stage.name for stage in environment.stages)
        raise TargetError(
            f"The environment '{environment.name}' has no stage '{stage_name}', only {known}.", stage=stage_name
        ) from None
    return LocalTarget(environment.path(stage.target.path), stage.name)
