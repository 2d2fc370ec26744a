"""Run untrusted or heavy work in a child interpreter, without secrets in reach.

SavedModels and ``train.py`` files are code of others. They run as ``python -m shipway.<module>`` in a process of
their own: with an environment made from an allow-list (no Airflow configuration, no connection, no DSN), in a
process group that dies with its parent, under a time limit.

The protocol: the request is one JSON file, the answer another; standard output and error go to a log, whose tail
is part of the error when the child fails. A child module calls :func:`serve` with a function ``dict → dict``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shipway.errors import ChildFailed, ShipwayError

#: What a child may see of the parent's environment. Everything else stays behind.
ALLOWED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")

#: How much of a child's log becomes part of an error.
TAIL_BYTES = 4_000

_PR_SET_PDEATHSIG = 1


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make the environment of a child: the allow-list, the library's own path, and TensorFlow kept quiet.

    :param extra: further variables; never secrets.
    """
    kept = {name: os.environ[name] for name in ALLOWED if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent),
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_ENABLE_ONEDNN_OPTS": "0",  # the same sums on every machine
        "CUDA_VISIBLE_DEVICES": "-1",
        **(extra or {}),
    }


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent does; a no-op elsewhere. For ``preexec_fn``."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def tail(log: Path, size: int = TAIL_BYTES) -> str:
    """Return the last bytes of a log as text.

    :param log: the file; a missing one gives an empty text.
    :param size: bytes at most.
    """
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - size))
        return stream.read().decode("utf-8", "replace").strip()


def run(
    module: str,
    request: Mapping[str, Any],
    *,
    timeout: float,
    interpreter: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Run ``python -m module`` with a request and return its answer.

    :param module: a module that calls :func:`serve`.
    :param request: JSON-serialisable arguments.
    :param timeout: seconds after which the child's whole process group is killed.
    :param interpreter: another Python, for models with needs of their own.
    :param extra: further environment variables; never secrets.
    :raises ChildFailed: when it ends badly, answers nothing, or takes too long.
    :raises ShipwayError: the very error (class, message and data) that the child raised on purpose.
    """
    with tempfile.TemporaryDirectory(prefix="shipway-child-") as folder:
        asked, answered, log = (Path(folder) / name for name in ("request.json", "answer.json", "log"))
        asked.write_text(json.dumps(request))
        with log.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [interpreter or sys.executable, "-m", module, str(asked), str(answered)],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment(extra),
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - only a prctl
            )
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise ChildFailed(
                    f"{module} did not finish within {timeout:.0f} s and was stopped.\n{tail(log)}", module=module
                ) from None
            finally:
                _kill_group(process)
        if not answered.exists():
            raise ChildFailed(f"{module} ended with code {code}.\n{tail(log)}", module=module, code=code)
        answer: dict[str, Any] = json.loads(answered.read_text())
    if "error" in answer:
        raise _revive(answer["error"])
    result: dict[str, Any] = answer["result"]
    return result


def serve(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Be the child: read the request, do the work, write the answer.

    A :class:`ShipwayError` travels back as itself; any other exception ends the child with its traceback in the log.

    :param work: takes the request, returns a JSON-serialisable answer.
    """
    asked, answered = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        answer: dict[str, Any] = {"result": work(json.loads(asked.read_text()))}
    except ShipwayError as error:
        answer = {
            "error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint, "data": error.data}
        }
    except Exception:
        traceback.print_exc()
        raise SystemExit(1) from None
    partial = answered.with_suffix(".partial")
    partial.write_text(json.dumps(answer, default=str))
    partial.rename(answered)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _revive(error: Mapping[str, Any]) -> ShipwayError:
    from shipway import errors

    kind = getattr(errors, str(error["kind"]), ShipwayError)
    revived: ShipwayError = ShipwayError.__new__(kind)
    ShipwayError.__init__(revived, error["message"], hint=error["hint"], **error["data"])
    return revived
