# SPDX-License-Identifier: GPL-2.0-only
"""Answers of solvers that took their time, kept by the text of the query for every run to come.

Layouts of one geometry ask the same questions where entries do not matter, and so do lemmas that
an edit of the tree leaves alone.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from proofs.solvers import SAT, SOLVERS, UNSAT, Decision
from support.cache import different
from support.differences import first_difference
from support.upkeep import TABLE, USED

SLOW = 0.02
"""Seconds from which on an answer is worth keeping; nothing else depends on the clock."""
_WAIT = 10.0
_DAY = 86_400


_ON_RECORD = "on-record"


class Answers:
    """Answers and who gave them on disk, shared by all processes; else every query is asked.

    With ``audit`` every query is asked, and another answer than was kept is a CacheError.
    """

    def __init__(self, folder: Path, solvers: str, audit: bool = False) -> None:
        self._audit = audit
        self._solvers = solvers
        self._file = folder / "answers.sqlite"
        self._open: sqlite3.Connection | None = None

    def ask(self, key: str, solve: Callable[[], Decision]) -> Decision:
        """Return the kept decision of the query with this digest, or solve it and keep that.

        Only 'sat' and 'unsat' are kept: what was too hard once is asked again.
        """
        found = self._load(key)
        if found is not None and not self._audit:
            return found
        begun = time.monotonic()
        made = solve()
        decided = made.answer in (SAT, UNSAT)
        if found is not None and decided and made.answer != found.answer:
            where = first_difference(found.answer, made.answer)
            raise different(f"the answer to query {key[:16]}", where)
        if decided and time.monotonic() - begun >= SLOW:
            self._save(key, _written(made))
        return made

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._open = sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)
            self._open.execute("PRAGMA journal_mode=WAL")
            self._open.execute("PRAGMA synchronous=OFF")
            # The seal tells what was written from what a disk made of it.
            self._open.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE} (solvers TEXT, query TEXT, answer TEXT, "
                f"seal TEXT, {USED} INTEGER, PRIMARY KEY (solvers, query))"
            )
        return self._open

    def _load(self, key: str) -> Decision | None:
        try:
            rows = self._connection().execute(
                f"SELECT answer, seal, {USED} FROM {TABLE} WHERE solvers = ? AND query = ?",
                (self._solvers, key),
            )
            row = rows.fetchone()
            if row is None or row[1] != self._seal(key, row[0]):
                return None
            if row[2] != _today():
                self._save(key, row[0])
        except (sqlite3.Error, OSError):
            return None
        return _read(str(row[0]))

    def _save(self, key: str, answer: str) -> None:
        row = (self._solvers, key, answer, self._seal(key, answer), _today())
        try:
            self._connection().execute(
                f"INSERT OR REPLACE INTO {TABLE} VALUES (?, ?, ?, ?, ?)", row
            )
        except (sqlite3.Error, OSError):
            return

    def _seal(self, key: str, answer: str) -> str:
        return hashlib.sha256(f"{self._solvers} {key} {answer}".encode()).hexdigest()[:16]


def _written(decision: Decision) -> str:
    """Return a decision as it is kept: ``unsat z3``, ``unsat bitwuzla on-record``."""
    who = ",".join(decision.solvers)
    return " ".join([decision.answer, who, *([_ON_RECORD] if decision.on_record else [])])


def _read(text: str) -> Decision | None:
    """Return the decision that was kept, None where the text is none."""
    answer, _, rest = text.partition(" ")
    who, _, record = rest.partition(" ")
    names = tuple(who.split(","))
    if (
        answer not in (SAT, UNSAT)
        or record not in ("", _ON_RECORD)
        or not set(names) <= set(SOLVERS)
    ):
        return None
    return Decision(answer, names, bool(record))


def _today() -> int:
    return int(time.time()) // _DAY
