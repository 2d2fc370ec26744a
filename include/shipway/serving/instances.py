"""What the gateway takes out of every instance before the model sees it: who, which request, and when."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shipway.errors import ScoringError
from shipway.serving import values
from shipway.serving.tfrest import Instance, kind_of

#: Headers that may stand in for the fields of a request with one instance.
ENTITY_HEADER, KEY_HEADER, TIME_HEADER = "X-Shipway-Entity", "Idempotency-Key", "X-Shipway-Business-Time"

#: Longest entity and key, characters.
LONGEST = 200
#: Years that a business time may lie in; beyond them it is a mistake.
YEARS = range(1900, 2201)


@dataclass(frozen=True)
class Fields:
    """Names of the fields that are not for the model."""

    entity: str
    key: str
    business_time: str


@dataclass(frozen=True)
class Scored:
    """One instance, judged.

    :param business_time: ISO 8601 with zone.
    :param features: every input of the model, None or "" where missing.
    """

    entity: str
    key: str
    business_time: str
    features: dict[str, Any]


def with_headers(instances: Sequence[Instance], headers: Mapping[str, str], fields: Fields) -> list[Instance]:
    """Add what the headers say to a request with one instance; a field in the instance wins.

    :raises ScoringError: when there are more instances: whom should the header mean?
    """
    pairs = ((ENTITY_HEADER, fields.entity), (KEY_HEADER, fields.key), (TIME_HEADER, fields.business_time))
    given = {field: (header, headers[header]) for header, field in pairs if header in headers}
    if given and len(instances) > 1:
        field, (header, _) = next(iter(given.items()))
        raise ScoringError(
            f"header {header}: is only for requests with one instance, found {len(instances)}; "
            f"use the field '{field}' of each instance.",
            field=field,
        )
    return [{**{field: value for field, (_, value) in given.items()}, **instance} for instance in instances]


def judge(instances: Sequence[Instance], inputs: Mapping[str, values.Tensor], fields: Fields) -> list[Scored]:
    """Judge the instances of a client.

    :raises ScoringError: naming the field and the instance.
    """
    return [_judge(instance, inputs, fields, index) for index, instance in enumerate(instances)]


def judge_golden(
    instances: Sequence[Instance], inputs: Mapping[str, values.Tensor], fields: Fields, golden: Sequence[Instance]
) -> list[Scored] | None:
    """Judge the instances of a request that claims to be golden.

    :param golden: the release's golden instances.
    :returns: the instances under entities ``golden-<n>`` (n from 1, as in the file), or None when one is not golden.
    """
    known = [values.clean(_bare(one, fields), inputs, index) for index, one in enumerate(golden)]
    scored = []
    for index, instance in enumerate(instances):
        try:
            features = values.clean(_bare(instance, fields), inputs, index)
        except ScoringError:
            return None  # a golden request of another version, which may have other inputs
        if features not in known:
            return None
        scored.append(Scored(f"golden-{known.index(features) + 1}", str(uuid.uuid4()), _now(), features))
    return scored


def _judge(instance: Instance, inputs: Mapping[str, values.Tensor], fields: Fields, index: int) -> Scored:
    entity = _name(instance.get(fields.entity), fields.entity, index)
    if entity is None:
        problem = (
            f"is missing: name the applicant in it, or in the header {ENTITY_HEADER} of a request with one instance."
        )
        raise values.bad(fields.entity, index, problem)
    key = _name(instance.get(fields.key), fields.key, index) or str(uuid.uuid4())
    moment = _moment(instance.get(fields.business_time), fields.business_time, index)
    return Scored(entity, key, moment, values.clean(_bare(instance, fields), inputs, index))


def _bare(instance: Instance, fields: Fields) -> Instance:
    own = (fields.entity, fields.key, fields.business_time)
    return {name: value for name, value in instance.items() if name not in own}


def _name(value: Any, field: str, index: int) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise values.bad(field, index, f"expected text or a whole number, found {kind_of(value)}.")
    # JSON's reader refused whole numbers with thousands of digits already; str() takes all others.
    text = values.check_text(str(value), field, index).strip()
    if not text:
        raise values.bad(field, index, "is empty.")
    if len(text) > LONGEST:
        raise values.bad(field, index, f"is longer than {LONGEST} characters.")
    return text


def _moment(value: Any, field: str, index: int) -> str:
    if value is None:
        return _now()
    if not isinstance(value, str):
        raise values.bad(field, index, f"expected a time in ISO 8601, found {kind_of(value)}.")
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        raise values.bad(field, index, "expected a time in ISO 8601, such as 2026-03-31T12:00:00Z.") from None
    if moment.year not in YEARS:
        raise values.bad(field, index, f"expected a year from {YEARS.start} to {YEARS.stop - 1}.")
    # A time without zone is UTC: business times are often plain dates.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _now() -> str:
    return datetime.now(UTC).isoformat()
