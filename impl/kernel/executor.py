# SPDX-License-Identifier: GPL-2.0-only
"""The executor: a whole sequence for each call into an image, in whichever machine it runs."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Protocol

from impl.interface import Capabilities, Event, Outcome, Run
from impl.kernel.build import Image
from impl.kernel.errors import ToolLimitError
from impl.kernel.symbols import NOWHERE, Place, Symbols, symbols_of
from model.entry import ORDER_SHIFT
from model.layout import Geometry
from model.operations import U64, Kind, Op
from model.ports import port_of

BUDGET = 1_000_000
"""Accesses to pages that one operation may take before it counts as runaway."""

MAX_OPS = 4096
ROOM = {"changes": 65536, "dirty": 8192, "events": 1024}
"""Records that each ring of runner/slat.h has room for."""

TRANSPARENT = False
"""Whether the host maps 2^order pages at once by itself, and not because it was asked to."""

# (rule, fatal) by enum slat_code of runner/slat.h; None is a limit of the runner itself.
EVENTS: tuple[str | None, ...] = (
    "bad-access",
    "out-of-bounds",
    "use-after-free",
    "double-free",
    "wild-free",
    "uninitialised",
    "leak",
    "accounting",
    "runaway",
    "kernel-warning",
    "kernel-bug",
    "unlocked-access",
    "cache-exhausted",
    "dirty-unreported",
    "wrong-result",
    "bad-access",
    None,
    "unflushed",
)
# By enum slat_subject of runner/slat.h.
SUBJECTS = (
    "",
    "pgd",
    "pud table",
    "pmd table",
    "pte table",
    "unlinked page",
    "cache array",
    "empty table",
    "mmu_lock",
    "srcu",
    "page reference",
    "table destructor",
    "table constructor",
    "load",
    "store",
    "null pointer",
    "pgd, all but its first pages",
    "linked table",
    "directory slots",
    "entry",
    "outside mmu_lock",
    "read-only",
    "ring",
    "arena",
    "tables of a freed directory",
    "p4d table",
    "removed leaf",
    "permission",
    "table given back",
    "mmap_lock",
)
WARNINGS = ("kernel-warning", "kernel-bug")
CACHE_ALLOC = "kvm_mmu_memory_cache_alloc"
"""A warning there is one of a cache that is empty."""
_LEVELS = ("unlinked page", "pte table", "pmd table", "pud table", "p4d table", "pgd")
_UNFLUSHED = {
    "removed leaf": "a leaf was taken away, and no TLB flush covers it",
    "permission": "a leaf lost a permission, and no TLB flush covers it",
    "table given back": "a table is given back before its leaves are flushed",
}


ENDLESS = "no end in sight"
"""The cause of a call that had to be ended."""

FORGED = "the runner's own records were overwritten"
"""The cause where what a sequence left behind is nothing that the runner writes."""

MACHINE = "fault"
"""The subject of an event that the machine itself was caught at; its words are the machine's."""


class Machine(Protocol):
    """What an executor needs of the machine that it runs an image in."""

    def restart(self) -> None:
        """Put the image into a fresh machine; nothing has run."""
        ...

    def protect_tables(self) -> None:
        """Make the empty tables, if there are any, read-only: nothing may ever store into them."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Write bytes into the machine's memory."""
        ...

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of the machine's memory."""
        ...

    def call(self, address: int) -> tuple[int, str] | None:
        """Call a function of the image; return (PC, cause) where the machine faulted."""
        ...


