"""``model.yaml``: everything Shipway knows about one model before its first version exists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints, model_validator

#: Names end up in URLs, DAG ids, image names and Kubernetes names.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Share = Annotated[float, Field(gt=0, lt=1)]


class Part(BaseModel):
    """Base of all parts of a spec: frozen, and a key that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Scoring(Part):
    """How a request names what the model itself must not see; the gateway takes these fields out."""

    entity: str = Field("ENTITY", description="field with the applicant")
    key: str = Field("KEY", description="field with the idempotency key of the instance")
    business_time: str = Field("BUSINESS_TIME", description="field with the time of the business event (ISO 8601)")


class Serving(Part):
    """How a version is packed and served."""

    flavour: Literal["tfserving"] = "tfserving"
    signature: str = "serving_default"
    output: str = Field("output", description="name of the output that is the score")
    base_image: str | None = Field(None, description="image to build upon; none: the model layer alone")


class Golden(Part):
    """Golden requests: answered at registration, replayed at every step of a release."""

    requests: str = Field("golden.json", description="file beside model.yaml with a list of instances")
    tolerance: float = Field(1e-6, gt=0, description="largest absolute difference of a score")


class Rollout(Part):
    """How traffic moves to a new release."""

    steps: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (10, 50, 100)
    bake_seconds: float = Field(1.0, ge=0, description="time at each step before it is checked")
    ready_timeout_seconds: float = Field(180.0, gt=0)

    @model_validator(mode="after")
    def _rising_to_all(self) -> Rollout:
        if not self.steps or self.steps[-1] != 100 or list(self.steps) != sorted(set(self.steps)):
            raise ValueError("steps must rise and end with 100, for example [10, 50, 100]")
        return self


class Monitoring(Part):
    """When and how a version's performance is judged."""

    schedule: str = Field("0 3 * * *", description="cron, UTC")
    window_days: int = Field(90, ge=1, description="length of the window of business time")
    ripe_days: int = Field(0, ge=0, description="the window ends this many days before the run's date")
    outcome_days: int = Field(90, ge=1, description="an outcome counts for a score less than this many days older")
    ks_minimum: Share = 0.45
    ks_watch: Share = 0.50
    minimum_events: int = Field(30, ge=1, description="fewer goods or fewer bads than this: insufficient")

    @model_validator(mode="after")
    def _watch_above_minimum(self) -> Monitoring:
        if self.ks_watch < self.ks_minimum:
            raise ValueError(f"ks_watch ({self.ks_watch}) must not lie under ks_minimum ({self.ks_minimum})")
        return self


class Training(Part):
    """How a challenger is made and compared."""

    script: str = Field("train.py", description="file beside model.yaml with the function train()")
    parameters: dict[str, float | int | str | bool] = Field(default_factory=dict, description="given to train()")
    development: str | None = Field(None, description="CSV of the development data; relative to the project")
    held_back: Share = Field(0.3, description="share of the entities that training never sees")
    minimum_gain: float = Field(0.0, ge=0, description="KS that a challenger must gain over the champion")
    confidence: Share = Field(0.9, description="share of bootstrap samples in which the gain must hold")
    cooldown_days: int = Field(30, ge=0, description="business days after a retrain in which no other starts by itself")
    timeout_minutes: float = Field(60.0, gt=0)
    interpreter: str | None = Field(None, description="Python of this model's own environment")


class ModelSpec(Part):
    """One business model. ``folder`` is where its files lie."""

    model: Name
    title: str
    inputs: dict[str, Literal["number", "category"]] = Field(min_length=1, description="the model's inputs, in order")
    target: str = Field(description="column of the truth: 1 = bad, 0 = good")
    scoring: Scoring = Scoring()
    serving: Serving = Serving()
    golden: Golden = Golden()
    rollout: Rollout = Rollout()
    monitoring: Monitoring = Monitoring()
    training: Training = Training()

    _folder: Path = PrivateAttr(default=Path())

    @property
    def folder(self) -> Path:
        """The folder of ``model.yaml``."""
        return self._folder

    @model_validator(mode="after")
    def _names_are_apart(self) -> ModelSpec:
        reserved = [self.target, self.scoring.entity, self.scoring.key, self.scoring.business_time]
        clash = [name for name in reserved if name in self.inputs]
        if clash:
            raise ValueError(f"{', '.join(clash)} cannot be an input and the target or a scoring field as well")
        if len(set(reserved)) != len(reserved):
            raise ValueError(f"target and scoring fields must have different names, not {', '.join(reserved)}")
        return self
