import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from shipway.errors import ShipwayError
from shipway.monitoring.ks import measure

# scipy warns that its p-value, which nobody asks for, is an approximation.
pytestmark = pytest.mark.filterwarnings("ignore:ks_2samp:RuntimeWarning")

# Few distinct values make ties within and between the samples; the rest are any finite numbers.
tied = st.integers(0, 6).map(lambda step: step / 7)
scores = st.one_of(
    st.lists(tied, min_size=1, max_size=80),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=80),
)


@settings(max_examples=400, deadline=None)
@given(goods=scores, bads=scores)
def test_ks_has_the_bits_of_scipy(goods, bads):
    expected = ks_2samp(bads, goods).statistic
    assert measure(np.array(goods), np.array(bads)).ks.hex() == float(expected).hex()


@pytest.mark.parametrize(("goods", "bads"), [(9_000, 9_999), (10_000, 777), (10_001, 333), (20_003, 12_007)])
def test_ks_has_the_bits_of_scipy_on_both_sides_of_its_exact_method(goods, bads):
    random = np.random.default_rng(goods)
    good, bad = random.normal(size=goods).round(3), random.normal(0.7, size=bads).round(3)
    assert measure(good, bad).ks.hex() == float(ks_2samp(bad, good, method="auto").statistic).hex()


@settings(max_examples=300, deadline=None)
@given(goods=scores, bads=scores)
def test_auc_equals_sklearn(goods, bads):
    truth = [0] * len(goods) + [1] * len(bads)
    measures = measure(np.array(goods), np.array(bads))
    assert measures.auc == pytest.approx(roc_auc_score(truth, goods + bads), abs=1e-12)
    assert measures.gini == 2 * measures.auc - 1


@settings(max_examples=100, deadline=None)
@given(goods=scores, bads=scores)
def test_ks_knows_no_direction_and_auc_does(goods, bads):
    one, other = measure(np.array(goods), np.array(bads)), measure(np.array(bads), np.array(goods))
    assert one.ks == pytest.approx(other.ks, abs=1e-15)
    assert one.auc + other.auc == pytest.approx(1.0, abs=1e-15)


def test_bytes_are_big_endian_doubles():
    goods, bads = np.array([0.1, 0.2, 0.3]), np.array([0.3, 0.9])
    assert measure(goods.astype(">f8").tobytes(), bads.astype(">f8").tobytes()) == measure(goods, bads)


def test_apart_means_one_and_equal_means_nothing():
    apart = measure(np.array([0.1, 0.2]), np.array([0.8]))
    assert (apart.ks, apart.auc, apart.gini, apart.goods, apart.bads) == (1.0, 1.0, 1.0, 2, 1)
    equal = measure(np.array([0.5, 0.5]), np.array([0.5]))
    assert (equal.ks, equal.auc, equal.gini) == (0.0, 0.5, 0.0)


@pytest.mark.parametrize(("goods", "bads"), [(b"", b""), (b"", bytes(8)), (bytes(16), b"")])
def test_without_goods_or_bads_nothing_is_measured(goods, bads):
    measures = measure(goods, bads)
    assert (measures.ks, measures.auc, measures.gini) == (None, None, None)
    assert (measures.goods, measures.bads) == (len(goods) // 8, len(bads) // 8)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_an_error(wrong):
    with pytest.raises(ShipwayError, match="bads is not a finite number"):
        measure(np.array([0.1]), np.array([0.2, wrong]))


def test_samples_stay_as_they_were():
    goods = np.array([0.3, 0.1, 0.2])
    measure(goods, np.array([0.5]))
    assert goods.tolist() == [0.3, 0.1, 0.2]
