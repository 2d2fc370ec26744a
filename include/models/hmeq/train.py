"""Gradient boosted trees for HMEQ, with YDF (Yggdrasil Decision Forests). Copy this file for a model of your own.

The contract of every training script is the one function :func:`train`. It runs in a child interpreter that sees no
Airflow Connection, so it can use any library that this interpreter has.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import ydf

#: Used where ``training.parameters`` of model.yaml says nothing.
DEFAULTS: dict[str, Any] = {"trees": 300, "depth": 6, "shrinkage": 0.1, "seed": 7}


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
    learner = ydf.GradientBoostedTreesLearner(
        label="__target__",
        # Declared, not guessed: a column of whole numbers without gaps would be exported as int64, and an int64
        # input cannot carry a missing value when the model is served.
        features=[_feature(name, values) for name, values in columns.items()],
        num_trees=int(chosen["trees"]),
        max_depth=int(chosen["depth"]),
        shrinkage=float(chosen["shrinkage"]),
        random_seed=int(chosen["seed"]),
        early_stopping="LOSS_INCREASE",
    )
    model = learner.train({**columns, "__target__": target.astype(np.int64)}, verbose=0)
    model.to_tensorflow_saved_model(str(directory), mode="tf")
    figures = {"trees": float(model.num_trees()), "validation_loss": float(model.validation_loss() or math.nan)}
    return {name: value for name, value in figures.items() if math.isfinite(value)}


def _feature(name: str, values: np.ndarray) -> ydf.Column:
    kind = ydf.Semantic.CATEGORICAL if values.dtype == object else ydf.Semantic.NUMERICAL
    return ydf.Column(name, kind)