class Executor:
    """One image in one machine. Not safe to share between processes."""

    def __init__(self, image: Image, machine: Callable[[Image, Symbols], Machine]) -> None:
        self.image = image
        self.names_places = True
        """Whether events name function and line; to look the first one up takes a while."""
        self.symbols = symbols_of(image.elf)
        order = ">" if image.big_endian else "<"
        self._op = struct.Struct(order + "IIQQQQIIII")
        self._result = struct.Struct(order + "q8I")
        self._change = struct.Struct(order + "QQII")
        self._event = struct.Struct(order + "IIQQQ")
        self._control = struct.Struct(order + "11I")
        self._word = struct.Struct(order + "Q")
        self.records = {
            "control": self._control, "ops": self._op, "results": self._result,
            "changes": self._change, "dirty": self._word, "events": self._event,
            "scope": struct.Struct(order + "6I"), "steps": struct.Struct(order + "QQII"),
        }  # fmt: skip
        """What lies in each buffer of runner/slat.h, record by record."""
        self.machine = machine(image, self.symbols)
        at = self.symbols.address
        self._at = {
            name: at(f"slat_{name}")
            for name in (
                "control", "ops", "results", "changes", "dirty", "events", "run", "batch", "boot",
                "geometry", "format", "cache_min",
            )
        }  # fmt: skip
        if image.native:
            self._at["explore"] = at("slat_explore")
        start, end = at("__start_coverage"), at("__stop_coverage")
        self._flags = start, max(end - start, 0)
        self._boot()

    def _boot(self) -> None:
        """Run what is run once; where that faults, it is what every sequence will show."""
        self._broken = self._call("boot", 0)
        self.machine.protect_tables()

    def _call(
        self, name: str, operations: int, resume: bool = False, logged: bool = True
    ) -> tuple[int, str] | None:
        """Call a function of the image; return the PC and the cause where the machine faulted."""
        modes = (int(self.image.instrumented and logged), int(name != "boot"), int(resume))
        control = self._control.pack(operations, BUDGET, 0, 0, 0, 0, 0, 0, *modes)
        self.machine.write(self._at["control"], control)
        return self.machine.call(self._at[name])

    def batch(self, operations: int) -> tuple[int, str] | None:
        """Run so many operations in slat_ops, sequences one behind the other, in one call.

        For callers who write operations and read records themselves. Returns (PC, cause) where the
        machine faulted; they call ``recover`` then. What was not done for want of room in a ring
        is to be run again: ``done`` of slat_control says where it begins.
        """
        return self._broken or self._call("batch", operations)

    def explore(self) -> tuple[int, str] | None:
        """Go on with the walk that slat_scope describes; native code alone has it.

        For callers who write the scope and read steps and records themselves. Returns (PC, cause)
        where the machine faulted; they call ``recover`` then, after which nothing was explored.
        """
        return self._broken or self._call("explore", 0)

    def packed(self, ops: Sequence[Op]) -> bytes:
        """Return operations as they lie in slat_ops."""
        return b"".join(map(self._pack, ops))

    def _read(self, name: str, record: struct.Struct, count: int) -> list[tuple[int, ...]]:
        if not count:
            return []
        data = self.machine.read(self._at[name], count * record.size)
        return list(record.iter_unpack(data))

    def geometry(self) -> Geometry:
        """Return the geometry that the tree's headers and mmu.c evaluate to."""
        word = struct.Struct(self._op.format[0] + "I")
        values = [v[0] for v in self._read("geometry", word, 13)]
        cache_min = self._read("cache_min", word, 1)[0][0]
        bits, pgdir, pgds = values[0], values[5], values[6]
        reach = values[12] or min(bits, pgdir + pgds.bit_length() - 1)
        names = list(Geometry.__dataclass_fields__)[:12]
        named = dict(zip(names, values[:12], strict=True))
        return Geometry(**named, reach_bits=reach, cache_min=cache_min)

    def entry_format(self) -> list[int]:
        """Return the raw entries that the tree's own helpers make, as runner.c lists them."""
        return [v[0] for v in self._read("format", self._word, 10)]

    def coverage(self) -> tuple[set[int], set[int]]:
        """Return (reached, all) addresses of the basic blocks of the tree's code.

        A block lies at the end of an edge: where several lead to one, each has a block of its own.
        """
        blocks = self.blocks()
        return set(compress(blocks, self.flags())), set(blocks)

    def blocks(self) -> list[int]:
        """Return the addresses of all basic blocks of the tree's code, in the image's order."""
        at = self.symbols.address
        wide = "Q" if self.image.layout.bits == 64 else "I"
        block = struct.Struct(self._op.format[0] + 2 * wide)
        first, last = at("__start_blocks"), at("__stop_blocks")
        data = self.machine.read(first, last - first) if last > first else b""
        return [pc for pc, _ in block.iter_unpack(data)]

    def flags(self) -> bytes:
        """Return for each basic block, in the image's order, 0 if it was not reached."""
        start, size = self._flags
        return self.machine.read(start, size) if size else b""

    def set_flags(self, flags: bytes = b"") -> None:
        """Let those blocks count as reached that ``flags`` gave; without any, none."""
        start, size = self._flags
        if size:
            self.machine.write(start, flags or bytes(size))

    def run(self, ops: Sequence[Op], resume: bool = False, logged: bool = True) -> Run:
        """Execute a sequence in one call. Raises ToolLimitError where the runner ran out.

        With ``resume`` the operations go on with the table that the last call left. Without
        ``logged`` every linked table is looked at whole after every operation.
        """
        if len(ops) > MAX_OPS:
            raise ToolLimitError(f"a sequence has at most {MAX_OPS} operations")
        if self._broken is not None:
            return Run([Outcome(0, {}, events=(self._machine_event(self._broken),))], 0)
        self.machine.write(self._at["ops"], self.packed(ops))
        fault = self._call("run", len(ops), resume, logged)
        control = self._control.unpack(self.machine.read(self._at["control"], self._control.size))
        _, _, cursor, done, stopped, changes, dirty, events, *_ = control
        found = self._read("events", self._event, min(events, ROOM["events"]))
        if fault is None and not _possible(control, ops, found):
            fault = 0, FORGED
        if fault is not None:
            return self._faulted(ops, min(cursor, len(ops) - 1), fault)
        count = done + (1 if stopped else 0)
        results = self._read("results", self._result, count)
        last = events - 1 if stopped else -1
        rings = (
            self._read("changes", self._change, changes),
            [v[0] for v in self._read("dirty", self._word, dirty)],
            [self._decode_event(event, at == last) for at, event in enumerate(found)],
        )
        return self._decode(ops, results, rings, cursor if stopped else None)

    def _pack(self, op: Op) -> bytes:
        kind, first, last, mask, pfn, write, writable, answer, retries, oom, order, skew = op
        # Bit 3 says that the host's mapping is transparent; no operation can ask for that yet.
        flags = write | writable << 1 | TRANSPARENT << 3 | answer << 8
        return self._op.pack(kind, flags, first, last, mask, pfn, retries, oom, order, skew)

    def _decode(
        self,
        ops: Sequence[Op],
        results: list[tuple[int, ...]],
        rings: tuple[list[tuple[int, ...]], list[int], list[Event]],
        stop: int | None,
    ) -> Run:
        changes, dirty, events = rings
        outcomes = []
        c = d = e = 0
        for op, (value, c_end, d_end, e_end, tables, taken, freed, held, _) in zip(
            ops, results, strict=False
        ):
            outcomes.append(
                Outcome(
                    value & U64 if op.kind is Kind.LOOKUP else value,
                    _net(changes[c:c_end]) if c_end != c else {},
                    tuple(dirty[d:d_end]) if d_end != d else (),
                    tables,
                    taken,
                    freed,
                    held,
                    tuple(events[e:e_end]) if e_end != e else (),
                )
            )
            c, d, e = c_end, d_end, e_end
        return Run(outcomes, stop)

    def _decode_event(self, raw: tuple[int, ...], fatal: bool) -> Event:
        code, subject, address, pc, detail = raw
        rule = EVENTS[code]
        if rule is None:
            raise ToolLimitError(f"the runner's {SUBJECTS[subject]} is full ({detail})")
        place = self._place(pc)
        if rule in WARNINGS and self.symbols.place(pc).function == CACHE_ALLOC:
            rule = "cache-exhausted"
        return Event(
            rule, SUBJECTS[subject], _detail(rule, subject, detail), fatal,
            address, place.function, place.where,
        )  # fmt: skip

    def _machine_event(self, fault: tuple[int, str]) -> Event:
        pc, cause = fault
        place = self._place(pc)
        rule = "runaway" if cause == ENDLESS else "bad-access"
        return Event(rule, MACHINE, cause, True, pc, place.function, place.where)

    def _place(self, pc: int) -> Place:
        return self.symbols.place(pc) if self.names_places else NOWHERE

    def _faulted(self, ops: Sequence[Op], cursor: int, fault: tuple[int, str]) -> Run:
        """Turn a fault of the machine itself into the outcome of the operation in progress.

        What the operations before it recorded is as good as any, unless it cannot have been so.
        """
        event = self._machine_event(fault)
        results = self._read("results", self._result, cursor)
        ends = [(0, 0, 0), *(result[1:4] for result in results)]
        climbs = all(map(_climbs, ends, ends[1:]))
        blank = [Outcome(result[0], {}) for result in results]
        before = self._before(ops, results, ends[-1]) if climbs else blank
        self.recover()
        return Run([*before, Outcome(0, {}, events=(event,))], cursor)

    def _before(
        self, ops: Sequence[Op], results: list[tuple[int, ...]], ends: tuple[int, ...]
    ) -> list[Outcome]:
        """Return the outcomes of operations that came to their end before a fault."""
        changes, dirty, events = (
            self._read(name, self.records[name], end) for name, end in zip(ROOM, ends, strict=True)
        )
        if not all(map(_is_known, events)):
            return [Outcome(result[0], {}) for result in results]
        told = [self._decode_event(event, fatal=False) for event in events]
        return self._decode(ops, results, (changes, [v[0] for v in dirty], told), None).outcomes

    def recover(self) -> None:
        """Start the machine afresh: after a fault its memory cannot be trusted."""
        self.machine.restart()
        self._boot()


