"""A seeded generator of HMEQ-like applicants whose quarters drift in a way that a retrained model can learn.

Applicants come through two channels, which no input names:

* the **branch**, as in HMEQ: marginals, rates of missing values by outcome (66 % of the bads lack DEBTINC, 10 % of the
  goods) and drivers of default (DELINQ, DEROG, DEBTINC, CLAGE) follow its 5,960 rows;
* a **broker**, who opens after the development data were taken: larger loans on dearer homes, more self-employed,
  and DEBTINC often not asked for. There, short employment (YOJ) and thin files (CLNO) drive default.

Development data are all branch; the broker's share of a quarter is :data:`BROKER_SHARES`. So covariates and concept
drift together, the old model decays, and a new one can tell the channels apart by the size of loan and home.
A default is drawn from a logistic model of the complete inputs; values are made missing afterwards, given the outcome.

Measured with train.py, 5,960 development rows (30 % held back), 2,000 rows a quarter, 12 seeds: mean (lowest-highest).

==================================  ===================  ============================
KS on                               trained on branches  retrained with 70 % of Q1-Q3
==================================  ===================  ============================
held-back development rows          0.64 (0.58-0.70)
Q1                                  0.60 (0.56-0.63)
Q2                                  0.51 (0.47-0.55)
Q3                                  0.35 (0.30-0.40)
held-back applicants of Q1 to Q3    0.47 (0.42-0.51)     0.57 (0.52-0.62)
held-back applicants of Q3          0.34 (0.24-0.40)     0.53 (0.45-0.59)
Q4, drift as in Q3                  0.36 (0.33-0.39)     0.54 (0.52-0.59)
==================================  ===================  ============================

Every one of 300 bootstrap samples had a gain, with every seed, on Q3 alone too. Bad rates: 20 % in development, 21, 23
and 25 % in Q1 to Q3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

Columns = dict[str, np.ndarray]

#: The broker's share of quarter 1, 2, 3; it stays at the last one from then on.
BROKER_SHARES = (0.10, 0.35, 0.72)

JOBS = ("Other", "ProfExe", "Office", "Mgr", "Self", "Sales")


@dataclass(frozen=True)
class Channel:
    """One way to the bank.

    :param size: loans relative to HMEQ's.
    :param jobs: shares of :data:`JOBS`.
    :param consolidating: share of REASON = DebtCon.
    :param intercept: of the logistic model; sets the bad rate.
    :param weights: of the logistic model, for the standardised drivers of :func:`_drivers`.
    :param missing: column → share of missing values among goods, among bads.
    """

    size: float
    jobs: tuple[float, ...]
    consolidating: float
    intercept: float
    weights: dict[str, float]
    missing: dict[str, tuple[float, float]] = field(default_factory=dict)


BRANCH = Channel(
    size=1.0,
    jobs=(0.42, 0.225, 0.165, 0.135, 0.035, 0.02),
    consolidating=0.69,
    intercept=-2.58,
    weights={"DELINQ": 0.95, "DEROG": 0.8, "DEBTINC": 0.85, "CLAGE": -0.65, "NINQ": 0.15, "YOJ": -0.2, "Self": 0.5},
    missing={
        "MORTDUE": (0.086, 0.089),
        "VALUE": (0.001, 0.088),
        "REASON": (0.043, 0.040),
        "JOB": (0.054, 0.019),
        "YOJ": (0.094, 0.055),
        "DEROG": (0.130, 0.073),
        "DELINQ": (0.106, 0.061),
        "CLAGE": (0.048, 0.066),
        "NINQ": (0.091, 0.063),
        "CLNO": (0.035, 0.045),
        "DEBTINC": (0.101, 0.661),
    },
)

BROKER = Channel(
    size=2.2,
    jobs=(0.30, 0.12, 0.12, 0.11, 0.20, 0.15),
    consolidating=0.85,
    intercept=-5.8,
    weights={"YOJ": -4.5, "CLNO": -3.6, "DELINQ": 1.8, "DEROG": 1.2, "Self": 2.0, "Sales": 2.0},
    missing={name: (0.04, 0.04) for name in BRANCH.missing} | {"DEBTINC": (0.40, 0.60)},
)


def development(seed: int, rows: int) -> Columns:
    """Draw the development data: every applicant came through a branch.

    :returns: column → values, missing as NaN or ``""``; BAD is 0 or 1.
    """
    return applicants(np.random.default_rng([seed, 0]), rows, broker_share=0.0)


def quarter(seed: int, number: int, rows: int) -> Columns:
    """Draw one quarter's new applicants; the same whatever other quarters are drawn.

    :param number: from 1; after the last of :data:`BROKER_SHARES` the drift stays as it is.
    """
    share = BROKER_SHARES[min(number, len(BROKER_SHARES)) - 1]
    return applicants(np.random.default_rng([seed, number]), rows, broker_share=share)


def applicants(rng: np.random.Generator, rows: int, *, broker_share: float) -> Columns:
    """Draw applicants of both channels.

    :param broker_share: probability that an applicant came through the broker, 0 to 1.
    """
    branch, broker = (_through(channel, rng, rows) for channel in (BRANCH, BROKER))
    by_broker = rng.random(rows) < broker_share
    return {name: np.where(by_broker, broker[name], branch[name]) for name in branch}


def _through(channel: Channel, rng: np.random.Generator, rows: int) -> Columns:
    columns = _inputs(channel, rng, rows)
    drivers = _drivers(columns)
    risk = channel.intercept + sum(weight * drivers[name] for name, weight in channel.weights.items())
    bad = rng.random(rows) < 1 / (1 + np.exp(-risk))
    for name, (among_goods, among_bads) in channel.missing.items():
        gone = rng.random(rows) < np.where(bad, among_bads, among_goods)
        columns[name][gone] = "" if columns[name].dtype == object else np.nan
    return {**columns, "BAD": bad.astype(np.int8)}


def _inputs(channel: Channel, rng: np.random.Generator, rows: int) -> Columns:
    z = rng.standard_normal((5, rows))
    value = np.round(90_000 * channel.size**0.6 * np.exp(0.48 * z[0]))
    return {
        "LOAN": np.round(16_300 * channel.size * np.exp(0.5 * (0.35 * z[0] + 0.94 * z[1])), -2),
        "MORTDUE": np.round(value * np.clip(0.72 + 0.22 * z[2], 0.05, 1.2)),
        "VALUE": value,
        "REASON": np.where(rng.random(rows) < channel.consolidating, "DebtCon", "HomeImp").astype(object),
        "JOB": np.array(JOBS, dtype=object)[rng.choice(len(JOBS), rows, p=channel.jobs)],
        "YOJ": np.round(rng.gamma(1.35, 6.6, rows)),
        "DEROG": _count(rng, 0.25, 0.35, rows),
        "DELINQ": _count(rng, 0.45, 0.35, rows),
        "CLAGE": np.round(rng.gamma(4.4, 41.0, rows), 2),
        "NINQ": _count(rng, 1.19, 1.1, rows),
        "CLNO": np.round(np.clip(21.3 + 10 * z[3], 0, None)),
        "DEBTINC": np.round(np.clip(34 + 8 * z[4], 1, None), 2),
    }


def _count(rng: np.random.Generator, mean: float, shape: float, rows: int) -> np.ndarray:
    """Negative binomial counts: many zeros, a long tail."""
    return rng.poisson(mean * rng.gamma(shape, 1 / shape, rows)).astype(float)


def _drivers(columns: Columns) -> Columns:
    return {
        "DELINQ": np.minimum(columns["DELINQ"], 4),
        "DEROG": np.minimum(columns["DEROG"], 4),
        "DEBTINC": np.maximum(columns["DEBTINC"] - 34, -4) / 8,
        "CLAGE": (columns["CLAGE"] - 180) / 86,
        "NINQ": np.minimum(columns["NINQ"], 5) - 1.2,
        "YOJ": np.minimum(columns["YOJ"] - 9, 9) / 7.5,
        "CLNO": (columns["CLNO"] - 21.3) / 10,
        "Self": (columns["JOB"] == "Self").astype(float),
        "Sales": (columns["JOB"] == "Sales").astype(float),
    }
