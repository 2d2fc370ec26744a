"""The one exception tree of Shipway.

Every error says what was wrong, where, what was expected and what to do, and carries the same as data.
None ever carries a secret: whoever wraps an exception of a client library takes its type and status, never its URL::

    ShipwayError
    ├── SpecError                 one problem of one key of one file
    ├── SpecErrors                all problems of all files that were read
    ├── RegistryError
    │   ├── VersionNotFound
    │   ├── DigestMismatch        a stored byte is not what its manifest says
    │   ├── UnsafePath            a path that leaves its folder, or a symbolic link
    │   └── AliasConflict         compare-and-set lost: somebody moved the alias first
    ├── ImageError
    ├── ModelError                the version itself is at fault
    │   ├── SignatureMismatch
    │   └── GoldenMismatch
    ├── ScoringError              a request that cannot be scored, with the field that is at fault
    ├── TargetError
    │   ├── ReleaseFailed         a release did not come up; carries the tail of its log
    │   └── TargetUnavailable     the target does not answer (the local supervisor is not running, …)
    ├── RecordsError
    │   ├── RecordsUnavailable
    │   ├── LeaseHeld             another run is releasing this model on this stage
    │   ├── StaleFence            this attempt was overtaken; it must change nothing any more
    │   ├── ApprovalMissing       no approval record for exactly this evidence
    │   └── ChampionChanged       approved against another champion: ask again
    ├── TrainingError
    │   └── EntityOverlap         an applicant stands on both sides of a comparison
    ├── ChildFailed               a child interpreter ended badly, or took too long
    └── NotifyError
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ShipwayError(Exception):
    """Base of all errors that Shipway raises on purpose.

    :param message: what was wrong and where, in one sentence.
    :param hint: what to do about it, in one sentence.
    :param data: the same as values, for programs; never secrets.
    """

    def __init__(self, message: str, *, hint: str = "", **data: Any) -> None:
        super().__init__(message if not hint else f"{message} {hint}")
        self.message = message
        self.hint = hint
        self.data = data


class SpecError(ShipwayError):
    """One problem in one file: ``file: key: what was expected``.

    :param file: path of the file.
    :param key: dotted path of the key, empty where the whole file is at fault.
    :param problem: what was found and what was expected.
    :param hint: what to do, for example the nearest right word.
    """

    def __init__(self, *, file: str, key: str, problem: str, hint: str = "") -> None:
        place = f"{file}: {key}" if key else file
        super().__init__(f"{place}: {problem}", hint=hint, file=file, key=key, problem=problem)


class SpecErrors(ShipwayError):
    """All problems that were found while reading specs.

    :param errors: at least one :class:`SpecError`.
    """

    def __init__(self, errors: Sequence[SpecError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class RegistryError(ShipwayError):
    """The registry refused or could not do what was asked."""


class VersionNotFound(RegistryError):
    """No complete version of that number, or no such alias."""


class DigestMismatch(RegistryError):
    """Bytes that are not what their digest says: altered, truncated or mixed up."""


class UnsafePath(RegistryError):
    """A path that would leave its folder, or a symbolic link."""


class AliasConflict(RegistryError):
    """The alias does not point where the caller believed."""


class ImageError(ShipwayError):
    """An image could not be made, read or verified."""


class ModelError(ShipwayError):
    """The model version itself is at fault: it does not load, or does not do what it promises."""


class SignatureMismatch(ModelError):
    """The SavedModel's signature is not the one that the spec describes."""


class GoldenMismatch(ModelError):
    """The model answers a golden request otherwise than at registration."""


class ScoringError(ShipwayError):
    """A request that cannot be scored; ``data['field']`` names the field at fault where there is one."""


class TargetError(ShipwayError):
    """A target refused or could not do what was asked."""


class ReleaseFailed(TargetError):
    """A release did not become ready, or does not answer as it must."""


class TargetUnavailable(TargetError):
    """The target itself does not answer."""


class RecordsError(ShipwayError):
    """The records database refused or could not do what was asked."""


class RecordsUnavailable(RecordsError):
    """PostgreSQL does not answer."""


class LeaseHeld(RecordsError):
    """Another run is releasing this model on this stage right now."""


class StaleFence(RecordsError):
    """A newer attempt has taken over; this one must change nothing any more."""


class ApprovalMissing(RecordsError):
    """There is no approval record for exactly this evidence."""


class ChampionChanged(RecordsError):
    """The approval was given against another champion; people must be asked again."""


class TrainingError(ShipwayError):
    """Training or evaluation could not be done."""


class EntityOverlap(TrainingError):
    """The same entity stands in training and in evaluation."""


class ChildFailed(ShipwayError):
    """A child interpreter ended badly or took too long; the message ends with the tail of its log."""


class NotifyError(ShipwayError):
    """A message could not be delivered; the address is never part of the text."""
