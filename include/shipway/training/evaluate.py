"""Compare a challenger with the champion on the same held-back rows, by KS and a paired bootstrap over entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shipway.errors import TrainingError
from shipway.spec.model import ModelSpec
from shipway.training.composition import HELD_BACK, only
from shipway.training.curve import Curve
from shipway.training.snapshot import Snapshot

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Comparison:
    """What a comparison found, and what follows from it. Figures that do not exist are None.

    :param gain: the challenger's KS minus the champion's.
    :param share: of the bootstrap samples in which the gain was above the minimum.
    :param reason: one plain sentence.
    """

    challenger_ks: float | None
    champion_ks: float | None
    challenger_auc: float | None
    champion_auc: float | None
    gain: float | None
    share: float | None
    entities: int
    rows: int
    goods: int
    bads: int
    decision: Literal["accepted", "rejected"]
    reason: str


def held_back_instances(snapshot: Snapshot, spec: ModelSpec) -> tuple[list[str], list[dict[str, Any]], list[int]]:
    """Return the rows that are kept for comparison.

    :returns: entities, instances as a client would send them (None where missing), and truths (1 = bad).
    """
    rows: list[dict[str, Any]] = only(snapshot.table(), HELD_BACK).to_pylist()
    instances = [{name: row[name] for name in spec.inputs} for row in rows]
    return [row["entity"] for row in rows], instances, [row[spec.target] for row in rows]


def compare(
    entities: Sequence[str],
    bad: Sequence[int],
    champion_scores: Sequence[float] | None,
    challenger_scores: Sequence[float],
    *,
    minimum_gain: float,
    confidence: float,
    minimum_events: int = 30,
    samples: int = 500,
    seed: int = 0,
) -> Comparison:
    """Judge a challenger.

    It is accepted when its KS exceeds the champion's by more than ``minimum_gain``, and does so in at least
    ``confidence`` of the bootstrap samples. Samples are drawn by entity, because rows of one entity are not
    independent, and both models are measured on the same sample. Without a champion it is accepted.

    :param entities: one per row.
    :param bad: 1 or 0 per row.
    :param champion_scores: one per row; None when there is no champion.
    :param challenger_scores: one per row.
    :param minimum_events: fewer goods or fewer bads than this: rejected.
    :param samples: of the bootstrap.
    :param seed: of the bootstrap; the same seed gives the same share.
    :raises TrainingError: when lengths differ, or a score is not a finite number.
    """
    rows = len(entities)
    truth = _checked("truth", bad, rows).astype(bool)
    challenger = Curve(_checked("challenger", challenger_scores, rows), truth)
    champion = None if champion_scores is None else Curve(_checked("champion", champion_scores, rows), truth)
    bads = int(truth.sum())
    found: dict[str, Any] = {
        "challenger_ks": challenger.ks(),
        "champion_ks": champion and champion.ks(),
        "challenger_auc": challenger.auc(),
        "champion_auc": champion and champion.auc(),
        "gain": None,
        "share": None,
        "entities": len(set(entities)),
        "rows": rows,
        "goods": rows - bads,
        "bads": bads,
    }
    if min(bads, rows - bads) < minimum_events:
        return Comparison(**found, decision="rejected", reason=_too_few(found, minimum_events))
    if champion is None:
        return Comparison(**found, decision="accepted", reason=_alone(found))
    found["gain"] = found["challenger_ks"] - found["champion_ks"]
    found["share"] = _share(entities, champion, challenger, minimum_gain, samples, seed)
    accepted = found["gain"] > minimum_gain and found["share"] >= confidence
    reason = _reason(found, minimum_gain, confidence, accepted)
    return Comparison(**found, decision="accepted" if accepted else "rejected", reason=reason)


def _share(
    entities: Sequence[str], champion: Curve, challenger: Curve, minimum_gain: float, samples: int, seed: int
) -> float:
    """Return the share of samples of entities, drawn with replacement, in which the gain exceeds the minimum."""
    import numpy as np

    generator = np.random.default_rng(seed)
    names, entity_of = np.unique(np.asarray(entities, dtype=str), return_inverse=True)
    gained = 0
    for _ in range(samples):
        drawn = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))[entity_of]
        ours, theirs = challenger.ks(drawn), champion.ks(drawn)
        gained += ours is not None and theirs is not None and ours - theirs > minimum_gain
    return gained / samples


def _checked(whose: str, values: Sequence[float], rows: int) -> np.ndarray:
    import numpy as np

    array = np.asarray(values, dtype=np.float64)
    if array.shape != (rows,):
        raise TrainingError(f"Expected one {whose} value for each of {rows} rows, found shape {array.shape}.")
    if not np.isfinite(array).all():
        at = int(np.flatnonzero(~np.isfinite(array))[0])
        raise TrainingError(f"The {whose} value of row {at} is {array[at]}, not a finite number.", row=at)
    return array


def _too_few(found: dict[str, Any], minimum_events: int) -> str:
    return (
        f"The {found['rows']} held-back rows have {found['goods']} goods and {found['bads']} bads; "
        f"a comparison needs {minimum_events} of each."
    )


def _alone(found: dict[str, Any]) -> str:
    return f"There is no champion; the KS on {found['rows']} held-back rows is {found['challenger_ks']:.3f}."


def _reason(found: dict[str, Any], minimum_gain: float, confidence: float, accepted: bool) -> str:
    ours, theirs = found["challenger_ks"], found["champion_ks"]
    verdict = "holds" if accepted else "does not hold often enough"
    return (
        f"On {found['rows']} held-back rows the challenger's KS is {ours:.3f} and the champion's {theirs:.3f}; a gain "
        f"above {minimum_gain:g} {verdict}: in {found['share']:.0%} of the bootstrap samples, {confidence:.0%} needed."
    )
