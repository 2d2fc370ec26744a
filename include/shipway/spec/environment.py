"""``environment.yaml``: where things live. Nothing in it is secret; secrets live in Airflow Connections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from shipway.spec.model import Name, Part


class LocalRegistry(Part):
    """Versions and aliases as files below one folder."""

    kind: Literal["local"] = "local"
    path: str = "var/registry"


class RecordsPlace(Part):
    """The PostgreSQL database of the records."""

    connection: str = Field("shipway_records", description="Airflow Connection of the tasks' role")
    embedded: str | None = Field(None, description="folder of the embedded PostgreSQL, for the command line")


class LayoutImages(Part):
    """Images as OCI layouts below one folder, one layout per model."""

    kind: Literal["layout"] = "layout"
    path: str = "var/images"


class LocalTarget(Part):
    """Processes on this machine, kept by the supervisor."""

    kind: Literal["local"] = "local"
    path: str = "var/local"


class ApprovalRule(Part):
    """Who may approve, and how long they have. No answer in time means no."""

    approvers: tuple[str, ...] = Field(min_length=1, description="user names of Airflow")
    timeout_seconds: float = Field(86_400.0, gt=0, le=31_536_000, description="at most a year")


class Stage(Part):
    """One stage on a release's way."""

    name: Name
    target: LocalTarget = LocalTarget()
    approval: ApprovalRule | None = None


class FileChannel(Part):
    """Cards and mails as files; the channel of the embedded default."""

    kind: Literal["file"] = "file"
    audience: str
    path: str = "var/outbox"


class TeamsChannel(Part):
    """A Microsoft Teams channel, by a Workflows webhook."""

    kind: Literal["teams"]
    audience: str
    connection: str = Field(description="Airflow Connection whose password is the webhook's URL")


class MailChannel(Part):
    """Mail by SMTP."""

    kind: Literal["mail"]
    audience: str
    connection: str = "smtp_default"
    to: tuple[str, ...] = Field(min_length=1)
    sender: str = "shipway@localhost"


Channel = Annotated[FileChannel | TeamsChannel | MailChannel, Field(discriminator="kind")]


class Environment(Part):
    """One environment. Relative paths start at ``home``, the project's folder."""

    name: str
    registry: LocalRegistry = LocalRegistry()
    records: RecordsPlace = RecordsPlace()
    images: LayoutImages = LayoutImages()
    stages: tuple[Stage, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = ()
    work: str = Field("var/work", description="folder for build contexts, shared by the workers")
    snapshots: str = Field("var/snapshots", description="folder for training snapshots")

    _home: Path = PrivateAttr(default=Path())

    @property
    def home(self) -> Path:
        """The folder at which relative paths start."""
        return self._home

    def path(self, relative: str) -> Path:
        """Resolve a path of this file.

        :param relative: an absolute path, or one relative to :attr:`home`.
        """
        return self._home / relative

    def stage(self, name: str) -> Stage:
        """Return the stage of that name.

        :raises KeyError: when there is none.
        """
        return {stage.name: stage for stage in self.stages}[name]

    @model_validator(mode="after")
    def _stages_differ(self) -> Environment:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError(f"every stage needs a name of its own, not {', '.join(names)}")
        return self
