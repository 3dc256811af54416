# SPDX-License-Identifier: GPL-2.0-only
"""The record of hard queries: read as it was written, or not at all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from proofs import hard_queries
from proofs.hard_queries import (
    DIGITS,
    FILE,
    HELPERS,
    LIKE_DIGITS,
    WAYS,
    HardQuery,
    Record,
    digest_of_goals,
    digest_of_query,
)
from proofs.solvers import SAT, SOLVERS, UNSAT, ask, versions

QUERIES = [digest_of_query(str(number)) for number in range(40)]
DRAW = random.Random(3)
ROWS = {query: HardQuery(DRAW.choice([SAT, UNSAT]), DRAW.choice(sorted(WAYS))) for query in QUERIES}
LIKELY = {query[:LIKE_DIGITS]: DRAW.randrange(1, 1 << 90) for query in QUERIES[:9]}
TEXT = hard_queries.written(Record(ROWS, "z3 1, cvc5 2", likely=LIKELY))


def of(file: Path, content: bytes) -> Record:
    file.write_bytes(content)
    return hard_queries.read(file)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = of(tmp_path / "record", TEXT.encode())
    assert {query: found.find(query) for query in QUERIES} == ROWS
    assert found.likely == LIKELY
    assert found.asked == "z3 1, cvc5 2"
    assert len(found.digest) == 64
    assert found.find(digest_of_query("another")) is None


def test_one_that_is_missing_has_no_rows(tmp_path: Path) -> None:
    assert hard_queries.read(tmp_path / "none") == Record()
    assert hard_queries.read(tmp_path) == Record()


def test_one_that_was_damaged_has_no_rows(tmp_path: Path) -> None:
    """Whatever is cut, flipped or taken out of the rows or their seal, none of them counts."""
    draw, content = random.Random(7), TEXT.encode()
    begin = content.index(b"# sha256")
    for number in range(300):
        damaged, place = bytearray(content), draw.randrange(begin, len(content))
        if number % 3 == 0:
            damaged[place] ^= 1 << draw.randrange(8)
        elif number % 3 == 1:
            del damaged[place : place + draw.randrange(1, 90)]
        else:
            del damaged[place:]
        assert of(tmp_path / "record", bytes(damaged)) == Record()


@pytest.mark.parametrize(
    "row",
    [
        "{} unsat z3-core",
        "{} yes z3-core 0",
        "{} unsat z4 0",
        "{}  unsat z3-core 0",
        "{} unsat z3-core -1",
        "{} unsat z3-core 1 2",
        "0{} unsat z3-core 1",
        "{} 1",
        "{}",
    ],
)
def test_a_row_that_is_none_is_left_out(tmp_path: Path, row: str) -> None:
    body = row.format(QUERIES[0][:DIGITS]) + "\n"
    seal = hard_queries._digest(body)
    text = f"# sha256 of the rows: {seal}\n{body}"
    assert of(tmp_path / "record", text.encode()) == Record()


QUERY = """\
(set-logic QF_BV)
(declare-fun |a| () (_ BitVec 8))
(assert (bvult |a| #x05))
(define-fun t0 () Bool (bvult #x02 |a|))
(assert t0)
(assert (= |a| #x04))
(assert (not (= |a| #x04)))
(check-sat)
"""


def test_a_part_has_the_premises_on_record_and_the_goals() -> None:
    part = HardQuery(UNSAT, "cvc5", 0b101).part_of(QUERY)
    assert part == QUERY.replace("(assert t0)\n", "")
    assert HardQuery(UNSAT, "cvc5", 0b100).part_of(QUERY).count("(assert ") == 2
    assert HardQuery(UNSAT, "cvc5", 1 << 40).part_of(QUERY).count("(assert ") == 1


def test_of_what_holds_and_of_all_premises_there_is_no_part() -> None:
    assert HardQuery(SAT, "cvc5", 0b101).part_of(QUERY) == ""
    assert HardQuery(UNSAT, "cvc5").part_of(QUERY) == ""


@pytest.mark.parametrize("premises", range(1, 16))
def test_a_part_is_refuted_only_where_the_whole_is(premises: int) -> None:
    """A model of the whole is one of each part, so a part that has none leaves none."""
    holding = QUERY.replace("(not (= |a| #x04))", "(= |a| #x04)")
    assert ask("z3", HardQuery(UNSAT, "cvc5", premises).part_of(holding)) == SAT


def test_a_part_is_likely_for_the_same_goals_of_as_many_premises() -> None:
    about = "a lemma: exact: it is"
    known = Record(likely={digest_of_goals(about, QUERY): 0b101})
    part = known.likely_part(about, QUERY)
    assert part == HardQuery(UNSAT, "cvc5", 0b101).part_of(QUERY)
    edited = QUERY.replace("#x05", "#x09")
    assert known.likely_part(about, edited) == part.replace("#x05", "#x09")
    assert known.likely_part("another lemma", QUERY) == ""
    assert known.likely_part(about, QUERY.replace("(assert t0)", "(assert t0)\n" * 2)) == ""


def test_the_shipped_record_is_as_it_was_written() -> None:
    found = hard_queries.shipped()
    assert len(found.rows) > 100
    assert len(found.likely) > 100
    assert FILE.read_text(encoding="utf-8") == hard_queries.written(found)
    assert [name for name in SOLVERS if name in found.asked] == list(SOLVERS)
    assert {row.way for row in found.rows.values()} & set(HELPERS)


def test_versions_of_what_is_not_installed() -> None:
    assert versions(("z3",)).startswith("z3 ")
    assert versions(("z4",)) == "z4 (not installed)"
