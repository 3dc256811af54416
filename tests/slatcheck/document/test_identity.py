# SPDX-License-Identifier: GPL-2.0-only
"""Names of findings and checks: what is written is read back, and every real one is readable."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from model.ports import ports
from model.rules import RULES
from model.triggers import TRIGGERS
from slatcheck.document.identity import CheckId, Fingerprint, slug

NAMES = st.text("abcdefghij_-", min_size=1, max_size=12)
ENTRIES = [name for port in ports() for name in port.functions.values()]
FINGERPRINTS = st.builds(
    Fingerprint,
    st.sampled_from([rule.name for rule in RULES]),
    st.sampled_from(ENTRIES),
    st.sampled_from(["any", *TRIGGERS]),
    st.booleans(),
)


@given(FINGERPRINTS)
def test_a_fingerprint_is_read_as_it_was_written(fingerprint: Fingerprint) -> None:
    assert Fingerprint.parse(str(fingerprint)) == fingerprint


def test_a_fingerprint_is_written_as_baselines_have_it() -> None:
    assert str(Fingerprint("leak", "f", "any")) == "leak/f/any"
    assert str(Fingerprint("leak", "f", "any", False)) == "leak/f/any/out-of-contract"


@given(st.text("ab/", max_size=8))
def test_parts_that_are_missing_are_empty(text: str) -> None:
    found = Fingerprint.parse(text)
    assert "/".join(found[:3]).startswith("/".join(text.split("/")[:3]))


@given(NAMES, NAMES, NAMES, NAMES)
def test_the_id_of_a_check_is_read_as_it_was_written(a: str, b: str, c: str, d: str) -> None:
    for known in (CheckId(a, b, c), CheckId(f"{a}/{d}", b, c)):
        assert CheckId.parse(str(known)) == known


@given(st.text(max_size=30))
def test_a_slug_is_fit_for_a_shell_and_a_file(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", slug(text))
    assert len(slug(text).split(".")) == len(text.split("/"))
