from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp, mannwhitneyu

from shipway.errors import TrainingError
from shipway.training.curve import Curve
from shipway.training.evaluate import Comparison, compare

# Few different scores, so that ties are the rule.
ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1), st.booleans()), min_size=1)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # scipy's p-value of a handful of rows
@given(ROWS)
def test_ks_and_auc_are_those_of_scipy(rows: list[tuple[float, bool]]) -> None:
    scores, bad = np.array([score for score, _ in rows]), np.array([bad for _, bad in rows])
    curve = Curve(scores, bad)
    if bad.all() or not bad.any():
        assert (curve.ks(), curve.auc()) == (None, None)
        return
    assert curve.ks() == pytest.approx(ks_2samp(scores[bad], scores[~bad], method="asymp").statistic, abs=1e-15)
    pairs = bad.sum() * (~bad).sum()
    assert curve.auc() == pytest.approx(mannwhitneyu(scores[bad], scores[~bad]).statistic / pairs, abs=1e-12)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 3)), min_size=1))
def test_a_weighted_row_counts_as_often_as_it_is_repeated(rows: list[tuple[float, bool, int]]) -> None:
    scores, bad, weights = (np.array(column) for column in zip(*rows, strict=True))
    repeated = Curve(np.repeat(scores, weights), np.repeat(bad, weights))
    assert Curve(scores, bad).ks(weights) == repeated.ks()


def judged(challenger: Any, champion: Any, bad: Any, **rules: Any) -> Comparison:
    names = [f"A{at}" for at in range(len(bad))]
    return compare(names, bad, champion, challenger, **{"minimum_gain": 0.0, "confidence": 0.9, **rules})


def sample(rows: int = 600, *, good_champion: float = 0.5, good_challenger: float = 2.0) -> tuple[Any, Any, Any]:
    generator = np.random.default_rng(1)
    bad = (generator.random(rows) < 0.3).astype(int)
    champion = generator.standard_normal(rows) + good_champion * bad
    challenger = generator.standard_normal(rows) + good_challenger * bad
    return challenger.tolist(), champion.tolist(), bad.tolist()


def test_a_clearly_better_challenger_is_accepted() -> None:
    found = judged(*sample())
    assert (found.decision, found.share) == ("accepted", 1.0)
    assert found.gain == pytest.approx(found.challenger_ks - found.champion_ks)
    assert found.gain > 0.3
    assert (found.rows, found.entities) == (600, 600)
    assert "a gain above 0 holds: in 100% of the bootstrap samples" in found.reason


def test_a_worse_challenger_is_rejected() -> None:
    found = judged(*sample(good_champion=2.0, good_challenger=0.5))
    assert (found.decision, found.share) == ("rejected", 0.0)


def test_the_champion_itself_gains_nothing_and_is_rejected() -> None:
    _, champion, bad = sample()
    found = judged(champion, champion, bad)
    assert (found.decision, found.gain, found.share) == ("rejected", 0.0, 0.0)


def test_a_gain_that_is_too_small_or_too_unsure_is_rejected() -> None:
    challenger, champion, bad = sample()
    assert judged(challenger, champion, bad, minimum_gain=0.9).decision == "rejected"
    unsure = judged(*sample(good_champion=1.0, good_challenger=1.15))
    assert unsure.gain > 0
    assert 0.5 < unsure.share < 0.9
    assert unsure.decision == "rejected"
    assert judged(*sample(good_champion=1.0, good_challenger=1.15), confidence=0.6).decision == "accepted"


def test_too_few_bads_are_rejected_with_the_counts() -> None:
    bad = [1] * 29 + [0] * 71
    found = judged([float(one) for one in bad], [0.5] * 100, bad)
    assert found.decision == "rejected"
    assert found.reason == "The 100 held-back rows have 71 goods and 29 bads; a comparison needs 30 of each."


def test_no_held_back_row_at_all_is_rejected_not_a_crash() -> None:
    assert judged([], [], []).decision == "rejected"


def test_without_a_champion_the_figures_stand_alone() -> None:
    challenger, _, bad = sample()
    found = judged(challenger, None, bad)
    assert (found.decision, found.champion_ks, found.gain, found.share) == ("accepted", None, None, None)


def test_the_same_seed_gives_the_same_share() -> None:
    rows = sample(good_champion=1.0, good_challenger=1.15)
    shares = [judged(*rows, seed=seed).share for seed in (1, 2, 3, 4, 1, 2, 3, 4)]
    assert shares[:4] == shares[4:]
    assert len(set(shares)) > 1


def test_samples_are_drawn_by_entity_not_by_row() -> None:
    """Three hundred copies of one weak gain prove no more than one: by rows the share would be near 1."""
    challenger, champion, bad = sample(60, good_champion=1.0, good_challenger=1.6)
    names = [f"A{at}" for at in range(60)] * 20
    found = compare(names, bad * 20, champion * 20, challenger * 20, minimum_gain=0.0, confidence=0.9)
    alone = judged(challenger, champion, bad, minimum_events=1)
    assert found.share == alone.share
    assert found.entities == 60


@pytest.mark.parametrize("scores", [[0.1, 0.2], [0.1, float("nan"), 0.3]])
def test_scores_that_do_not_fit_are_refused(scores: list[float]) -> None:
    with pytest.raises(TrainingError, match="challenger value"):
        judged(scores, None, [0, 1, 0])
