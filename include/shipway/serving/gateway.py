"""The gateway: it answers clients for one release, and writes the scoring log before it answers.

``python -m shipway.serving.gateway --config FILE``, with the libpq URL of its role in ``SHIPWAY_GATEWAY_URL``.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from shipway.errors import ModelError, RecordsUnavailable, ScoringError, TargetUnavailable
from shipway.serving import instances, process, tfrest, values
from shipway.serving.gateway_config import URL_VARIABLE, GatewayConfig
from shipway.serving.instances import Fields, Scored
from shipway.serving.scorelog import KeyConflict, ScoreLog, Written
from shipway.serving.upstream import Upstream, UpstreamRefused

#: Header with which a release's verification marks its golden requests.
ORIGIN_HEADER = "X-Shipway-Origin"
#: Most instances of one request: more would not be written within the database's time.
MAXIMUM_INSTANCES = 5_000


class Gateway:
    """The handlers of one release.

    :param config: the release.
    :param url: libpq URL of the records; never logged.
    """

    def __init__(self, config: GatewayConfig, url: str) -> None:
        self._config = config
        self._fields = Fields(config.entity, config.key, config.business_time)
        self._golden = config.golden_instances()
        self._upstream = Upstream(config.upstream, config.model, config.signature)
        self._log = ScoreLog(url, config.database_timeout)

    def application(self) -> web.Application:
        """Return the application with all routes."""
        app = process.application(_refusals)
        app.cleanup_ctx.append(self._open)
        base = f"/v1/models/{self._config.model}"
        for path in (base, f"{base}/versions/{self._config.version}"):
            app.router.add_get(path, self.proxy)
            app.router.add_get(path + "/metadata", self.proxy)
            app.router.add_post(path + ":predict", self.predict)
        app.router.add_get("/healthz", self.health)
        return app

    async def proxy(self, request: web.Request) -> web.Response:
        """Pass a question about the model on."""
        status, body = await self._upstream.get("/metadata" if request.path.endswith("/metadata") else "")
        return web.Response(body=body, status=status, content_type="application/json")

    async def health(self, _: web.Request) -> web.Response:
        """Say how the process, the model server and the database do."""
        upstream, database = await self._upstream.is_ready(), await self._log.is_ready()
        state = {"release": self._config.release, "gateway": True, "upstream": upstream, "database": database}
        return process.answer(state, status=200 if upstream and database else 503)

    async def predict(self, request: web.Request) -> web.Response:
        """Score every instance, write every score, then answer."""
        signature = await self._upstream.signature()
        inputs = signature["inputs"]
        asked = self._read(await request.read(), inputs)
        golden = request.headers.get(ORIGIN_HEADER) == "golden"
        scored = self._judge_golden(asked, inputs) if golden else self._judge(asked, request, inputs)
        predictions = await self._upstream.predict([one.features for one in scored])
        scores = [self._score(prediction, index) for index, prediction in enumerate(predictions)]
        origin = "golden" if golden else "client"
        rows = [self._row(one, score, origin) for one, score in zip(scored, scores, strict=True)]
        written = await self._write(rows)
        return process.answer(self._answer(asked.layout, predictions, written))

    async def _open(self, _: web.Application) -> AsyncIterator[None]:
        await self._upstream.open()
        await self._log.open()
        yield
        await self._log.close()
        await self._upstream.close()

    def _read(self, body: bytes, inputs: dict[str, Any]) -> tfrest.Request:
        asked = tfrest.parse(body, next(iter(inputs)) if len(inputs) == 1 else None)
        if len(asked.instances) > MAXIMUM_INSTANCES:
            found = len(asked.instances)
            raise ScoringError(f"found {found} instances in one request, expected at most {MAXIMUM_INSTANCES}.")
        if asked.signature_name not in ("", self._config.signature):
            raise tfrest.bad_signature(asked.signature_name, [self._config.signature])
        return asked

    def _judge(self, asked: tfrest.Request, request: web.Request, inputs: dict[str, Any]) -> list[Scored]:
        return instances.judge(
            instances.with_headers(asked.instances, request.headers, self._fields), inputs, self._fields
        )

    def _judge_golden(self, asked: tfrest.Request, inputs: dict[str, Any]) -> list[Scored]:
        scored = instances.judge_golden(asked.instances, inputs, self._fields, self._golden)
        if scored is None:
            raise _NotGolden(f"This is none of the golden requests of release {self._config.release}.")
        return scored

    def _score(self, prediction: Any, index: int) -> float:
        value = prediction.get(self._config.output) if isinstance(prediction, dict) else prediction
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ModelError(f"instances[{index}]: the model's output '{self._config.output}' is not a finite number.")
        return float(value)

    def _row(self, scored: Scored, score: float, origin: str) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "model": self._config.model,
            "stage": self._config.stage,
            "version": self._config.version,
            "image_digest": self._config.image_digest,
            "release": self._config.release,
            "origin": origin,
            "entity": scored.entity,
            "key": scored.key,
            "business_time": scored.business_time,
            "features": scored.features,
            "score": score,
        }

    async def _write(self, rows: list[dict[str, Any]]) -> list[Written]:
        try:
            return await self._log.append(rows)
        except KeyConflict as error:
            # Neither the score nor the name of the other applicant is this client's business.
            problem = "was used for another applicant before: send a key of its own with each application."
            raise _KeyTaken(str(values.bad(self._fields.key, error.index, problem))) from None

    def _answer(self, layout: tfrest.Layout, predictions: list[Any], written: Sequence[Written]) -> dict[str, Any]:
        outputs = self._outputs(predictions, [row.score for row in written])
        return tfrest.answer(layout, outputs) | {
            "shipway": {
                "ids": [row.id for row in written],
                "versions": [row.version for row in written],
                "repeated": [row.repeated for row in written],
                "version": self._config.version,
                "release": self._config.release,
                "image_digest": self._config.image_digest,
            }
        }

    def _outputs(self, predictions: list[Any], scores: Sequence[float]) -> dict[str, list[Any]]:
        """Put the scores of the log into the answer: a repeated key gets its first score, in the model's own shape."""
        name = self._config.output
        if not isinstance(predictions[0], dict):
            return {
                name: [[new] if isinstance(old, list) else new for old, new in zip(predictions, scores, strict=True)]
            }
        outputs = {field: [row[field] for row in predictions] for field in predictions[0]}
        outputs[name] = [
            [new] if isinstance(old, list) else new for old, new in zip(outputs[name], scores, strict=True)
        ]
        return outputs


