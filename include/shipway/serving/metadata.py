"""TensorFlow Serving's answers about a model: its signatures (``/metadata``) and its status.

Wire format: the JSON of ``GetModelMetadataResponse`` and ``GetModelStatusResponse`` of tensorflow/serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shipway.errors import SignatureMismatch

#: A signature as plain JSON: ``{"inputs": {name: {"dtype", "shape"}}, "outputs": {…}}``.
Signature = dict[str, dict[str, dict[str, Any]]]

_TYPES = {
    "float32": "DT_FLOAT",
    "float64": "DT_DOUBLE",
    "int32": "DT_INT32",
    "int64": "DT_INT64",
    "string": "DT_STRING",
    "bool": "DT_BOOL",
}
_NAMES = {wire: name for name, wire in _TYPES.items()}


def status(version: int) -> dict[str, Any]:
    """Make the status of a loaded version."""
    state = {"version": str(version), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    return {"model_version_status": [state]}


def to_wire(model: str, version: int, signatures: Mapping[str, Signature]) -> dict[str, Any]:
    """Make the body of a ``/metadata`` answer.

    :param model: name of the model.
    :param version: its version.
    :param signatures: by name.
    """
    return {
        "model_spec": {"name": model, "signature_name": "", "version": str(version)},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    name: {
                        "inputs": _tensors_to_wire(name, signature["inputs"]),
                        "outputs": _tensors_to_wire("StatefulPartitionedCall", signature["outputs"]),
                        "method_name": "tensorflow/serving/predict",
                    }
                    for name, signature in signatures.items()
                }
            }
        },
    }


def from_wire(body: Mapping[str, Any], name: str) -> Signature:
    """Read one signature out of a ``/metadata`` answer.

    :param body: the answer.
    :param name: of the signature.
    :raises SignatureMismatch: when the model has no such signature.
    """
    known = body["metadata"]["signature_def"]["signature_def"]
    if name not in known:
        raise SignatureMismatch(
            f"The model has no signature '{name}', only {', '.join(sorted(known))}.", hint="Correct serving.signature."
        )
    return {side: _tensors_from_wire(known[name][side]) for side in ("inputs", "outputs")}


def _tensors_to_wire(prefix: str, tensors: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        name: {
            "dtype": _TYPES.get(tensor["dtype"], "DT_INVALID"),
            "tensor_shape": {
                "dim": [{"size": str(-1 if size is None else size), "name": ""} for size in tensor["shape"]],
                "unknown_rank": False,
            },
            "name": f"{prefix}_{name}:0",
        }
        for name, tensor in tensors.items()
    }


def _tensors_from_wire(tensors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "dtype": _NAMES.get(tensor["dtype"], tensor["dtype"]),
            "shape": [None if int(dim["size"]) < 0 else int(dim["size"]) for dim in tensor["tensor_shape"]["dim"]],
        }
        for name, tensor in sorted(tensors.items())
    }
