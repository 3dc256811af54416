# SPDX-License-Identifier: GPL-2.0-only
"""The record of queries that are hard: what Z3 answered, which premises do, and who is fastest.

``make hard-queries`` writes it. It is a hint and half of a decision, never an answer: a query that
changes has another digest and is not in it, and what is in it is asked again in every run. What
is not in it is often like what is: the same lemma's, of an edited function, of another layout or
another kernel. So the premises that sufficed for some goals are on record by these goals, too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from proofs.solvers import SAT, SOLVERS, STRATEGIES, UNSAT

FILE = Path(__file__).with_name("hard_queries.txt")
HELPERS = tuple(name for name in SOLVERS if name != "z3")
"""The solvers whose word counts together with Z3's only."""
WAYS = frozenset({*HELPERS, *(strategy.name for strategy in STRATEGIES)})
"""What a row may name as fastest: another solver, or one of Z3's strategies."""
DIGITS = 32
"""Hexadecimal digits of a query's digest by which a row is found."""
LIKE_DIGITS = 16
"""The same of what a query is about; there are few of these, and a wrong one costs time only."""
_SEAL = "# sha256 of the rows: "
_HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only
# Queries that are hard for Z3: digest, what Z3 answered, the fastest way to ask, and in hexadecimal
# the premises that suffice, the first one the lowest bit; 0 for all. Rows of two words are of what
# queries are about, with the premises that sufficed in any layout. See docs/proof.md.
# 'make hard-queries' writes this; who changes it by hand changes no verdict and makes it invalid.
"""


_ASSERTION = "(assert "
_ROW = re.compile(rf"([0-9a-f]{{{DIGITS}}}) ({SAT}|{UNSAT}) (\S+) ([0-9a-f]+)")
_LIKE = re.compile(rf"([0-9a-f]{{{LIKE_DIGITS}}}) ([0-9a-f]+)")


@dataclass(frozen=True)
class HardQuery:
    """What is on record of one query: Z3's answer, and the way that was fastest.

    ``premises`` are those that suffice to refute it, the first one the lowest bit; 0 for all.
    """

    answer: str
    way: str
    premises: int = 0

    def part_of(self, text: str) -> str:
        """Return a query that is refuted only where ``text`` is, '' where there is none of less.

        It asks the same with fewer premises. The last assertion, of goals, is always kept.
        """
        if self.answer != UNSAT or not self.premises:
            return ""
        lines = text.split("\n")
        places = [place for place, line in enumerate(lines) if line.startswith(_ASSERTION)]
        left_out = {place for bit, place in enumerate(places[:-1]) if not self.premises >> bit & 1}
        return "\n".join(line for place, line in enumerate(lines) if place not in left_out)


@dataclass(frozen=True)
class Record:
    """The rows by the digests of their queries, the solvers that were asked, and a digest of all.

    ``digest`` is '' where there are no rows. ``likely`` are premises, as in ``HardQuery``, by
    ``digest_of_goals``.
    """

    rows: Mapping[str, HardQuery] = field(default_factory=dict)
    asked: str = ""
    digest: str = ""
    likely: Mapping[str, int] = field(default_factory=dict)

    def find(self, digest: str) -> HardQuery | None:
        """Return what is on record of the query whose text has this digest."""
        return self.rows.get(digest[:DIGITS])

    def likely_part(self, about: str, text: str) -> str:
        """Return a part of a query that is likely to be refuted, '' where none is known.

        It is refuted only where ``text`` is. ``about`` is what the query is about.
        """
        premises = self.likely.get(digest_of_goals(about, text), 0)
        return HardQuery(UNSAT, "", premises).part_of(text)


def digest_of_query(text: str) -> str:
    """Return the digest by which a query is known: its text is all that it is."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_goals(about: str, text: str) -> str:
    """Return the digest by which premises are known that may suffice for a query.

    It is of ``about``, a lemma and some of its goals in words, and of the number of premises: as
    they come in the lemma's order, equally many are mostly the same ones.
    """
    count = text.count(f"\n{_ASSERTION}")
    return hashlib.sha256(f"{count} {about}".encode()).hexdigest()[:LIKE_DIGITS]


@cache
def shipped() -> Record:
    """Return the record that comes with the tool."""
    return read(FILE)


def read(file: Path) -> Record:
    """Return the record in a file; one that is missing, or not as it was written, has no rows."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return Record()
    head, seal, rest = text.partition(_SEAL)
    digest, _, body = rest.partition("\n")
    if not seal or digest != _digest(body):
        return Record()
    rows, likely = {}, {}
    for line in body.splitlines():
        row, like = _ROW.fullmatch(line), _LIKE.fullmatch(line)
        if row is not None and row[3] in WAYS:
            rows[row[1]] = HardQuery(row[2], row[3], int(row[4], 16))
        elif like is not None:
            likely[like[1]] = int(like[2], 16)
    asked = head.rpartition("# Asked were ")[2].strip()
    return Record(rows, asked, digest if rows else "", likely)


def written(record: Record) -> str:
    """Return the text of a record that ``read`` reads; its ``digest`` is made of the rows."""
    lines = [
        f"{query[:DIGITS]} {row.answer} {row.way} {row.premises:x}\n"
        for query, row in record.rows.items()
    ]
    lines += [f"{goals} {premises:x}\n" for goals, premises in record.likely.items()]
    body = "".join(sorted(lines))
    return f"{_HEAD}# Asked were {record.asked}\n{_SEAL}{_digest(body)}\n{body}"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
