"""What a step works with: the rooms of the house, opened for one model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shipway.registry.manifest import canonical
from shipway.spec.environment import Environment
from shipway.spec.model import ModelSpec

if TYPE_CHECKING:
    from shipway.image.layout import Layout
    from shipway.records.database import Records
    from shipway.registry.contract import Registry
    from shipway.target.contract import Target


@dataclass(frozen=True)
class Rooms:
    """Registry, records, images and targets of one model; each is opened when it is first asked for.

    :param spec: the model.
    :param environment: where things live.
    :param records_url: libpq URL of the records; secret, therefore not part of the repr.
    """

    spec: ModelSpec
    environment: Environment
    records_url: str = field(repr=False)

    @cached_property
    def registry(self) -> Registry:
        """Versions and aliases."""
        from shipway.registry.opening import open_registry

        return open_registry(self.environment)

    @cached_property
    def records(self) -> Records:
        """Releases, approvals, scores and performance."""
        from shipway.records.database import Records

        return Records(self.records_url)

    @property
    def layout(self) -> Layout:
        """The model's images."""
        from shipway.image.layout import Layout

        return Layout(self.environment.path(self.environment.images.path) / self.spec.model)

    def target(self, stage: str) -> Target:
        """Return what runs the releases of a stage."""
        from shipway.target.opening import open_target

        return open_target(self.environment, stage)

    def work(self, *parts: str) -> Path:
        """Return a path below the folder that the workers share."""
        return self.environment.path(self.environment.work).joinpath(self.spec.model, *parts)

    @property
    def snapshots(self) -> Path:
        """Folder of the training snapshots."""
        return self.environment.path(self.environment.snapshots)

    @property
    def last_stage(self) -> str:
        """The stage whose release is the champion."""
        return self.environment.stages[-1].name

    @property
    def spec_digest(self) -> str:
        """``sha256:…`` of the spec; part of what an approval binds."""
        return "sha256:" + hashlib.sha256(canonical(self.spec.model_dump(mode="json"))).hexdigest()

    @property
    def serving_options(self) -> dict[str, Any]:
        """What gateway and model server need to know of the spec."""
        spec = self.spec
        return {
            "signature": spec.serving.signature,
            "output": spec.serving.output,
            "inputs": dict(spec.inputs),
            "entity": spec.scoring.entity,
            "key": spec.scoring.key,
            "business_time": spec.scoring.business_time,
        }
