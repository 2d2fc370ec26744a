"""Real processes on loopback for the tests of serving and of the local target."""

import atexit
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from shipway import child

INPUTS = {"LOAN": "number", "DEBTINC": "number", "JOB": "category"}
#: The LOAN for which the model's score is no number.
NOT_FINITE = 666.0

# LOAN has shape [None], DEBTINC [None, 1] and another float; the scores of two versions differ by the factor.
_MODEL = """
import sys
import tensorflow as tf

class Model(tf.Module):
    def __init__(self, factor):
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[
        tf.TensorSpec([None], tf.float32, name="LOAN"),
        tf.TensorSpec([None, 1], tf.float64, name="DEBTINC"),
        tf.TensorSpec([None], tf.string, name="JOB"),
    ])
    def score(self, LOAN, DEBTINC, JOB):
        debt = tf.reshape(tf.cast(DEBTINC, tf.float32), [-1])
        total = tf.where(tf.math.is_nan(LOAN), 0.0, LOAN) + tf.where(tf.math.is_nan(debt), 7.0, debt)
        score = tf.sigmoid(total / 1000.0 * self.factor + tf.where(JOB == "Mgr", 0.5, 0.0))
        return {"output": tf.where(LOAN == 666.0, float("nan"), score)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="LOAN")])
    def whole(self, LOAN):
        return {"output": tf.cast(LOAN, tf.float32), "rank": LOAN}

for folder, factor in zip(sys.argv[1::2], sys.argv[2::2]):
    model = Model(float(factor))
    tf.saved_model.save(model, folder, signatures={"serving_default": model.score, "whole": model.whole})
"""


@cache
def saved_models():
    """Folders of two SavedModels, made once per session in a process of their own."""
    folder = Path(tempfile.mkdtemp(prefix="shipway-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-c", _MODEL, str(folder / "one"), "1.0", str(folder / "two"), "2.0"],
        env=child.environment(),
        check=True,
        timeout=180,
        capture_output=True,
    )
    return folder / "one", folder / "two"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, body=None, headers=None, timeout=30):
    """One request; status, parsed body and headers of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read()), dict(response.headers)
    finally:
        connection.close()


def wait_until(condition, seconds=90, pause=0.05):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(pause)
    return found


def is_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Running:
    """A process with a log; ended with its test."""

    def __init__(self, log, *arguments, env=None):
        self.log = Path(log)
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *map(str, arguments)],
                stdout=stream,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                env=child.environment(env),
                preexec_fn=child.die_with_parent,  # noqa: PLW1509 - only a prctl
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def until_open(self, port, seconds=120):
        def opened():
            assert self.process.poll() is None, self.text()
            return is_open(port)

        wait_until(opened, seconds)
        return self

    def text(self):
        return self.log.read_text(errors="replace")

    def send(self, number):
        os.kill(self.process.pid, number)

    def end(self, seconds=15):
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(5)
