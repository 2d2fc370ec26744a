import concurrent.futures
import json
import random
import struct
import subprocess
import sys
import threading

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from shipway.errors import RecordsError
from shipway.records.database import Records

RACERS = 16


def test_rows_come_back_in_the_order_of_the_call(append, score_row):
    rows = [score_row(score=number / 7, key=f"k{9 - number}") for number in range(8)]
    answer = append(rows)
    assert [one["ordinal"] for one in answer] == list(range(1, 9))
    assert [str(one["id"]) for one in answer] == [row["id"] for row in rows]
    assert [one["score"] for one in answer] == [row["score"] for row in rows]
    assert not any(one["repeated"] for one in answer)


def test_a_repeated_key_answers_with_the_first_row(append, score_row):
    first = score_row(key="k", score=0.1, version=3)
    append([first])
    again = append([score_row(key="k", score=0.9, version=4), score_row(key="new", score=0.2)])
    assert [(one["score"], one["version"], one["repeated"]) for one in again] == [(0.1, 3, True), (0.2, 1, False)]
    assert str(again[0]["id"]) == first["id"]


def test_a_key_twice_in_one_call_is_one_row(append, score_row, records):
    answer = append([score_row(key="k", score=0.3), score_row(key="k", score=0.4), score_row(key="k", score=0.5)])
    assert [(one["ordinal"], one["score"], one["repeated"]) for one in answer] == [
        (1, 0.3, False),
        (2, 0.3, True),
        (3, 0.3, True),
    ]
    assert count(records) == 1


def test_the_very_same_call_again_changes_nothing(append, score_row, records):
    rows = [score_row() for _ in range(5)]
    first = append(rows)
    assert [{**one, "repeated": True} for one in first] == append(rows)
    assert count(records) == 5


def test_the_same_key_of_another_model_is_another_row(append, score_row, records):
    append([score_row(key="k"), score_row(key="k", model="other")])
    assert count(records) == 2


def test_the_same_keys_on_another_stage_are_rows_of_its_own(append, score_row, records):
    for stage, version, score in (("test", 2, 0.1), ("production", 1, 0.2), ("production", 3, 0.3)):
        answer = append([score_row(key=key, stage=stage, version=version, score=score) for key in ("k", "l")])
    assert [(one["score"], one["version"], one["repeated"]) for one in answer] == [(0.2, 1, True)] * 2
    assert count(records) == 4
    both = append([score_row(key="m", stage="test", score=0.4), score_row(key="m", score=0.5)])
    assert [(one["score"], one["repeated"]) for one in both] == [(0.4, False), (0.5, False)]


def test_a_key_of_another_entity_is_refused_with_all_rows_and_tells_nothing(records_url, append, score_row, records):
    append([score_row(entity="secret-1", key="k", score=0.123)])
    rows = [score_row(entity="b"), score_row(entity="secret-1", key="k"), score_row(entity="b", key="k")]
    with psycopg.connect(records_url("shipway_gateway")) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb(rows),))
    assert (caught.value.sqlstate, caught.value.diag.message_detail) == ("SW001", "3")
    assert "the key of row 3 stands for another entity" in str(caught.value)
    assert not [word for word in ("secret", "0.123") if word in str(caught.value)]
    assert count(records) == 1


def test_a_key_of_two_entities_in_one_call_is_refused(append, score_row, records):
    with pytest.raises(RecordsError, match="the key of row 2 stands for another entity") as caught:
        append([score_row(entity="a", key="k"), score_row(entity="b", key="k")])
    assert caught.value.data["sqlstate"] == "SW001"
    assert count(records) == 0


def test_a_loser_of_another_entity_waits_for_the_winner_and_is_refused(append, score_row, records_url, records):
    with psycopg.connect(records_url("shipway_gateway")) as winner, concurrent.futures.ThreadPoolExecutor(1) as pool:
        winner.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([score_row(entity="a", key="k")]),))
        loser = pool.submit(append, [score_row(entity="new"), score_row(entity="b", key="k")])
        with pytest.raises(concurrent.futures.TimeoutError):
            loser.result(timeout=0.5)
        winner.commit()
        with pytest.raises(RecordsError, match="row 2 stands for another entity"):
            loser.result(timeout=30)
    assert count(records) == 1


def test_an_id_that_stands_for_another_key_is_refused_with_all_rows(append, score_row, records):
    row = score_row(key="one")
    append([row])
    with pytest.raises(RecordsError, match="an id stands for another key"):
        append([score_row(key="fine"), {**row, "key": "two"}])
    assert count(records) == 1


@pytest.mark.parametrize(
    "change", [{"origin": "guess"}, {"entity": None}, {"key": None}, {"score": None}, {"score": "high"}, {"id": "1"}]
)
def test_one_bad_row_refuses_the_whole_call(append, score_row, records, change):
    with pytest.raises(RecordsError):
        append([score_row(), score_row(**change)])
    assert count(records) == 0


def test_no_rows_are_no_error(append):
    assert append([]) == []


def test_a_time_without_a_zone_is_utc_whatever_the_session_says(records_url, score_row, day):
    with psycopg.connect(records_url("shipway_tasks"), options="-c timezone=Asia/Tokyo") as connection:
        row = score_row(business_time="2026-01-01T00:00:00")
        connection.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([row]),))
        assert connection.execute("SELECT business_time FROM shipway.scoring_log").fetchone() == (day(0),)


