# SPDX-License-Identifier: GPL-2.0-only
"""Answers of solvers that took their time, kept by the text of the query for every run to come.

Layouts of one geometry ask the same questions where entries do not matter, and so do lemmas that
an edit of the tree leaves alone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from proofs.solvers import SAT, UNSAT
from support.cache import different

SLOW = 0.02
"""Seconds from which on an answer is worth keeping; nothing else depends on the clock."""
_WAIT = 10.0


class Answers:
    """Answers on disk, shared by all processes; where that fails, every query is asked.

    With ``audit`` every query is asked, and another answer than was kept is a CacheError.
    """

    def __init__(self, folder: Path, solvers: str, audit: bool = False) -> None:
        self._audit = audit
        self._solvers = solvers
        self._file = folder / "answers.sqlite"
        self._open: sqlite3.Connection | None = None

    def ask(self, key: str, solve: Callable[[], str]) -> str:
        """Return the kept answer to the query with this digest, or solve it and keep that.

        Only 'sat' and 'unsat' are kept: what was too hard once is asked again.
        """
        found = self._load(key)
        if found is not None and not self._audit:
            return found
        begun = time.monotonic()
        answer = solve()
        if found is not None and answer in (SAT, UNSAT) and answer != found:
            raise different(f"the answer to query {key[:16]}")
        if answer in (SAT, UNSAT) and time.monotonic() - begun >= SLOW:
            self._save(key, answer)
        return answer

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._open = sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)
            self._open.execute("PRAGMA journal_mode=WAL")
            self._open.execute("PRAGMA synchronous=OFF")
            self._open.execute(
                "CREATE TABLE IF NOT EXISTS answers "
                "(solvers TEXT, query TEXT, answer TEXT, PRIMARY KEY (solvers, query))"
            )
        return self._open

    def _load(self, key: str) -> str | None:
        try:
            rows = self._connection().execute(
                "SELECT answer FROM answers WHERE solvers = ? AND query = ?", (self._solvers, key)
            )
            row = rows.fetchone()
        except (sqlite3.Error, OSError):
            return None
        return row[0] if row is not None and row[0] in (SAT, UNSAT) else None

    def _save(self, key: str, answer: str) -> None:
        try:
            self._connection().execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (self._solvers, key, answer)
            )
        except (sqlite3.Error, OSError):
            return
