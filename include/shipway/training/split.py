"""Who is held back from training: decided by the entity alone, the same on every machine and in every year."""

from __future__ import annotations

import hashlib


def held_back(entity: str, *, salt: str, share: float) -> bool:
    r"""Say whether an entity is held back.

    The first 8 bytes (big-endian) of ``sha256(salt + "\0" + entity)``, as a share of 2⁶⁴, lie under the share.

    :param entity: the applicant.
    :param salt: another salt holds back others.
    :param share: of the entities, 0 to 1.
    """
    digest = hashlib.sha256(f"{salt}\0{entity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share
