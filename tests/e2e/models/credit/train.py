"""A logistic model of two inputs, small enough to train within a test."""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf


def train(columns, target, directory, parameters):
    """Fit by Newton's method and export a SavedModel."""
    features = np.stack([np.nan_to_num(columns["INCOME"]), columns["REGION"] == "south", np.ones(len(target))], 1)
    weights = np.zeros(3)
    for _ in range(15):
        chance = 1 / (1 + np.exp(-features @ weights))
        curvature = features.T * (chance * (1 - chance)) @ features + 1e-3 * np.eye(3)
        weights += np.linalg.solve(curvature, features.T @ (target - chance) - 1e-3 * weights)
    export(directory, *weights.tolist())
    return {}


def export(directory, income, south, bias, names=("INCOME", "REGION")):
    """Write a SavedModel with the given weights."""
    module = tf.Module()

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, names[0]), tf.TensorSpec([None], tf.string, names[1])]
    )
    def predict(number, region):
        number = tf.where(tf.math.is_nan(number), 0.0, number)
        return {"output": tf.sigmoid(income * number + south * tf.cast(region == "south", tf.float32) + bias)}

    module.predict = predict
    tf.saved_model.save(module, str(directory), signatures=predict)


if __name__ == "__main__":  # python train.py FOLDER '{"name": {"income": 1, …}, …}'
    for name, weights in json.loads(sys.argv[2]).items():
        export(Path(sys.argv[1]) / name, **weights)
