"""A small Keras network for HMEQ: the same contract as train.py, chosen by one line of model.yaml.

Everything that turns an applicant into numbers lies inside the exported graph: imputation by the median and a flag that
says that the value was missing, scaling, and the lookup of categories. So the served model takes what a client sends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

#: Used where ``training.parameters`` of model.yaml says nothing.
DEFAULTS: dict[str, Any] = {"units": 32, "epochs": 30, "batch": 64, "learning_rate": 0.003, "dropout": 0.2, "seed": 7}


def train(
    columns: dict[str, np.ndarray], target: np.ndarray, directory: Path, parameters: dict[str, Any]
) -> dict[str, float]:
    """Train on the given rows and write a SavedModel.

    :param columns: input name → one value per row: float32 with NaN where missing, or str objects with ``""``.
    :param target: int8, 1 = bad, 0 = good.
    :param directory: where the SavedModel belongs. Its ``serving_default`` takes one ``[None]`` input per column
        and gives ``output``: float32 ``[None]``, the probability of 1.
    :param parameters: ``training.parameters`` of model.yaml.
    :returns: figures of the training worth keeping with the version.
    """
    chosen = {**DEFAULTS, **parameters}
    keras.utils.set_random_seed(int(chosen["seed"]))
    tf.config.experimental.enable_op_determinism()
    inputs, numbers = preprocessing(columns)
    prepare = keras.Model(inputs, numbers)
    matrix = prepare.predict(_tensors(columns), batch_size=4096, verbose=0)  # once, not in every epoch
    network = keras.Sequential(
        [
            layers.Input(matrix.shape[1:]),
            layers.Dense(int(chosen["units"]), activation="relu"),
            layers.Dropout(float(chosen["dropout"])),
            layers.Dense(int(chosen["units"]) // 2, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.Adam(float(chosen["learning_rate"]))
    network.compile(optimizer, loss="binary_crossentropy", steps_per_execution=16)
    truth = target.astype(np.float32)
    history = network.fit(matrix, truth, batch_size=int(chosen["batch"]), epochs=int(chosen["epochs"]), verbose=0)
    model = keras.Model(inputs, network(numbers))
    export(model, list(columns), directory)
    return {"epochs": float(chosen["epochs"]), "loss": float(history.history["loss"][-1])}


def preprocessing(columns: dict[str, np.ndarray]) -> tuple[dict[str, Any], Any]:
    """Build the first layers: from raw columns, shape [None] each, to one row of numbers.

    :param columns: the training rows, from which medians, scales and vocabularies are taken.
    :returns: the Keras inputs by name, and the tensor [None, width] made of them.
    """
    inputs, parts = {}, []
    for name, values in columns.items():
        if values.dtype == object:
            inputs[name] = keras.Input((), dtype="string", name=name)
            vocabulary = sorted({value for value in values if value})
            # Missing values and unseen categories share the one place for what is out of the vocabulary.
            parts.append(layers.StringLookup(vocabulary=vocabulary, output_mode="one_hot")(inputs[name]))
        else:
            inputs[name] = keras.Input((), dtype="float32", name=name)
            parts += _number(inputs[name], values)
    return inputs, layers.Concatenate()(parts)


def export(model: keras.Model, names: list[str], directory: Path) -> None:
    """Write the SavedModel with named inputs and the one output ``output``.

    :param model: takes a dict of columns, gives [None, 1].
    :param names: of the inputs, in order.
    """
    signature = {tensor.name: tf.TensorSpec([None], tensor.dtype, tensor.name) for tensor in model.inputs}

    @tf.function(input_signature=[{name: signature[name] for name in names}])
    def serve(rows: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {"output": tf.reshape(model(rows, training=False), [-1])}

    tf.saved_model.save(model, str(directory), signatures={"serving_default": serve})


def _tensors(columns: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    return {
        name: tf.constant(values, tf.string if values.dtype == object else tf.float32)
        for name, values in columns.items()
    }


def _number(raw: Any, values: np.ndarray) -> list[Any]:
    known = values[np.isfinite(values)]
    median = float(np.median(known)) if len(known) else 0.0
    low, high = np.percentile(known, [1, 99]) if len(known) else (0.0, 1.0)
    scale = float(np.std(np.clip(known, low, high))) if len(known) else 1.0
    missing = ops.isnan(raw)
    clipped = ops.clip(ops.where(missing, median, raw), float(low), float(high))
    column = layers.Reshape((1,))
    return [column((clipped - median) / (scale or 1.0)), column(ops.cast(missing, "float32"))]
