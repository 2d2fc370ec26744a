import hashlib
import itertools
import struct
import uuid

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from scipy.stats import ks_2samp

from shipway.errors import RecordsError
from shipway.monitoring.ks import measure
from shipway.records.outcomes import add_outcomes
from shipway.records.scores import field_rows, labelled

SAMPLES = 200


@pytest.fixture
def outcome(records, day):
    """Add an outcome: entity, bad, and the days on which it occurred and became known."""
    return lambda entity, bad, occurred, known=None: add_outcomes(
        records, "credit_line", [(entity, bad, day(occurred), day(occurred if known is None else known))], "test"
    )


@pytest.fixture
def found(records, day):
    """Return {version: (scored, goods, bads)} of a window, the scores sorted."""

    def call(start=0, end=90, as_of=1000, outcome_days=90, **more):
        rows = labelled(
            records, "credit_line", start=day(start), end=day(end), as_of=day(as_of), outcome_days=outcome_days, **more
        )
        return {row.version: (row.scored, floats(row.goods), floats(row.bads)) for row in rows}

    return call


def floats(packed):
    return sorted(value for (value,) in struct.iter_unpack(">d", packed))


def test_scores_meet_their_outcomes(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1), score_row("b", 2, 0.9), score_row("c", 3, 0.4)])
    outcome("a", 0, 30)
    outcome("b", 1, 40)
    assert found() == {1: (3, [0.1], [0.9])}


def test_nothing_scored_is_nothing_found(found, outcome):
    outcome("a", 1, 5)
    assert found() == {}


def test_a_correction_replaces_what_was_known_before_from_then_on(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1)])
    outcome("a", 0, 30, known=31)
    outcome("a", 1, 30, known=60)
    assert found(as_of=59)[1] == (1, [0.1], [])
    assert found(as_of=60)[1] == (1, [], [0.1])


def test_the_last_correction_of_the_same_moment_counts(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1)])
    outcome("a", 1, 30, known=31)
    outcome("a", 0, 30, known=31)
    assert found()[1] == (1, [0.1], [])


def test_an_outcome_that_is_not_known_yet_does_not_count(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1)])
    outcome("a", 1, 30, known=80)
    assert found(as_of=79.99)[1] == (1, [], [])
    assert found(as_of=80)[1] == (1, [], [0.1])


def test_each_version_has_its_own_last_score(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1), score_row("a", 2, 0.2, version=2), score_row("a", 3, 0.3, version=2)])
    outcome("a", 1, 10)
    assert found() == {1: (1, [], [0.1]), 2: (2, [], [0.3])}


def test_an_entity_scored_again_gives_the_outcome_to_the_later_score(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1), score_row("a", 20, 0.2), score_row("a", 40, 0.4)])
    outcome("a", 0, 10)
    outcome("a", 1, 30)
    assert found()[1] == (3, [0.1], [0.2])


def test_a_score_after_the_window_takes_its_outcome_out_of_the_window(append, score_row, outcome, found):
    append([score_row("a", 80, 0.1), score_row("a", 95, 0.2)])
    outcome("a", 1, 100)
    assert found(end=90)[1] == (1, [], [])
    assert found(end=120)[1] == (2, [], [0.2])


def test_two_scores_of_one_moment_count_as_the_later_logged(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1)])
    append([score_row("a", 1, 0.2)])
    outcome("a", 1, 5)
    assert found()[1] == (2, [], [0.2])


def test_a_score_with_several_outcomes_takes_the_latest(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1)])
    outcome("a", 1, 10)
    outcome("a", 0, 20)
    assert found()[1] == (1, [0.1], [])
    assert found(as_of=15)[1] == (1, [], [0.1])


@pytest.mark.parametrize(("occurred", "counts"), [(0.99, False), (1, True), (10.99, True), (11, False)])
def test_an_outcome_counts_from_the_score_until_it_is_too_old(append, score_row, outcome, found, occurred, counts):
    append([score_row("a", 1, 0.1)])
    outcome("a", 1, occurred)
    assert found(outcome_days=10)[1] == (1, [], [0.1] if counts else [])


