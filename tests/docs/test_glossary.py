# SPDX-License-Identifier: GPL-2.0-only
"""The glossary: it has the words that people stumble over, each briefly and with a link."""

from __future__ import annotations

import re

import pytest

from slatcheck.document.result import Verdict
from tests.docs.generated import DOCS

PAGE = DOCS / "glossary.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| term |")
]
WANTED = """
    abstract map, baseline, candidate, cause, check, clause, contract of a function, evidence,
    executor, fingerprint, finding, GFN, goal, GPA, HVA, layout, lemma, memslot, obligation, oracle,
    PFN, port, promise, quirk, reach, rule, runner, shim, theorem, tie, trigger, verdict
"""


def words() -> list[str]:
    """Return every word that is explained."""
    return [word.strip() for term, *_ in ROWS for word in term.split(",")]


def test_the_words_that_people_stumble_over_are_there() -> None:
    assert {word.strip() for word in WANTED.split(",")} <= set(words())


def test_every_word_is_explained_once() -> None:
    assert len(set(words())) == len(words()) > 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_word_has_a_sentence_or_two_and_a_link(row: list[str]) -> None:
    _, meaning, link = row
    assert meaning.endswith(".") and len(meaning) < 400
    assert len(re.findall(r"[.;] ", meaning)) < 4
    assert re.fullmatch(r"\[[^]]+\]\([^)]+\)", link)


def test_verdicts_are_those_of_the_program() -> None:
    (meaning,) = [row[1] for row in ROWS if row[0] == "verdict"]
    assert {verdict.value for verdict in Verdict} == set(re.findall(r"`(\w+)`", meaning))


def test_the_glossary_can_be_reached() -> None:
    assert "(glossary.md)" in (DOCS / "README.md").read_text()
    assert "(docs/glossary.md)" in (DOCS.parent / "README.md").read_text()
