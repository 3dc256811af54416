# SPDX-License-Identifier: GPL-2.0-only
"""All that is proved, and all that is assumed, in one place.

A theorem is one promise (a clause) of one function, for every state that the operations can
reach, every operand that the types can hold and every environment. The lemma of a function
proves its clauses, using the contracts of its callees, so a layout is proved only when all its
theorems hold: by induction over the levels and over the sequence of operations.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.layout import Layout
from proofs.lemmas.base import Lemma
from proofs.lemmas.specification import POINTWISE
from proofs.ports import table_of

CLAUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "exact": (
        "the map afterwards is the specification's, at every frame; nothing else changes",
        ("stale-mapping", "collateral-change", "wrong-entry", "out-of-bounds", "bad-access"),
    ),
    "result": ("the answer is the specification's", ("wrong-result", "oom-not-atomic")),
    "memory": (
        "every access is to a slot of a live table; only pages taken for it are initialised or "
        "linked, only pages taken and not linked are freed, and the cache never runs out",
        ("out-of-bounds", "bad-access", "wild-free", "use-after-free", "double-free",
         "cache-exhausted"),
    ),
    "init": (
        "a table is wholly initialised before it is linked; a slot is emptied with its own marker",
        ("uninitialised", "bad-access"),
    ),
    "invariant": (
        "afterwards every live table is linked from the slot of its region, every slot is empty "
        "or links its table, every entry is absent or present, and no page is lost",
        ("leak", "bad-access", "use-after-free", "oom-not-atomic"),
    ),
    "lock": ("tables are accessed with mmu_lock held, and it is not taken twice",
             ("unlocked-access", "runaway")),
    "accounting": ("locks, srcu, references and destructors are balanced", ("accounting",)),
    "leak": ("no page stays behind, and each is freed with the order it was taken with",
             ("leak", "double-free")),
    "flush": ("what is taken away is flushed before the operation returns, and what a table mapped "
              "before it is given back", ("unflushed",)),
    "dirty": ("a frame that becomes dirty is reported, under the lock, and no other",
              ("dirty-unreported",)),
    "invalidation": ("no page is installed that was invalidated since it was looked up",
                     ("lost-invalidation",)),
    "reach": ("an operand at or beyond the reach is refused or clipped, never aliased",
              ("aliasing",)),
    "safe": (
        "'safe to remove' implies that no table is left below the root; the whole range is safe",
        ("unsafe-to-remove",),
    ),
    "warning": ("no warning fires, nor does the flush of the whole range before the free warn",
                ("kernel-warning",)),
    "encode": ("an entry reads back as it was written and sets no other bit", ("wrong-entry",)),
    "pfn_pte": ("the entry made is the one asked for, every PFN bit included", ("wrong-entry",)),
    "mkyoung": ("an entry made young differs in nothing else", ("wrong-entry",)),
    "mkold": ("an entry made old differs in nothing else", ("wrong-entry",)),
    "mkdirty": ("an entry made dirty differs in nothing else", ("wrong-entry",)),
    "mkclean": ("an entry made clean differs in nothing else", ("wrong-entry",)),
    "own": ("the entry format of the heap lemmas is the model's", ("wrong-entry",)),
}  # fmt: skip
"""Each clause: what it says, and the rules that are broken where it fails."""

ASSUMPTIONS: tuple[tuple[str, str], ...] = (
    ("allocator", "a page block is handed out to one owner until it is freed; blocks are disjoint; "
     "a fresh block's content is arbitrary"),
    ("markers", "NULL and the kernel's shared empty tables are never handed out, and differ"),
    ("constructors", "no page-table constructor runs in KVM, so no destructor may"),
    ("mmu_lock", "what is done under the lock, no other operation sees half done; the map of a "
     "whole fault is compared as if nothing else changed it between its two critical sections"),
    ("invalidation", "an invalidation between a page's lookup and now is still under way, or has "
     "raised mmu_invalidate_seq since the lookup; both change only while mmu_lock is not held"),
    ("environment", "the loop of attempts ends: invalidations stop; gfn_to_pfn_prot answers with "
     "any page or an error"),
    ("one vCPU cache at a time", "pages in other vCPUs' caches belong to somebody else"),
    ("data independence", "names of pages and PFNs are only copied and compared (enforced by "
     "proofs.lifting.Name), so 16 and 12 bits stand for any width"),
    ("front end", "Python's semantics of the subset that runs; that no loop carries state but "
     "frame.result is checked on the syntax tree"),
    ("solver", "an answer 'unsat'; see --solver, and proofs.drat for refutations checked apart"),
    ("induction", "on paper: from one step to all sequences, and over the levels"),
)  # fmt: skip
"""What the theorems rest on, beside the code in this folder."""

MAP_STATEMENTS: dict[str, str] = {
    name: " ".join((proof.__doc__ or "").split()) for name, proof in POINTWISE.items()
}


@dataclass(frozen=True)
class Theorem:
    """One promise of one function in one layout; ``lemma`` is the lemma that proves it."""

    lemma: str
    function: str
    clause: str

    @property
    def statement(self) -> str:
        """What the theorem says, in one line."""
        return CLAUSES[self.clause][0]

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are broken where it fails."""
        return CLAUSES[self.clause][1]

    @property
    def id(self) -> str:
        """The id of its check."""
        return f"multilevel/{self.function}/{self.clause}"


def title(layout: Layout, lemma: Lemma) -> str:
    """Return the kernel's name for the function that a lemma is about."""
    if lemma.level < 0:
        return lemma.function
    level = layout.tables[lemma.level].name
    if lemma.function == "table_init":
        return f"{level}_init"
    return f"{lemma.function.rpartition('_')[0]}_{level}"


def theorems(layout: Layout) -> list[Theorem]:
    """Return every theorem of a layout."""
    port = table_of(layout)
    return [
        Theorem(lemma.name, title(layout, lemma), clause)
        for lemma in port.lemmas(layout)
        for clause in port.clauses[lemma.function]
    ]