@pytest.mark.parametrize(("at", "inside"), [(9.99, False), (10, True), (19.99, True), (20, False)])
def test_the_window_includes_its_start_and_not_its_end(append, score_row, outcome, found, at, inside):
    append([score_row("a", at, 0.1)])
    outcome("a", 1, 25)
    assert found(start=10, end=20) == ({1: (1, [], [0.1])} if inside else {})


@pytest.mark.parametrize("origin", ["golden", "shadow"])
def test_only_scores_of_clients_count(append, score_row, outcome, found, origin):
    append([score_row("a", 1, 0.1), score_row("a", 2, 0.2, origin=origin), score_row("g", 2, 0.3, origin=origin)])
    outcome("a", 1, 5)
    outcome("g", 1, 5)
    assert found() == {1: (1, [], [0.1])}


def test_models_do_not_mix(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1), score_row("a", 2, 0.2, model="other")])
    outcome("a", 1, 5)
    assert found() == {1: (1, [], [0.1])}


def test_stages_are_told_apart_when_asked(append, score_row, outcome, found):
    append([score_row("a", 1, 0.1), score_row("b", 2, 0.2, stage="test")])
    outcome("a", 1, 5)
    outcome("b", 1, 5)
    assert found(stage="production") == {1: (1, [], [0.1])}
    assert found()[1] == (2, [], [0.1, 0.2])


def test_a_time_without_a_zone_is_refused(records, day):
    naive = day(0).replace(tzinfo=None)
    with pytest.raises(RecordsError, match="start has no time zone"):
        labelled(records, "credit_line", start=naive, end=day(1), as_of=day(1), outcome_days=1)


def test_the_field_teaches_one_row_for_each_outcome_from_the_last_score_of_any_version(
    append, score_row, outcome, records, day
):
    append([score_row("a", 1, 0.1), score_row("a", 2, 0.2, version=2, features={"LOAN": 7.5}), score_row("b", 3, 0.3)])
    append([score_row("c", 3, 0.4), score_row("d", 3, 0.5, origin="golden"), score_row("b", 30, 0.6)])
    outcome("a", 1, 10)
    outcome("b", 0, 10)
    outcome("b", 1, 40)
    outcome("c", 1, 10, known=500)
    outcome("d", 1, 10)
    rows = field_rows(records, "credit_line", as_of=day(100), outcome_days=90)
    assert rows == [
        {"entity": "a", "business_time": day(2), "version": 2, "score": 0.2, "features": {"LOAN": 7.5}, "bad": 1},
        {**of("b", day(3), 0.3), "bad": 0},
        {**of("b", day(30), 0.6), "bad": 1},
    ]


def of(entity, moment, score):
    features = {"LOAN": 1000.0, "JOB": "Office"}
    return {"entity": entity, "business_time": moment, "version": 1, "score": score, "features": features}


times = st.integers(0, 40)
cases = st.fixed_dictionaries(
    {
        "scores": st.lists(st.tuples(st.sampled_from("abcd"), times, st.integers(1, 2)), min_size=1, max_size=14),
        "outcomes": st.lists(
            st.tuples(st.sampled_from("abcd"), st.integers(0, 1), times, st.integers(0, 30)), max_size=14
        ),
        "start": st.integers(0, 20),
        "length": st.integers(1, 25),
        "as_of": st.integers(0, 70),
        "days": st.integers(1, 30),
    }
)


