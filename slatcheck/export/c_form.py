# SPDX-License-Identifier: GPL-2.0-only
"""A finding as a C program: the tree's own functions called one after the other, and checks."""

from __future__ import annotations

from impl.interface import Event
from impl.kernel.executor import EVENTS, SUBJECTS
from model.layout import Layout
from model.operations import (
    ADDRESSED,
    EFAULT,
    ENOMEM,
    HALF_OPEN,
    INCLUSIVE,
    SLOT,
    U64,
    Answer,
    Kind,
    Op,
)
from model.ports import entry_point, port_of
from slatcheck.errors import InputError
from slatcheck.export.case import Case, Step
from slatcheck.export.claims import in_words
from slatcheck.export.head import head
from slatcheck.export.running import called
from slatcheck.export.template import comment, of_port, render

CODES = (
    *("EV_BAD_ACCESS", "EV_OUT_OF_BOUNDS", "EV_USE_AFTER_FREE", "EV_DOUBLE_FREE", "EV_WILD_FREE"),
    *("EV_UNINITIALISED", "EV_LEAK", "EV_ACCOUNTING", "EV_RUNAWAY", "EV_WARNING", "EV_BUG"),
    *("EV_UNLOCKED", "EV_CACHE_EXHAUSTED", "EV_DIRTY_UNREPORTED", "EV_WRONG_RESULT"),
    *("EV_STRUCTURE", "EV_TOOL_LIMIT", "EV_UNFLUSHED"),
)
"""The names of runner/slat.h for the numbers of EVENTS."""

SUBJECT_NAMES = (
    *("SU_NONE", "SU_PGD", "SU_PUD", "SU_PMD", "SU_PTE", "SU_LOOSE", "SU_OBJECTS"),
    *("SU_EMPTY_TABLE", "SU_LOCK", "SU_SRCU", "SU_PFN", "SU_CONSTRUCTOR", "SU_COUNTER"),
    *("SU_LOAD", "SU_STORE", "SU_NULL", "SU_PGD_REST", "SU_LINKED", "SU_SLOTS", "SU_ENTRY"),
    *("SU_DIRTY_LOCK", "SU_READ_ONLY", "SU_RING", "SU_ARENA", "SU_CHILDREN", "SU_P4D"),
    *("SU_REMOVED", "SU_PERMISSION", "SU_TABLE", "SU_MMAP"),
)
"""The names of runner/slat.h for the numbers of SUBJECTS."""

COMPILED = frozenset({"geometry"})
"""Rules that no operation breaks."""

ANSWERS = {
    Answer.PAGE: "",
    Answer.NO_SLOT: "HOST_NO_SLOT",
    Answer.READ_ONLY: "HOST_READ_ONLY",
    Answer.ERROR: "HOST_ERROR",
}
ERRNO = {-EFAULT: "-EFAULT", -ENOMEM: "-ENOMEM", 0: "0", 1: "1"}


def render_c(case: Case) -> str:
    """Return the C program that shows the finding of ``case``.

    Raises InputError, in one line, for a finding that a program cannot express.
    """
    if case.symptom.rule in COMPILED:
        raise InputError(
            f"{case.trace.fingerprint} cannot be a C program: it shows when the tree's headers are "
            "compiled, not when they run; export it --as pytest"
        )
    template = of_port(case.layout, "c.c.j2")
    emulators = " or ".join(f"{name} FILE" for name in port_of(case.layout).user_emulators)
    run = [
        "slatcheck run THIS-FILE --kernel PATH (in an emulator, isolated), or with "
        f"--program FILE added, {emulators} (not isolated)"
    ]
    about = head(
        case,
        "c",
        run,
        "it ends with status 1, and says which entry or answer is wrong",
        "it ends with status 0; where the steps went another way, with 3, which is no pass",
    )
    steps = [shown(case.layout, step) for step in case.steps]
    return render(
        template,
        about=comment(about, " *"),
        layout=called(case.layout, case.trace.byte_order),
        fingerprint=case.trace.fingerprint,
        locals=needed_locals(
            {step.op.kind for step in case.steps}, any(step["lost"] for step in steps)
        ),
        steps=steps,
    )


def needed_locals(kinds: set[Kind], looks: bool) -> set[str]:
    """Return the local variables that operations of these kinds, and looks at entries, need."""
    needed = {
        "slot": HALF_OPEN | SLOT | {Kind.LOG_DIRTY_MASKED},
        "logged": {Kind.COMMIT_REGION},
        "range": HALF_OPEN,
        "pte": {Kind.LOOKUP},
        "result": HALF_OPEN | INCLUSIVE | {Kind.LOOKUP},
    }
    found = {name for name, users in needed.items() if kinds & users}
    return found | ({"pte"} if looks else set())


