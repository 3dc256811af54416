# SPDX-License-Identifier: GPL-2.0-only
"""Which promise rests on which, and which rules may show in the place of one another.

Part of the argument: a clause that is proved counts only where those hold that its proof took for
granted, and a refuted one may show at another place than its own.
"""

from __future__ import annotations

GLOBAL = frozenset({"memory", "invariant", "init"})
"""Clauses of every function on which every proof rests: what an operation leaves behind."""
BASE = "exact"
"""Clause of the function that makes a table: that it maps nothing. Every proof rests on it too."""
ASSUMED = GLOBAL | {"exact", "result", "leak"}
"""Clauses of a function that its contract takes for granted in its callers."""
STRICT = frozenset({"exact", "result", "reach", "dirty", "safe", "lock", "warning"})
"""Clauses whose failure shows at the function itself, not at a later operation."""
FAMILY = ("exact", "result", "memory", "invariant", "init", "safe", "leak", "accounting")
"""Clauses whose rules may show in the place of one another: one cause, several symptoms."""
EXTRA = {
    "memory": ("kernel-bug", "uninitialised", "runaway"),
    "init": ("use-after-free", "kernel-bug"),
    "invariant": ("uninitialised", "wild-free", "double-free", "unsafe-to-remove"),
    "exact": ("wrong-result",),
}
