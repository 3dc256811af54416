# SPDX-License-Identifier: GPL-2.0-only
"""The page on soundness: each gap says what narrows it, and the tests that it names exist."""

from __future__ import annotations

import re

import pytest

from proofs.theorems import ASSUMPTIONS
from tests.docs.generated import DOCS, ROOT
from tests.slatcheck.test_docs import table
from tests.test_rooms import ROOMS

PAGE = DOCS / "SOUNDNESS.md"
TEXT = PAGE.read_text()
GAPS = dict(re.findall(r"^### ([^\n]*)\n(.*?)(?=^##)", TEXT, re.DOTALL | re.MULTILINE))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))


def test_there_are_gaps() -> None:
    assert len(GAPS) > 20 and len(NAMED) > 40


@pytest.mark.parametrize("gap", GAPS)
def test_a_gap_says_what_narrows_it_and_who_would_notice(gap: str) -> None:
    parts = re.findall(r"\*(Believed:|Narrowed by|Noticed by)\*", GAPS[gap])
    assert parts == ["Believed:", "Narrowed by", "Noticed by"]
    noticed = GAPS[gap].rpartition("*Noticed by*")[2]
    assert re.search(r"`tests/[\w/]+\.py", noticed)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    text = (ROOT / file).read_text()
    assert re.search(rf"^def {name or 'test_'}", text, re.MULTILINE)
    assert not name or re.search(rf"^def {name}\(", text, re.MULTILINE)


def test_files_that_are_named_exist() -> None:
    places = re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w./]+)`", TEXT)
    assert len(set(places)) > 8
    for place in places:
        assert (ROOT / place).exists(), place


def test_every_assumption_is_looked_at() -> None:
    rows = table(PAGE, "assumption")
    assert [row[0] for row in rows] == [name for name, _ in ASSUMPTIONS]
