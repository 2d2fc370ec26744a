from pathlib import Path

import pytest

from shipway.spec.model import ModelSpec

from .conftest import Scored, Trained, first_training, score, unjudged

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session", params=["champion_scored", "keras_scored"])
def scored(request: pytest.FixtureRequest) -> Scored:
    found: Scored = request.getfixturevalue(request.param)
    return found


def test_one_float_or_string_per_input_and_one_float_as_output(scored: Scored, spec: ModelSpec) -> None:
    expected = {"number": {"dtype": "float32", "shape": [None]}, "category": {"dtype": "string", "shape": [None]}}
    assert scored.signature["inputs"] == {name: expected[kind] for name, kind in spec.inputs.items()}
    assert scored.signature["outputs"] == {"output": {"dtype": "float32", "shape": [None]}}


def test_golden_requests_get_different_probabilities(scored: Scored) -> None:
    scores = scored.scores["golden"]
    assert all(0 <= one <= 1 for one in scores)
    assert len({round(one, 6) for one in scores}) > 10


def test_nothing_known_still_gets_a_probability_and_an_unseen_category_is_a_missing_one(scored: Scored) -> None:
    unseen, missing, nothing = scored.scores["odd"]
    assert unseen == pytest.approx(missing, abs=1e-6)
    assert 0 <= nothing <= 1


def test_an_answer_does_not_depend_on_its_neighbours(scored: Scored, spec: ModelSpec) -> None:
    backwards = scored.scores["backwards"][::-1]
    assert backwards == pytest.approx(scored.scores["golden"], abs=spec.golden.tolerance)


def test_it_ranks_applicants_it_has_not_seen(scored: Scored) -> None:
    assert scored.ks("held_back") >= 0.55


def test_training_again_on_the_same_snapshot_gives_the_same_answers(
    champion: Trained, champion_scored: Scored, generated: Path, golden: list[dict[str, object]], tmp_path: Path
) -> None:
    again = first_training(generated / "development.csv", tmp_path)
    assert again.snapshot.digest == champion.snapshot.digest
    scores = score(again.directory, {"golden": unjudged(golden)}).scores["golden"]
    assert scores == pytest.approx(champion_scored.scores["golden"], abs=1e-6)
