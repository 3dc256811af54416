# SPDX-License-Identifier: GPL-2.0-only
"""What every lemma starts from: a heap that keeps the invariant, a runtime, a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from impl.multilevel.interface import RangeOp
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import U64, Kind, Op
from proofs import abstraction, terms
from proofs.heap import (
    Heap,
    fresh_heap,
    shape_of,
)
from proofs.lifting import Flag, Number, SymBool, as_bits, lifted, truth_of, unsigned
from proofs.paths import Path
from proofs.program import Function, Program
from proofs.raw import OWN, RawFormat
from proofs.specs import (
    Flush,
    Range,
    Specification,
    assume_invariant,
    demand_invariant,
)
from proofs.symbolic import Loops, OverBits, SymbolicRuntime
from proofs.terms import Term, Truth, Value


@dataclass
class Setting:
    """One path of one lemma: the runtime on a heap that keeps the invariant, and the program."""

    path: Path
    layout: Layout
    rt: SymbolicRuntime
    program: Program
    uniform: bool = False
    level: int = -1
    """The level of the table that the lemma is about; contracts may be used below it only."""
    of_kernel: bool = False
    """Whether the program is the kernel's: judged within its callers' contracts, and what lies
    beyond the reach by the clause ``reach`` alone."""
    beyond: Truth = True
    """Whether the fast path kept its promise beyond the reach; for the clause ``reach`` alone."""

    @property
    def entry(self) -> RawFormat:
        """The format of leaf entries."""
        return self.rt.shape.entry

    @property
    def heap(self) -> Heap:
        """The present heap."""
        return self.rt.heap

    def over_bits(self, bits: OverBits) -> Setting:
        """Return the setting with a runtime that carries out a loop over bits so."""
        return replace(self, rt=self.rt.over_bits(bits))

    def word(self, name: str) -> Number:
        """Return any ``unsigned long``."""
        return self._operand(name, self.layout.bits)

    def address(self, name: str) -> Number:
        """Return any guest-physical address, of the type that holds one."""
        return self._operand(name, self.rt.shape.address_bits)

    def long(self, name: str) -> Number:
        """Return any 64-bit number, as a ``gfn_t`` is one."""
        return self._operand(name, 64)

    def _operand(self, name: str, width: int) -> Number:
        term = self.path.fresh(name, width)
        self.path.show(name, term)
        return unsigned(term)

    def flag(self, name: str) -> Flag:
        """Return any truth value."""
        term = self.path.fresh(name, terms.BOOL)
        self.path.show(name, term)
        return SymBool(term)

    def frame(self, address: Number) -> Term:
        """Return the frame of an address modulo the reach, and name it as a point."""
        found = self.rt.shape.frame_of(as_bits(address, self.rt.shape.address_bits))
        self.path.point("frame", found)
        return found

    def reached(self, address: Number) -> Truth:
        """Return whether an address lies within the reach."""
        return truth_of(lifted(address) < self.layout.frames << self.layout.page_shift)

    def run(self, name: str, *args: Any, **contracts: Function) -> Any:
        """Call a function of the program, ``contracts`` in the place of its callees.

        Raises LookupError where the program has none in the role ``name``. What it takes and
        returns is its own (``proofs.program.Function``).
        """
        bound = self.program.bind(contracts)
        if name not in bound:
            raise LookupError(f"{type(self.program).__name__} has no function in the role '{name}'")
        return bound[name](self.rt, *args)

    def prove(self, clause: str, statement: str, goal: Truth) -> None:
        """Demand that ``goal`` holds."""
        self.path.prove(clause, statement, goal)


Script = Callable[[Setting], None]


@dataclass(frozen=True)
class Lemma:
    """The proof of one function; ``level`` is the level it is about, -1 for none.

    ``kind`` is the operation in which a counterexample would show. ``scope`` is ``table`` where
    the proof depends on a layout's geometry only, ``entry`` where on its entry format only. The
    proof of a ``long`` one takes longer than most, and is begun before them.
    """

    function: str
    script: Script
    level: int = -1
    kind: Kind | None = None
    uniform: bool = False
    scope: str = "table"
    long: bool = False

    @property
    def name(self) -> str:
        """The lemma's name, unique within a layout."""
        return self.function if self.level < 0 else f"{self.function}@{self.level}"


def setting(
    path: Path,
    layout: Layout,
    program: Program,
    quirks: frozenset[Quirk] = frozenset(),
    uniform: bool = False,
    entry: RawFormat = OWN,
    runtime: type[SymbolicRuntime] = SymbolicRuntime,
    of_kernel: bool = False,
) -> Setting:
    """Return a heap of which nothing is known but the invariant, and a runtime on it.

    With ``uniform``, nothing is known of what a range operation makes of an entry either.
    """
    heap = fresh_heap(shape_of(layout, entry))
    leaf = layout.levels - 1
    tables: dict[str, Specification] = {
        name: Flush(leaf) if op is None else range_spec(op, uniform, entry)
        for name, op in program.loops.items()
    }
    rt = runtime(path, layout, heap, quirks, Loops(tables))
    assume_invariant(path, heap)
    path.point("page", heap.root)
    rt.state.kept = heap
    return Setting(path, layout, rt, program, uniform, of_kernel=of_kernel)


def range_spec(op: RangeOp, uniform: bool = False, entry: RawFormat = OWN) -> Range:
    """Return the specification of a range operation, its effect lifted from the model.

    With ``uniform`` the effect is any function: a directory only hands it on.
    """
    writes = op is not RangeOp.TEST_YOUNG
    if uniform:
        width = entry.raw_bits
        return Range(lambda raw: terms.apply("effect", width, terms.bits(raw, width)), writes)
    kind = Kind.MKCLEAN if op is RangeOp.MKCLEAN else Kind.MKOLD

    def effect(raw: Value) -> Value:
        everything = Op(kind, 0, U64)
        return abstraction.after(everything, terms.number(0, 1), raw, 0, entry)

    return Range(effect, writes)


def balanced(at: Setting, locked: bool, readers: int = 0) -> None:
    """Demand that locks are as they were and no reference is left."""
    around = at.rt.around
    at.prove("accounting", "mmu_lock is as it was", around.locked == locked)
    at.prove("accounting", "srcu is as it was", around.readers == readers)
    at.prove("accounting", "every reference is released", not around.references)
    at.prove("accounting", "no destructor runs, as no constructor did", not around.destructors)


def before_rule(at: Setting) -> None:
    """Demand the invariant of the present heap, which a rule is about to take for granted."""
    demand_invariant(at.path, at.rt.state)
    at.path.settle()


def unchanged(at: Setting, before: tuple[object, ...]) -> None:
    """Demand that locks, references, reports and destructors are as they were."""
    at.prove("accounting", "locks, references and reports are as before", at.rt.held() == before)
