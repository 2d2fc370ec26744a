from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shipway.cli.main import main

SPEC = "model: toy\ntitle: Toy\ninputs: {A: number}\ntarget: BAD\n"
GOOD = b'{"predictions": [0.25], "shipway": {"ids": ["i"], "version": 3}}'
PAGE = b"<html>Welcome</html>"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project with one model and one stage; the current folder."""
    monkeypatch.chdir(tmp_path)
    toy = tmp_path / "models" / "toy"
    toy.mkdir(parents=True)
    for name, text in {"model.yaml": SPEC, "golden.json": '[{"A": 1}]', "train.py": ""}.items():
        (toy / name).write_text(text)
    (tmp_path / "environment.yaml").write_text("name: t\nstages: [{name: production}]\n")
    monkeypatch.setenv("SHIPWAY_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("SHIPWAY_ENVIRONMENT", str(tmp_path / "environment.yaml"))
    monkeypatch.setenv("SHIPWAY_HOME", str(tmp_path))
    monkeypatch.setenv("SHIPWAY_RECORDS_URL", "postgresql://127.0.0.1:9/nowhere")
    return tmp_path


@pytest.fixture
def shipway(folder, monkeypatch, capsys):
    """Run the command as a terminal does: its exit code, what it printed, and what it printed to stderr."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["shipway", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def endpoint():
    """A server that answers everything with what ``content`` is."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.server.content)))
            self.end_headers()
            self.wfile.write(self.server.content)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content = GOOD
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()
        thread.join()


ENDPOINT = ("--endpoint", "http://127.0.0.1:9")
SIMULATE = ("--seconds", "0.1", *ENDPOINT)


@pytest.mark.parametrize(
    ("arguments", "content", "expected"),
    [
        (("score", "toy", "rows.csv", *ENDPOINT), None, "rows.csv cannot be read (No such file or directory)."),
        (("outcomes", "toy", "rows.csv"), None, "rows.csv cannot be read (No such file or directory)."),
        (("simulate", "toy", "--data", "rows.csv", *SIMULATE), None, "rows.csv cannot be read (No such file"),
        (("score", "toy", "rows.csv", *ENDPOINT), "ENTITY,A\nJosé,1\n".encode("latin-1"), "rows.csv is not UTF-8."),
        (("score", "toy", "rows.csv", *ENDPOINT), b"ENTITY,A\nada\n", "Row 2 of rows.csv has 1 values, "
         "the header names 2."),
        (("outcomes", "toy", "rows.csv"), b"ENTITY,BAD,OCCURRED_AT,KNOWN_AT\nada,1\n", "Row 2 of rows.csv has 2"),
        (("outcomes", "toy", "rows.csv"), b"ENTITY,BAD,OCCURRED_AT,KNOWN_AT\nada,0.7,2026-01-01,2026-01-01\n",
         "Row 2: BAD is '0.7', neither 0 nor 1."),
        (("score", "toy", "rows.csv", *ENDPOINT), b"ENTITY,A\nada,nan\n", "Row 2: A is 'nan', not a finite number."),
        (("score", "toy", "rows.csv", *ENDPOINT), b"NAME\nada\n", "rows.csv has no columns ENTITY, A."),
        (("score", "toy", "rows.csv", *ENDPOINT), b"ENTITY,A\nada,[/b][red]\n", "Row 2: A is '[/b][red]', not a"),
        (("simulate", "toy", "--data", "rows.csv", *SIMULATE), b"ENTITY,A\n", "rows.csv holds no applicants."),
        (("score", "[/b]", "rows.csv"), b"", "/models/[/b]/model.yaml: cannot be read"),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_and_exit_code_1(folder, shipway, arguments, content, expected):
    if content is not None:
        (folder / "rows.csv").write_bytes(content)
    code, out, err = shipway(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("✗ ")
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate", "toy", "--rate", "0"),
        ("simulate", "toy", "--rate", "-1"),
        ("score", "toy", "rows.csv", "--out", "nowhere/scores.csv"),
        ("register", "toy", "model", "--metric", "ks=nan"),
        ("demo", "--approve", "nobody"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_happens(shipway, arguments):
    code, _, err = shipway(*arguments)
    assert code == 2
    assert "Invalid value" in err


def test_a_page_instead_of_scores_is_one_sentence(folder, shipway, endpoint):
    endpoint.content = PAGE
    (folder / "rows.csv").write_text("ENTITY,A\nada,1\n")
    code, out, err = shipway("score", "toy", "rows.csv", "--endpoint", endpoint.url)
    assert (code, out) == (1, "")
    assert "answered, but not as a gateway of Shipway does." in err
    assert "Traceback" not in err


def test_scores_are_printed_as_a_table(folder, shipway, endpoint):
    (folder / "rows.csv").write_text("ENTITY,A\nada,1\n")
    code, out, _ = shipway("score", "toy", "rows.csv", "--endpoint", endpoint.url)
    assert (code, out.split()) == (0, ["entity,id,score,version", "ada,i,0.25,3"])


def test_a_simulation_counts_a_page_as_a_failure(shipway, endpoint):
    arguments = ("simulate", "toy", "--rate", "50", "--seconds", "0.2", "--endpoint", endpoint.url, "--json")
    code, out, _ = shipway(*arguments)
    counted = json.loads(out)
    assert (code, counted["failed"], counted["versions"]) == (0, 0, {"3": counted["sent"]})
    endpoint.content = PAGE
    code, out, _ = shipway(*arguments)
    counted = json.loads(out)
    assert counted["sent"] == counted["failed"] > 0
    assert (code, counted["versions"], counted["errors"][0]) == (1, {}, f"200 {PAGE.decode()}")


def test_the_check_finds_everything_in_order(shipway):
    assert shipway("check")[:2] == (0, "✓ every spec is in order\n")


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("models/toy/model.yaml", f"{SPEC}monitoring: {{schedule: every night}}\n", "monitoring.schedule: expected a"),
        ("models/toy/model.yaml", SPEC.replace("Toy", "x" * 201), "title: expected one line"),
        ("models/toy/model.yaml", f"{SPEC}'[/b]': 1\n", "[/b]: is not a key that Shipway knows."),
        ("models/toy/golden.json", '[{"B": 1}]', "golden.json: 0: expected exactly the inputs A;"),
        ("environment.yaml", "name: t\nstages: [{name: build}]\n", "no stage can be named 'build'"),
        ("environment.yaml", "stages: [", "environment.yaml: is not good YAML"),
    ],
)
def test_the_check_names_what_airflow_or_a_registration_would_refuse(folder, shipway, file, text, expected):
    (folder / file).write_text(text)
    code, out, _ = shipway("check")
    assert code == 1
    assert expected in out
    assert "in order" not in out