def test_a_search_path_of_the_caller_does_not_matter(records_url, score_row):
    with psycopg.connect(records_url("shipway_tasks")) as connection:
        connection.execute("CREATE TEMPORARY TABLE scoring_log (id int)")
        connection.execute("SET search_path = pg_temp, shipway")
        connection.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([score_row()]),))
        assert connection.execute("SELECT count(*) FROM shipway.scoring_log").fetchone() == (1,)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60))
def test_scores_keep_their_bits(append, score_row, records, scores):
    scores = [0.0 if score == 0 else score for score in scores]  # numeric knows no -0.0
    rows = [score_row(score=score) for score in scores]
    answered = [one["score"] for one in append(rows)]
    with records.transaction() as connection:
        query = "SELECT id, float8send(score) AS score FROM shipway.scoring_log WHERE id = ANY(%s::uuid[])"
        stored = {str(row["id"]): bytes(row["score"]) for row in connection.execute(query, ([r["id"] for r in rows],))}
    assert [struct.pack(">d", score) for score in answered] == [struct.pack(">d", score) for score in scores]
    assert [stored[row["id"]] for row in rows] == [struct.pack(">d", score) for score in scores]


def test_sixteen_threads_with_the_same_keys_append_each_once(append, score_row, records, records_url):
    keys = [f"k{number}" for number in range(40)]
    start = threading.Barrier(RACERS)

    def race(number):
        mine = random.Random(number).sample(keys, len(keys))  # another order each: a chance to deadlock
        rows = [score_row(key=key, score=number / 16) for key in mine]
        start.wait(timeout=30)
        return dict(zip(mine, append(rows, by=Records(records_url("shipway_gateway"))), strict=True))

    with concurrent.futures.ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    assert count(records) == len(keys)
    for key in keys:
        assert sum(not answer[key]["repeated"] for answer in answers) == 1
        assert len({(answer[key]["id"], answer[key]["score"]) for answer in answers}) == 1


def test_sixteen_threads_that_send_the_very_same_rows_append_them_once(append, score_row, records, records_url):
    rows = [score_row(key=f"k{number}") for number in range(40)]  # the same ids, too
    start = threading.Barrier(RACERS)

    def race(_):
        start.wait(timeout=30)
        return append(rows, by=Records(records_url("shipway_gateway")))

    with concurrent.futures.ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(race, range(RACERS)))
    assert count(records) == len(rows)
    for position, row in enumerate(rows):
        assert {str(answer[position]["id"]) for answer in answers} == {row["id"]}
        assert sum(not answer[position]["repeated"] for answer in answers) == 1


APPEND = """
import json, sys, psycopg
with psycopg.connect(sys.argv[1], connect_timeout=20) as connection:
    print("ready", flush=True)
    rows = sys.stdin.readline()
    answer = connection.execute("SELECT id::text, repeated FROM shipway.append_scores(%s::jsonb)", (rows,)).fetchall()
print(json.dumps(answer))
"""


@pytest.mark.slow
def test_sixteen_processes_with_the_same_keys_append_each_once(score_row, records, records_url):
    texts = [json.dumps([score_row(key=f"k{number}") for number in range(20)]) for _ in range(RACERS)]
    command = [sys.executable, "-c", APPEND, records_url("shipway_gateway")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(RACERS)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process, text in zip(processes, texts, strict=True):
        process.stdin.write(text + "\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert count(records) == 20
    for position in range(20):
        assert len({answer[position][0] for answer in answers}) == 1
        assert sum(not answer[position][1] for answer in answers) == 1


def test_the_loser_waits_for_the_winner_and_sees_its_row(append, score_row, records_url):
    first, second = score_row(key="k", score=0.1), score_row(key="k", score=0.2)
    with psycopg.connect(records_url("shipway_gateway")) as winner, concurrent.futures.ThreadPoolExecutor(1) as pool:
        winner.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([first]),))
        loser = pool.submit(append, [second])
        with pytest.raises(concurrent.futures.TimeoutError):
            loser.result(timeout=0.5)
        winner.commit()
        assert [(one["score"], one["repeated"]) for one in loser.result(timeout=30)] == [(0.1, True)]


def test_when_the_winner_gives_up_the_loser_is_first(append, score_row, records_url):
    with psycopg.connect(records_url("shipway_gateway")) as winner, concurrent.futures.ThreadPoolExecutor(1) as pool:
        winner.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([score_row(key="k", score=0.1)]),))
        loser = pool.submit(append, [score_row(key="k", score=0.2)])
        winner.rollback()
        assert [(one["score"], one["repeated"]) for one in loser.result(timeout=30)] == [(0.2, False)]


def count(records):
    with records.transaction() as connection:
        return connection.execute("SELECT count(*) AS n FROM shipway.scoring_log").fetchone()["n"]


def test_a_call_looks_up_its_own_rows_and_no_others(records, score_row):
    # On a table that was never analyzed, as every new one is for its first minutes.
    with records.transaction() as connection:
        for _ in range(40):
            connection.execute("SELECT * FROM shipway.append_scores(%s)", (Jsonb([score_row() for _ in range(25)]),))
        query = "SELECT idx_tup_fetch AS n FROM pg_stat_xact_user_tables WHERE relname = 'scoring_log'"
        assert connection.execute(query).fetchone()["n"] <= 2 * 40 * 25
