"""Load a SavedModel, describe its signatures as plain JSON, and predict from columns."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shipway.errors import ModelError, SignatureMismatch
from shipway.serving.metadata import Signature


class SavedModel:
    """A SavedModel in memory: exported by YDF, by Keras (``model.export``) or by ``tf.saved_model.save``.

    :param directory: folder with ``saved_model.pb``.
    :raises ModelError: when it does not load.
    """

    def __init__(self, directory: Path) -> None:
        # The whole object is kept: its signatures hold its variables only weakly.
        self._loaded = _load(directory)
        self._functions: dict[str, Any] = dict(self._loaded.signatures)

    @property
    def signatures(self) -> dict[str, Signature]:
        """All signatures by name."""
        return {name: self.signature(name) for name in sorted(self._functions)}

    def signature(self, name: str) -> Signature:
        """Describe one signature: inputs and outputs with dtype and shape.

        :param name: such as ``serving_default``.
        :raises SignatureMismatch: when there is none of that name.
        """
        function = self._function(name)
        _, inputs = function.structured_input_signature
        outputs = function.structured_outputs
        return {"inputs": _describe(inputs), "outputs": _describe(outputs)}

    def predict(self, name: str, columns: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
        """Predict.

        :param name: of the signature.
        :param columns: by input, one value per instance; None or NaN where a number is missing, "" for a category.
        :returns: by output, one value per instance.
        :raises SignatureMismatch: when there is no such signature.
        """
        function = self._function(name)
        _, inputs = function.structured_input_signature
        tensors = {field: _tensor(columns[field], spec) for field, spec in inputs.items()}
        return {field: _plain(value.numpy()) for field, value in sorted(function(**tensors).items())}

    def _function(self, name: str) -> Any:
        if name not in self._functions:
            known = ", ".join(sorted(self._functions)) or "none at all"
            raise SignatureMismatch(
                f"The SavedModel has no signature '{name}', only {known}.",
                hint="Name the right one in serving.signature, or export the model with it.",
                signature=name,
            )
        return self._functions[name]


def _load(directory: Path) -> Any:
    import tensorflow as tf

    if importlib.util.find_spec("ydf_tf"):
        importlib.import_module("ydf_tf")  # registers the op of YDF's models
    try:
        return tf.saved_model.load(str(directory))
    except Exception as error:
        # TensorFlow raises whatever its layers raise; all of it means: this folder is no loadable SavedModel.
        first = next(iter(str(error).splitlines()), "")
        raise ModelError(
            f"The SavedModel does not load ({type(error).__name__}: {first[:300]}).",
            hint="Export it with tf.saved_model.save, model.export or YDF's to_tensorflow_saved_model.",
        ) from None


def _describe(tensors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {"dtype": spec.dtype.name, "shape": [] if spec.shape.rank is None else spec.shape.as_list()}
        for name, spec in sorted(tensors.items())
    }


def _tensor(column: Sequence[Any], spec: Any) -> Any:
    import numpy as np
    import tensorflow as tf

    shape = (len(column), 1) if spec.shape.rank == 2 else (len(column),)
    if spec.dtype == tf.string:
        return tf.reshape(tf.constant(list(column), tf.string), shape)
    values = [np.nan if value is None else value for value in column]
    return tf.constant(np.asarray(values, spec.dtype.as_numpy_dtype).reshape(shape))


def _plain(values: Any) -> list[Any]:
    listed: list[Any] = values.tolist()
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in listed]