class _NotGolden(ScoringError):
    """A request that claims to be golden and is not."""


class _KeyTaken(ScoringError):
    """An idempotency key that another applicant has."""


@web.middleware
async def _refusals(request: web.Request, handler: process.Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (_NotGolden, _KeyTaken) as error:
        return process.failure(409, str(error))
    except UpstreamRefused as error:
        # What the client did wrong passes through; what the model server did wrong is a bad gateway.
        status = error.status if error.status < 500 else 502
        return web.Response(body=error.body, status=status, content_type="application/json")
    except (RecordsUnavailable, TargetUnavailable) as error:
        return process.failure(503, str(error))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one release until SIGTERM.

    :param arguments: of the command line.
    """
    parser = argparse.ArgumentParser(prog="shipway.serving.gateway", description=__doc__)
    parser.add_argument("--config", required=True, type=Path)
    options = parser.parse_args(arguments)
    # Taken out of the environment, so that nothing started later inherits it.
    url = os.environ.pop(URL_VARIABLE, "")
    if not url:
        sys.exit(f"{URL_VARIABLE} is not set: the gateway needs the address of the records database.")
    config = GatewayConfig.read(options.config)
    process.run(Gateway(config, url).application(), host=config.host, port=config.port)


if __name__ == "__main__":
    main()
