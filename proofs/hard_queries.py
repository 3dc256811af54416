# SPDX-License-Identifier: GPL-2.0-only
"""The record of queries that are hard: what Z3 answered to each, and who answers it fastest.

``make hard-queries`` writes it. It is a hint and half of a decision, never an answer: a query that
changes has another digest and is not in it, and what is in it is asked again in every run.
"""

from __future__ import annotations

import hashlib
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
_SEAL = "# sha256 of the rows: "
_HEAD = """\
# SPDX-License-Identifier: GPL-2.0-only
# Queries that are hard for Z3: digest, what Z3 answered, the fastest way to ask. See docs/proof.md.
# 'make hard-queries' writes this; who changes it by hand changes no verdict and makes it invalid.
"""


@dataclass(frozen=True)
class HardQuery:
    """What is on record of one query: Z3's answer, and the way that was fastest."""

    answer: str
    way: str


@dataclass(frozen=True)
class Record:
    """The rows by the digests of their queries, the solvers that were asked, and a digest of all.

    ``digest`` is '' where there are no rows.
    """

    rows: Mapping[str, HardQuery] = field(default_factory=dict)
    asked: str = ""
    digest: str = ""

    def find(self, digest: str) -> HardQuery | None:
        """Return what is on record of the query whose text has this digest."""
        return self.rows.get(digest[:DIGITS])


def digest_of_query(text: str) -> str:
    """Return the digest by which a query is known: its text is all that it is."""
    return hashlib.sha256(text.encode()).hexdigest()


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
    rows = {}
    for line in body.splitlines():
        query, answer, way = line.split() if line.count(" ") == 2 else ("", "", "")
        if len(query) == DIGITS and answer in (SAT, UNSAT) and way in WAYS:
            rows[query] = HardQuery(answer, way)
    return Record(rows, head.rpartition("# Asked were ")[2].strip(), digest if rows else "")


def written(rows: Mapping[str, HardQuery], asked: str) -> str:
    """Return the text of a record that ``read`` reads; ``asked`` names solvers and versions."""
    lines = sorted(f"{query[:DIGITS]} {row.answer} {row.way}\n" for query, row in rows.items())
    body = "".join(lines)
    return f"{_HEAD}# Asked were {asked}\n{_SEAL}{_digest(body)}\n{body}"


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
