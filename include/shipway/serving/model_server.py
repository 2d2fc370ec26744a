"""The model server: TensorFlow Serving's REST API over one SavedModel, for machines without its binary.

``python -m shipway.serving.model_server --model NAME --version N --directory DIR --port P``

Like TensorFlow Serving it listens only after the model is loaded, so an open port means a model that answers.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from shipway.errors import ModelError
from shipway.serving import metadata, process, tfrest, values
from shipway.serving.savedmodel import SavedModel


class ModelServer:
    """The handlers for one model.

    :param model: name in the URLs.
    :param version: number in the URLs.
    :param loaded: the SavedModel.
    :param signature: the one that requests mean when they name none.
    """

    def __init__(self, model: str, version: int, loaded: SavedModel, signature: str = "serving_default") -> None:
        self._model = model
        self._version = version
        self._loaded = loaded
        self._signature = signature
        self._signatures = loaded.signatures

    def application(self) -> web.Application:
        """Return the application with all routes."""
        app = process.application()
        for base in ("/v1/models/{model:[^/:]+}", "/v1/models/{model:[^/:]+}/versions/{version:[0-9]+}"):
            app.router.add_get(base, self.status)
            app.router.add_get(base + "/metadata", self.metadata)
            app.router.add_post(base + ":predict", self.predict)
        return app

    async def status(self, request: web.Request) -> web.Response:
        """Answer GET on the model."""
        if not self._serves(request):
            return process.failure(404, f"Could not find any versions of model {request.match_info['model']}")
        return process.answer(metadata.status(self._version))

    async def metadata(self, request: web.Request) -> web.Response:
        """Answer GET on the model's metadata."""
        if not self._serves(request):
            return self._not_found(request)
        return process.answer(metadata.to_wire(self._model, self._version, self._signatures))

    async def predict(self, request: web.Request) -> web.Response:
        """Answer a prediction; the model runs in a thread, so that status requests never wait for it."""
        if not self._serves(request):
            return self._not_found(request)
        body = await request.read()
        return process.answer(await asyncio.to_thread(self._predict, body))

    def _predict(self, body: bytes) -> dict[str, object]:
        asked = tfrest.parse(body, self._only_input())
        name = asked.signature_name or self._signature
        if name not in self._signatures:
            raise tfrest.bad_signature(name, self._signatures)
        columns = values.columns(asked.instances, self._signatures[name]["inputs"])
        return tfrest.answer(asked.layout, self._loaded.predict(name, columns))

    def _only_input(self) -> str | None:
        inputs = list(self._signatures[self._signature]["inputs"])
        return inputs[0] if len(inputs) == 1 else None

    def _serves(self, request: web.Request) -> bool:
        version = request.match_info.get("version", str(self._version))
        return (request.match_info["model"], version) == (self._model, str(self._version))

    def _not_found(self, request: web.Request) -> web.Response:
        name, version = request.match_info["model"], request.match_info.get("version")
        wanted = f"Specific({name}, {version})" if version else f"Latest({name})"
        return process.failure(404, f"Servable not found for request: {wanted}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then serve it until SIGTERM.

    :param arguments: of the command line.
    """
    parser = argparse.ArgumentParser(prog="shipway.serving.model_server", description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--version", required=True, type=int)
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--signature", default="serving_default")
    options = parser.parse_args(arguments)
    try:
        loaded = SavedModel(options.directory)
        loaded.signature(options.signature)
    except ModelError as error:
        sys.exit(str(error))
    server = ModelServer(options.model, options.version, loaded, options.signature)
    process.run(server.application(), host=options.host, port=options.port)


if __name__ == "__main__":
    main()