def by_the_letter(case):
    """The join rule, as slowly and plainly as it can be said."""
    known = {}
    for number, (entity, bad, occurred, delay) in enumerate(case["outcomes"]):
        if occurred + delay <= case["as_of"]:
            known.setdefault((entity, occurred), []).append((occurred + delay, number, bad))
    labels = {}
    for (entity, occurred), rows in sorted(known.items(), key=lambda item: item[0][1]):
        for version in (1, 2):
            candidates = [
                (at, number)
                for number, (who, at, of_version) in enumerate(case["scores"])
                if who == entity and of_version == version and at <= occurred
            ]
            if candidates and occurred < max(candidates)[0] + case["days"]:
                labels[max(candidates)[1]] = max(rows)[2]
    result = {}
    for number, (_, at, version) in enumerate(case["scores"]):
        if case["start"] <= at < case["start"] + case["length"]:
            scored, goods, bads = result.setdefault(version, [0, [], []])
            result[version][0] = scored + 1
            if number in labels:
                (bads if labels[number] else goods).append(float(number))
    return {version: tuple(row) for version, row in sorted(result.items())}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=cases)
def test_the_join_does_what_the_rule_says(case, score_row, append, records, day):
    model = f"model_{next(NUMBERS)}"
    append(
        [
            # Rows are written in the order of their keys, so the later of two of one moment has the higher number.
            score_row(
                entity, at, float(number), version=version, model=model, key=f"{number:03}", id=name(model, number)
            )
            for number, (entity, at, version) in enumerate(case["scores"])
        ]
    )
    outcomes = list(dict.fromkeys(case["outcomes"]))  # the same row again is no later word
    rows = [(entity, bad, day(occurred), day(occurred + delay)) for entity, bad, occurred, delay in outcomes]
    assert add_outcomes(records, model, rows, "test") == len(outcomes)
    window = {"start": day(case["start"]), "end": day(case["start"] + case["length"])}
    found = labelled(records, model, **window, as_of=day(case["as_of"]), outcome_days=case["days"])
    plain = by_the_letter({**case, "outcomes": outcomes})
    assert {row.version: (row.scored, floats(row.goods), floats(row.bads)) for row in found} == plain


NUMBERS = itertools.count(1)


def name(model, number):
    return uuid.UUID(bytes=hashlib.sha256(model.encode()).digest()[:12] + number.to_bytes(4, "big")).hex


@pytest.mark.filterwarnings("ignore:ks_2samp:RuntimeWarning")
def test_the_ks_of_the_log_has_the_bits_of_scipy(records, day):
    random = np.random.default_rng(20260101)
    samples = [one_sample(random) for _ in range(SAMPLES)]
    with records.transaction() as connection:
        for version, (scores, _) in enumerate(samples, start=1):
            rows = [row(version, number, score) for number, score in enumerate(scores)]
            connection.execute("SELECT count(*) FROM shipway.append_scores(%s)", (Jsonb(rows),))
    outcomes = (
        (f"{version}-{number}", int(is_bad), day(10), day(11))
        for version, (_, bad) in enumerate(samples, start=1)
        for number, is_bad in enumerate(bad)
    )
    assert add_outcomes(records, "credit_line", outcomes, "test") == sum(len(bad) for _, bad in samples)
    found = labelled(records, "credit_line", start=day(0), end=day(5), as_of=day(20), outcome_days=90)
    compared = 0
    for one, (scores, bad) in zip(found, samples, strict=True):
        expected = ks_2samp(scores[bad], scores[~bad]).statistic
        assert measure(one.goods, one.bads).ks.hex() == float(expected).hex()
        assert one.scored == len(scores)
        compared += 1
    print(f"\n{compared} samples, {sum(len(bad) for _, bad in samples)} scores: the bits of scipy")
    assert compared == SAMPLES


def one_sample(random):
    size = int(random.integers(20, 120))
    bad = random.random(size) < random.uniform(0.1, 0.6)
    bad[:2] = True, False
    scores = random.random(size)
    # A third with many ties, a third with some, a third with none.
    digits = (1, 2, 17)[int(random.integers(3))]
    return np.round(scores, digits), bad


def row(version, number, score):
    return {
        "id": f"{version:08}-0000-0000-0000-{number:012}",
        "model": "credit_line",
        "stage": "production",
        "version": version,
        "image_digest": "sha256:i",
        "release": "r",
        "origin": "client",
        "entity": f"{version}-{number}",
        "key": f"{version}-{number}",
        "business_time": "2026-01-02T00:00:00Z",
        "features": {},
        "score": float(score),
    }