def _possible(control: tuple[int, ...], ops: Sequence[Op], events: list[tuple[int, ...]]) -> bool:
    """Return whether the runner can have left this behind: code under test may write anywhere.

    It goes on to the last operation, unless one was fatal or CREATE failed.
    """
    _, _, cursor, done, stopped, *counts, _, _, _ = control
    fits = all(count <= most for count, most in zip(counts, ROOM.values(), strict=True))
    known = all(map(_is_known, events))
    if not fits or not known or stopped > 1 or cursor != done or done + stopped > len(ops):
        return False
    return bool(stopped) or done == len(ops) or ops[done - 1].kind is Kind.CREATE


def _is_known(event: tuple[int, ...]) -> bool:
    """Return whether there is such an event."""
    code, subject, *_ = event
    return code < len(EVENTS) and subject < len(SUBJECTS)


def _climbs(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Return whether an operation's records end within the rings, and not before they begin."""
    rooms = zip(before, after, ROOM.values(), strict=True)
    return all(begin <= end <= room for begin, end, room in rooms)


def _net(changes: list[tuple[int, ...]]) -> dict[int, int]:
    """Return the last value of each frame that changed, with the order of the leaf above it."""
    return {gfn: raw and raw | order << ORDER_SHIFT for gfn, raw, order, _ in changes}


def _detail(rule: str, subject: int, detail: int) -> str:
    """Return what happened in words; addresses stay out, so that text is stable."""
    what = SUBJECTS[subject]
    level = _LEVELS[detail] if detail < len(_LEVELS) else "table"
    access = "store" if detail else "load"
    if rule in ("bad-access", "out-of-bounds") and what == "null pointer":
        return f"a {access} through a null pointer"
    if what == "empty table":
        return "a store into a shared empty table"
    if rule == "out-of-bounds":
        return f"a {what} past the end of its block"
    if rule == "bad-access":
        return f"a {what} where no object is"
    if rule == "use-after-free":
        freed = what == "linked table"
        return (
            f"a {level} is freed while it is linked" if freed else f"a {access} in a freed {what}"
        )
    if rule == "uninitialised":
        return f"{what} of a {level} were never set" if what else "memory was never set"
    if rule == "unflushed":
        return _UNFLUSHED[what]
    if rule == "unlocked-access":
        return f"a {level} is used without mmu_lock"
    if rule == "leak":
        return f"{what} {'are' if what.startswith('tables') else 'is'} never given back"
    if rule in ("wild-free", "double-free"):
        return f"{what or 'no page that was handed out'}, freed with order {detail}"
    if rule == "accounting" and what.startswith("table "):
        return f"a {what} ran without its counterpart"
    return what


class CompiledKernel:
    """The tree's own C, compiled, behind the interface of implementations."""

    name = "kernel"

    def __init__(self, executor: Executor, missing: dict[Kind, str]) -> None:
        self.layout = executor.image.layout
        self.executor = executor
        kinds = frozenset(port_of(self.layout).functions) - frozenset(missing)
        self.capabilities = Capabilities(kinds, missing=missing)

    def run(self, ops: Sequence[Op]) -> Run:
        """Execute ``ops``; see impl.interface.Implementation."""
        return self.executor.run(ops)
