"""What a gateway is told: one JSON file, and the address of the database in its environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

#: Environment variable with the libpq URL of the gateway's own role. It is never logged.
URL_VARIABLE = "SHIPWAY_GATEWAY_URL"


class GatewayConfig(BaseModel):
    """One release as its gateway knows it.

    :param upstream: base URL of the model server, such as ``http://127.0.0.1:8501``.
    :param entity: field with the applicant.
    :param key: field with the idempotency key.
    :param business_time: field with the time of the business event.
    :param output: name of the output that is the score.
    :param golden: path of ``golden.json``; none: no request counts as golden.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    version: int
    content_digest: str
    image_digest: str
    release: str
    stage: str
    upstream: str
    port: int
    host: str = "127.0.0.1"
    signature: str = "serving_default"
    output: str = "output"
    entity: str = "ENTITY"
    key: str = "KEY"
    business_time: str = "BUSINESS_TIME"
    golden: str | None = None
    database_timeout: float = Field(
        3.0, gt=0, description="seconds until an answer is given up because of the database"
    )

    @classmethod
    def read(cls, file: Path) -> GatewayConfig:
        """Read the file.

        :param file: JSON.
        """
        return cls.model_validate_json(file.read_bytes())

    def golden_instances(self) -> list[dict[str, Any]]:
        """Return the release's golden instances in their order, as they stand in the file."""
        if self.golden is None:
            return []
        return [one["instance"] for one in json.loads(Path(self.golden).read_bytes())]
