import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.errors import RecordsError
from shipway.records.approvals import evidence_digest
from shipway.records.releases import release_id

BOUND = {"content_digest": "c", "image_digest": "i", "stage": "production", "spec_digest": "s", "champion": None}
names = st.from_regex(r"\A[a-z][a-z0-9_]{0,39}\Z")


@given(model=names, stage=names, version=st.integers(1, 10**6), image=st.text(), spec=st.text())
def test_an_id_is_fit_for_names(model, stage, version, image, spec):
    assert re.fullmatch(r"[a-z0-9-]+-\d+-[0-9a-f]{8}", release_id(model, stage, version, image, spec))


def test_an_id_is_what_the_record_promises():
    mark = hashlib.sha256(b"sha256:isha256:s").hexdigest()[:8]
    assert release_id("credit_line", "pre_prod", 7, "sha256:i", "sha256:s") == f"credit-line-pre-prod-7-{mark}"


def test_a_digest_of_evidence_is_that_of_its_canonical_json():
    text = '{"champion":null,"content_digest":"c","image_digest":"i","spec_digest":"s","stage":"production"}'
    assert evidence_digest(BOUND) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("key", sorted(BOUND))
def test_every_part_of_the_binding_changes_the_digest(key):
    assert evidence_digest({**BOUND, key: "other"}) != evidence_digest(BOUND)


def test_nothing_else_changes_the_digest():
    assert evidence_digest({"ks": 0.5, **dict(reversed(BOUND.items()))}) == evidence_digest(BOUND)


@pytest.mark.parametrize("key", sorted(BOUND))
def test_evidence_that_lacks_a_part_is_refused(key):
    with pytest.raises(RecordsError, match=f"lacks {key}"):
        evidence_digest({name: value for name, value in BOUND.items() if name != key})
