import pytest

from shipway.spec.model import ModelSpec
from shipway.training.composition import check_apart
from shipway.training.evaluate import compare, held_back_instances
from shipway.training.snapshot import held_back_entities, training_entities

from .conftest import Scored, Trained

pytestmark = pytest.mark.slow


def test_the_first_version_is_healthy_and_then_decays(champion_scored: Scored) -> None:
    assert champion_scored.ks("held_back") >= 0.55
    assert champion_scored.ks("Q1") >= 0.52
    assert 0.45 <= champion_scored.ks("Q2") < champion_scored.ks("Q1")
    assert champion_scored.ks("Q3") < 0.42


def test_the_challenger_is_compared_on_applicants_that_neither_has_seen(champion: Trained, challenger: Trained) -> None:
    old, new = champion.snapshot, challenger.snapshot
    compared = held_back_entities(new.path.parent, new.digest)
    check_apart(
        training_entities(new.path.parent, new.digest), compared, training_entities(old.path.parent, old.digest)
    )
    assert len(compared) > 1500


def test_the_challenger_is_accepted(
    spec: ModelSpec, challenger: Trained, champion_scored: Scored, challenger_scored: Scored
) -> None:
    entities, _, bad = held_back_instances(challenger.snapshot, spec)
    found = compare(
        entities,
        bad,
        champion_scored.scores["compared"],
        challenger_scored.scores["compared"],
        minimum_gain=spec.training.minimum_gain,
        confidence=spec.training.confidence,
        seed=1,
    )
    assert found.decision == "accepted", found.reason
    assert found.gain is not None
    assert found.gain > 0.05


def test_the_challenger_recovers_while_the_drift_stays(champion_scored: Scored, challenger_scored: Scored) -> None:
    assert champion_scored.ks("Q4") < 0.45
    assert challenger_scored.ks("Q4") >= 0.50
