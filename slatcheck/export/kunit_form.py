# SPDX-License-Identifier: GPL-2.0-only
"""A finding as a KUnit suite for the tree: mmu.c with its host replaced, and expectations."""

from __future__ import annotations

import re
from pathlib import Path

from impl.kernel.ports import kernel_port
from model.entry import Entry
from model.layout import Layout
from model.operations import HALF_OPEN, INCLUSIVE, Answer, Kind, Op
from model.rules import RULES
from slatcheck.errors import InputError
from slatcheck.export.c_form import number, shown
from slatcheck.export.case import Case, Step
from slatcheck.export.head import head
from slatcheck.export.running import called
from slatcheck.export.template import comment, of_port, render

ELSEWHERE = frozenset({Kind.FLUSH_SLOT, Kind.FLUSH_ALL, Kind.COMMIT_REGION, Kind.DESTROY})
"""Operations whose functions stand in other files, out of the reach of a copy of the main one."""

BOOKS = frozenset(
    {
        *(rule.name for rule in RULES if rule.memory_safety),
        *("leak", "accounting", "cache-exhausted", "runaway", "unlocked-access"),
        *("geometry", "kernel-warning", "oom-not-atomic", "unflushed"),
    }
)
"""Rules that a kernel alone cannot show: they need the runner's books: accesses, pages, flushes."""

ANSWERS = {
    Answer.NO_SLOT: "KVM_PFN_NOSLOT",
    Answer.READ_ONLY: "KVM_PFN_ERR_RO_FAULT",
    Answer.ERROR: "KVM_PFN_ERR_FAULT",
}

MOST_FRAMES = 16
"""Frames that the last step looks at, those that are wrong first."""


def render_kunit(case: Case) -> str:
    """Return the KUnit suite that shows the finding of ``case``.

    Raises InputError, in one line, for a finding that KUnit cannot express.
    """
    template = of_port(case.layout, "kunit.c.j2")
    main = _main(case)
    _check(case)
    run = [
        "slatcheck run THIS-FILE --kernel PATH (in an emulator, with a small KUnit); or in a "
        f"kernel: put it into {main.parent} as mmu_kunit.c, write mmu_kunit.o for mmu.o in the "
        "Makefile there, set CONFIG_KUNIT and CONFIG_KVM, boot. It needs no virtualisation "
        "hardware: the page table is memory, and the host's answers are made up",
    ]
    about = head(
        case,
        "kunit",
        run,
        "it is 'not ok', with the expectation that failed",
        "it is 'ok'; an assertion that failed says that the steps went another way",
    )
    kinds = {step.op.kind for step in case.steps}
    name = re.sub(r"[^a-z0-9]+", "_", case.trace.fingerprint.lower()).strip("_")
    return render(
        template,
        about=comment(about, " *"),
        layout=called(case.layout, case.trace.byte_order),
        name=name,
        suite=f"slatcheck_{re.sub(r'[^a-z0-9]+', '_', case.layout.name)}",
        locals=_locals(kinds, any(_frames(case, step) for step in case.steps)),
        steps=[_shown(case, step) for step in case.steps],
    )


def _main(case: Case) -> Path:
    """Return the file, within the tree, whose copy the suite is put beside."""
    return Path(kernel_port(case.layout.port).files.main)


def _check(case: Case) -> None:
    """Raise InputError where KUnit cannot express the finding."""
    why, main = "", _main(case)
    if case.symptom.rule in BOOKS:
        why = f"{case.symptom.rule} shows only where accesses, pages and warnings are watched"
    for step in case.steps:
        if step.op.kind in ELSEWHERE:
            why = f"step {step.number}, {step.op.kind.name.lower()}, is no function of {main.name}"
        if step.op.oom:
            why = f"in step {step.number} a page allocation has to fail"
    if why:
        raise InputError(
            f"{case.trace.fingerprint} cannot be a KUnit case: {why}; export it --as c or pytest"
        )


def _locals(kinds: set[Kind], entries: bool) -> set[str]:
    faults = {Kind.FAULT, Kind.FAULT_FAST}
    needed = {
        "vcpu": faults,
        "slot": HALF_OPEN | {Kind.LOG_DIRTY_MASKED},
        "range": HALF_OPEN,
        "result": HALF_OPEN | INCLUSIVE | faults,
        "entry": {Kind.LOOKUP},
    }
    found = {name for name, users in needed.items() if kinds & users}
    return found | ({"entry"} if entries else set())


def _shown(case: Case, step: Step) -> dict[str, object]:
    """Return what the template needs to know of a step."""
    last = step is case.steps[-1]
    promised, op = step.promised, step.op
    faults = op.kind in (Kind.FAULT, Kind.FAULT_FAST)
    result = ""
    if promised and promised.results and len(promised.results) == 1:
        silent = op.kind in (Kind.CREATE, Kind.LOOKUP)
        result = "" if silent else str(shown(case.layout, step)["result"])
    dirty = None
    if promised is not None and faults:
        dirty = [number(gfn, 64) for gfn in sorted(promised.dirty)]
    return shown(case.layout, step) | {
        "must": "KUNIT_EXPECT" if last else "KUNIT_ASSERT",
        "host": _host(op) if faults else [],
        "result": result,
        "dirty": dirty,
        "frames": _frames(case, step),
    }


def _host(op: Op) -> list[str]:
    """Return the statements that say how the host answers a fault."""
    answer = ANSWERS.get(op.answer) or number(op.pfn, 64)
    lines = [f"host.answer = {answer};"]
    lines += [f"host.writable = {'true' if op.writable else 'false'};"]
    lines += [f"host.invalidations = {op.retries};"] if op.retries else []
    return [*lines, "host.dirtied = 0;"]


def _frames(case: Case, step: Step) -> list[dict[str, object]]:
    """Return the frames to look at after a step, with what their entries must be."""
    layout, op = case.layout, step.op
    if step.promised is None:
        return []
    if op.kind is Kind.LOOKUP:
        frame = op.first >> layout.page_shift
        return [_frame(layout, frame, step.after.get(frame), "")]
    if step is case.steps[-1]:
        wrong = [gfn for gfn, _ in case.symptom.expected]
        before = case.steps[-2].after if len(case.steps) > 1 else {}
        frames = list(dict.fromkeys([*wrong, *sorted({*before, *step.after})]))[:MOST_FRAMES]
    else:
        frames = sorted(step.promised.changes)
    return [
        _frame(layout, gfn, step.after.get(gfn), number(gfn << layout.page_shift, layout.bits))
        for gfn in frames
        if gfn <= layout.top
    ]


def _frame(layout: Layout, gfn: int, entry: Entry | None, gpa: str) -> dict[str, object]:
    words = f"frame {gfn:#x}, GPA {gfn << layout.page_shift:#x}"
    pfn = number(entry.pfn, 64) if entry else ""
    return {"gpa": gpa, "entry": entry, "pfn": pfn, "words": words}
