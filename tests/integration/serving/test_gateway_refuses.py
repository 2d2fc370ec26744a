import pytest

pytestmark = pytest.mark.slow

GOOD = b'{"ENTITY": "e", "LOAN": 1}'

#: body of the request, field that the refusal names
BAD = [
    (b"", "body"),
    (b"not json", "body"),
    (b'{"instances": [', "body"),
    (b"\xff\xfe", "body"),
    (b"[" * 50_000, "body"),
    (b"[1, 2]", "body"),
    (b"{}", "instances"),
    (b'{"instances": []}', "instances"),
    (b'{"instances": {}}', "instances"),
    (b'{"instances": [' + b"{}," * 5_000 + b"{}]}", "at most 5000"),
    (b'{"instances": [1]}', "instances[0]"),
    (b'{"instances": [' + GOOD + b', "x"]}', "instances[1]"),
    (b'{"instances": [' + GOOD + b'], "inputs": {}}', "inputs"),
    (b'{"inputs": [1, 2]}', "inputs"),
    (b'{"inputs": {}}', "inputs"),
    (b'{"inputs": {"LOAN": 1}}', "LOAN"),
    (b'{"inputs": {"ENTITY": ["a", "b"], "LOAN": [1]}}', "LOAN"),
    (b'{"inputs": {"LOAN": []}}', "inputs"),
    (b'{"instances": [' + GOOD + b'], "extra": 1}', "extra"),
    (b'{"instances": [' + GOOD + b'], "signature_name": "whole"}', "signature_name"),
    (b'{"instances": [' + GOOD + b'], "signature_name": 7}', "signature_name"),
    (b'{"instances": [{"LOAN": 1}]}', "ENTITY"),
    (b'{"instances": [{"ENTITY": null, "LOAN": 1}]}', "ENTITY"),
    (b'{"instances": [{"ENTITY": "", "LOAN": 1}]}', "ENTITY"),
    (b'{"instances": [{"ENTITY": ["e"], "LOAN": 1}]}', "ENTITY"),
    (b'{"instances": [{"ENTITY": "e\\u0000", "LOAN": 1}]}', "ENTITY"),
    (b'{"instances": [{"ENTITY": "e", "KEY": {}}]}', "KEY"),
    (b'{"instances": [{"ENTITY": "e", "KEY": "\\ud800"}]}', "KEY"),
    (b'{"instances": [{"ENTITY": "e", "BUSINESS_TIME": "soon"}]}', "BUSINESS_TIME"),
    (b'{"instances": [{"ENTITY": "e", "BUSINESS_TIME": "9999-12-31T23:59:59-14:00"}]}', "BUSINESS_TIME"),
    (b'{"instances": [{"ENTITY": "e", "LOAN": "1"}]}', "LOAN"),
    (b'{"instances": [{"ENTITY": "e", "LOAN": true}]}', "LOAN"),
    (b'{"instances": [{"ENTITY": "e", "LOAN": [1]}]}', "LOAN"),
    (b'{"instances": [{"ENTITY": "e", "LOAN": 1e300}]}', "LOAN"),
    (b'{"instances": [{"ENTITY": "e", "LOAN": -Infinity}]}', "LOAN"),
    (b'{"instances": [{"ENTITY": "e", "DEBTINC": [1, 2]}]}', "DEBTINC"),
    (b'{"instances": [{"ENTITY": "e", "JOB": 3}]}', "JOB"),
    (b'{"instances": [{"ENTITY": "e", "JOB": "M\\u0000"}]}', "JOB"),
    (b'{"instances": [{"ENTITY": "e", "LAON": 3}]}', "LAON"),
    (b'{"instances": [{"ENTITY": "e", "\\ud800": 3}]}', "is not an input"),
]


def test_every_bad_input_is_refused_with_its_field_and_leaves_no_row(gateway, rows):
    for body, field in BAD:
        status, answer, _ = gateway.predict(body)
        assert 400 <= status < 500, (body[:80], status, answer)
        assert field in answer["error"], (body[:80], answer)
    assert rows() == []


def test_wrong_addresses_methods_and_sizes_are_refused_in_json(gateway):
    from integration.serving import world

    for method, path, status in [
        ("GET", "/v1/models/hmeq:predict", 405),
        ("POST", "/v1/models/hmeq/versions/8:predict", 404),
        ("POST", "/v1/models/hmeq:classify", 404),
        ("GET", "/", 404),
    ]:
        found, answer, _ = world.ask(gateway.port, method, path, b"{}" if method == "POST" else None)
        assert (found, bool(answer["error"])) == (status, True)
    status, answer, _ = gateway.predict(b'{"instances": [' + b" " * 17_000_000 + b"]}")
    assert (status, "larger" in answer["error"]) == (413, True)


def test_a_body_that_is_not_packed_as_it_says_is_refused(gateway):
    for encoding in ("gzip", "deflate"):
        status, answer, _ = gateway.predict(b"no " + encoding.encode(), {"Content-Encoding": encoding})
        assert (status, "Content-Encoding" in answer["error"]) == (400, True)


def test_headers_with_bad_values_are_refused(gateway):
    for name in ("X-Shipway-Entity", "Idempotency-Key"):
        status, answer, _ = gateway.predict({"instances": [{"LOAN": 1}]}, {"X-Shipway-Entity": "e", name: "x" * 201})
        assert (status, "longer" in answer["error"]) == (400, True)
    status, answer, _ = gateway.predict({"instances": [{}, {}]}, {"X-Shipway-Entity": "e"})
    assert (status, "ENTITY" in answer["error"]) == (400, True)
