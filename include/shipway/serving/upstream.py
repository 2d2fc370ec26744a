"""The gateway's side of the model server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp

from shipway.errors import ModelError, ShipwayError, TargetUnavailable
from shipway.serving import metadata
from shipway.serving.metadata import Signature

#: Seconds for one call of the model server.
TIMEOUT = 30.0


class UpstreamRefused(ShipwayError):
    """The model server refused a request; its status and body are the client's answer.

    :param status: HTTP status.
    :param body: as the model server sent it.
    """

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"The model server answered {status}.", status=status)
        self.status = status
        self.body = body


class Upstream:
    """A client of one model server; TensorFlow Serving's own, or :mod:`shipway.serving.model_server`.

    :param base: its base URL.
    :param model: name of the model.
    :param signature: name of the signature that the release serves.
    """

    def __init__(self, base: str, model: str, signature: str) -> None:
        self._url = f"{base.rstrip('/')}/v1/models/{model}"
        self._name = signature
        self._signature: Signature | None = None
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the connection pool."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=3)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64))

    async def close(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def get(self, tail: str) -> tuple[int, bytes]:
        """Pass a GET on.

        :param tail: what follows the model in the path.
        :raises TargetUnavailable: when the model server does not answer.
        """
        return await self._call("GET", tail, None)

    async def is_ready(self) -> bool:
        """Say whether the model is loaded."""
        try:
            status, body = await self.get("")
        except TargetUnavailable:
            return False
        return status == 200 and b'"AVAILABLE"' in body

    async def signature(self) -> Signature:
        """Return the signature; asked once, since a release never changes.

        :raises TargetUnavailable: when the model server does not answer.
        :raises SignatureMismatch: when the model has no such signature.
        """
        if self._signature is None:
            status, body = await self.get("/metadata")
            if status != 200:
                raise TargetUnavailable(f"The model server answered {status} when asked for its signature.")
            self._signature = metadata.from_wire(json.loads(body), self._name)
        return self._signature

    async def predict(self, features: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Score instances.

        :param features: every input of the signature; None where a number is missing.
        :returns: TensorFlow Serving's ``predictions``: a value or an object per instance.
        :raises UpstreamRefused: when the model server refuses.
        :raises TargetUnavailable: when it does not answer.
        :raises ModelError: when its answer is none.
        """
        inputs = (await self.signature())["inputs"]
        rows = [{name: _encode(value, inputs[name]) for name, value in row.items()} for row in features]
        body = json.dumps({"signature_name": self._name, "instances": rows}).encode()
        status, answer = await self._call("POST", ":predict", body)
        if status != 200:
            raise UpstreamRefused(status, answer)
        try:
            predictions: list[Any] = json.loads(answer)["predictions"]
        except (ValueError, KeyError, TypeError):
            raise ModelError("The model server's answer has no predictions.") from None
        if len(predictions) != len(rows):
            raise ModelError(f"The model server gave {len(predictions)} predictions for {len(rows)} instances.")
        return predictions

    async def _call(self, method: str, tail: str, body: bytes | None) -> tuple[int, bytes]:
        if self._session is None:
            raise TargetUnavailable("The gateway is not open.")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        try:
            async with self._session.request(method, self._url + tail, data=body, headers=headers) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TargetUnavailable(
                f"The model server does not answer ({type(error).__name__}).", hint="Send the request again."
            ) from None


def _encode(value: Any, tensor: Mapping[str, Any]) -> Any:
    # TensorFlow Serving knows no null; its reader takes the literal NaN.
    scalar = float("nan") if value is None else value
    return [scalar] if len(tensor["shape"]) == 2 else scalar