def shown(layout: Layout, step: Step) -> dict[str, object]:
    """Return what the template needs to know of a step."""
    op, promised = step.op, step.promised
    results = promised.results if promised else None
    return {
        "number": step.number,
        "words": step.words,
        "kind": op.kind.name,
        "function": entry_point(layout, op.kind),
        "first": number(op.first, _address_bits(layout) if op.kind in ADDRESSED else 64),
        "last": number(op.last, 64),
        "mask": number(op.mask, layout.bits),
        "pfn": number(op.pfn, 64),
        "order": op.order,
        "write": _truth(op.write),
        "writable": _truth(op.writable),
        "begins": _begins(layout, op),
        "result": _result(results[0]) if results else "",
        "results": [_result(value) for value in results or ()],
        "changes": _changes(layout, step),
        "lost": _lost(layout, step),
        "may": _may(layout, step),
        "limit": step.claims.limit if step.claims else None,
        "judged": promised is not None and op.kind is not Kind.DESTROY,
        "fault": op.kind in (Kind.FAULT, Kind.FAULT_FAST),
        "dirty": [number(gfn, 64) for gfn in sorted(promised.dirty)] if promised else [],
        "others": sorted({pair for event in step.others for pair in _event(event)}),
    }


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _address_bits(layout: Layout) -> int:
    return layout.address_bits or layout.bits


def number(value: int, bits: int) -> str:
    """Return an unsigned constant of C that a type of ``bits`` holds, in hex."""
    return f"{value & ((1 << bits) - 1):#x}{'ULL' if bits == 64 else 'UL'}"


def _result(value: int) -> str:
    return ERRNO.get(value) or (number(value, 64) if value >= 0 else str(value))


def _begins(layout: Layout, op: Op) -> list[str]:
    """Return the fields that say how the environment answers an operation."""
    out = [f".kind = OP_{op.kind.name}"]
    flags: list[str] = []
    if op.kind in (Kind.FAULT, Kind.FAULT_FAST):
        out.append(f".first = {number(op.first, _address_bits(layout))}")
        flags = ["IS_WRITE"] if op.write else []
    if op.kind is Kind.PREPARE_REGION:
        flags = ["HOST_DEVICE"] if op.write else []
    if op.kind in (Kind.FAULT, Kind.PREPARE_REGION):
        flags += ["HOST_PAGE_WRITABLE"] if op.writable else []
        flags += [ANSWERS[op.answer]] if ANSWERS[op.answer] else []
        out.append(f".pfn = {number(op.pfn, 64)}")
    out += [f".flags = {' | '.join(flags)}"] if flags else []
    if op.kind is Kind.FAULT:
        out += [f".order = {op.order}"] if op.order else []
        out += [f".skew = {op.skew & 0xFFFFFFFF}"] if op.skew else []
    out += [f".retries = {op.retries}"] if op.retries else []
    out += [f".oom = {min(op.oom, 0xFFFFFFFF)}"] if op.oom else []
    return out


def _changes(layout: Layout, step: Step) -> list[tuple[str, str, str]]:
    """Return (frame, raw entry, in words) of each entry that must change."""
    out = []
    for gfn, entry in sorted((step.promised.changes if step.promised else {}).items()):
        raw = layout.entry.encode(entry) if entry else 0
        words = layout.entry.describe(raw) if raw else "vanishes"
        where = f"GPA {gfn << layout.page_shift:#x}: {words}"
        out.append((number(gfn, 64), number(raw & U64, 64), where))
    return out


def _lost(layout: Layout, step: Step) -> list[tuple[str, str, str]]:
    """Return (address, PFN, in words) of entries whose PFN has bits that 64 bits cannot show."""
    shift = layout.page_shift
    return [
        (
            number(gfn << shift, layout.bits),
            number(entry.pfn, 64),
            f"GPA {gfn << shift:#x} must hold pfn {entry.pfn:#x}",
        )
        for gfn, entry in sorted((step.promised.changes if step.promised else {}).items())
        if entry and not layout.entry.holds(entry.pfn)
    ]


def _may(layout: Layout, step: Step) -> list[tuple[str, str]]:
    """Return (fields, in words) of each claim about guest frames.

    Raises InputError where nothing at all would be right: a program would never be mended.
    """
    out = []
    for claim in step.claims.frames if step.claims else ():
        words = in_words(layout, claim)
        if claim.entry is None and not (claim.gone or claim.kept):
            raise InputError(
                f"step {step.number}, {step.words}, cannot be a C program: what it must leave at "
                f"{words.partition(':')[0]} depends on what it is; export it --as pytest"
            )
        fields = [number(claim.first, 64), number(claim.last, 64)]
        raw = layout.entry.encode(claim.entry) if claim.entry else 0
        fields += [number(raw & U64, 64)] if raw else []
        fields += [f".{name} = 1" for name in ("gone", "kept") if getattr(claim, name)]
        out.append((", ".join(fields), words))
    return out


def _event(event: Event) -> list[tuple[str, str, str]]:
    """Return the codes and the subject by which the runner knows an event, and its rule."""
    codes = [CODES[n] for n, rule in enumerate(EVENTS) if rule == event.rule]
    if event.rule == "cache-exhausted":
        codes += ["EV_WARNING", "EV_BUG"]
    subject = SUBJECTS.index(event.subject) if event.subject in SUBJECTS else 0
    what = f"{event.rule}: {event.subject}"
    return [(code, SUBJECT_NAMES[subject], what) for code in codes]
