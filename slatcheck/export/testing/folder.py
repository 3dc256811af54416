# SPDX-License-Identifier: GPL-2.0-only
"""What the folder holds: the Makefile, what is copied, and what is made for the tree."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from impl.kernel.build import HERE, Job, prepare
from impl.kernel.executor import BUDGET
from impl.kernel.native.host import OWN, PLAIN, RETURN, WIDTH, HostCode, host
from impl.kernel.ports import bind, open_for
from impl.kernel.toolchain import COMMON, INSTRUMENT, find
from model.layout import Layout
from model.operations import Kind
from model.ports import port_of
from slatcheck import __version__
from slatcheck.display.web import resource
from slatcheck.export import case as cases
from slatcheck.export.c_form import needed_locals, shown
from slatcheck.export.program import places, renamed
from slatcheck.export.template import of_port, render
from slatcheck.export.testing.chosen import Chosen
from slatcheck.export.testing.numbers import header
from slatcheck.export.testing.ordinary import ordinary
from slatcheck.export.testing.sorting import (
    FILTER,
    GENERATED,
    PARTS,
    RUNNER,
    headed,
    part_of_header,
    part_of_runner,
    sources,
)
from slatcheck.fuzz.library import KINDS, SOURCES
from slatcheck.fuzz.parameters import why_not

UNUSED = frozenset({"explore.c", "image.ld", "kunit.c"})
"""Files of the runner that other programs are made of."""
_CUT = re.compile(r'^#line \d+ "([^"]+)"$', re.MULTILINE)
_OPTIMISED = ("-O", "-g")


def folder(chosen: Chosen, kernel: Path, cc: str | None) -> dict[str, str]:
    """Return the files of a folder for a tree, by their names in it.

    Raises TreeError and UnsupportedError as building the tree does.
    """
    layout = chosen.layout
    tree = open_for(kernel, layout)
    toolchain = find(cc)
    binding = renamed(bind(tree))
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        target = host(layout, toolchain)
        job = Job(tree, binding, layout, False, toolchain, Path(name), host=target)
        prepare(job)
        made = sources(job.folder)
    made = {key.removeprefix(f"{GENERATED}/"): text for key, text in made.items()}
    made["given.h"] = _given(job)
    made["tests.c"] = _tests(chosen, tree.version, _kinds(job))
    reason = why_not_drawn(layout)
    made["drawn.c"] = render("testing/drawn.c.j2", reason=reason)
    if not reason:
        found = [case for case, _ in chosen.cases]
        first = len(ordinary(layout, _kinds(job)))
        made["numbers.h"] = header(layout, _kinds(job) & frozenset(KINDS), found, first)
    out = {f"{GENERATED}/{key}": headed(GENERATED, text) for key, text in made.items()}
    out |= _copied(job, bool(reason))
    cut_from = sorted({name for text in made.values() for name in _CUT.findall(text)})
    return out | _texts(chosen, job, reason, cut_from)


def why_not_drawn(layout: Layout) -> str:
    """Return why a folder draws no sequences for a layout, '' where it does."""
    if layout.large:
        return "its leaves have several sizes: what is known of them cannot be left out of a draw"
    return why_not(layout)


def _kinds(job: Job) -> frozenset[Kind]:
    """Return the operations that the tree has."""
    return frozenset(port_of(job.layout).functions) - frozenset(job.binding.missing)


def _given(job: Job) -> str:
    """Return the macros that the compiler is given, as a header in front of all others."""
    assert isinstance(job.code, HostCode)
    values = dict(define[2:].split("=", 1) for define in job.defines())
    values = {name: text.replace(f"{job.tree.root}/", "") for name, text in values.items()}
    values |= {"SLAT_NATIVE": "1", "SLAT_CALL_BYTES": str(RETURN), "SLAT_BUDGET": str(BUDGET)}
    lines = ["/* SPDX-License-Identifier: GPL-2.0-only */"]
    lines += ["/* The tree's headers must not see for which processor the code is made. */"]
    lines += [f"#undef {name}" for name in OWN]
    theirs = job.code.theirs(job.layout.bits, False)
    lines += [f"#define {name} {value}".rstrip() for name, value in theirs.items()]
    lines += ["/* Where memory lies, and how this tree calls what differs between trees. */"]
    lines += [f"#define {name} {value}".rstrip() for name, value in values.items()]
    return "\n".join([*lines, ""])


def _tests(chosen: Chosen, version: str, kinds: frozenset[Kind]) -> str:
    """Return tests.c: the ordinary operations first, then the findings."""
    layout = chosen.layout
    known = {event for case, _ in chosen.cases for event in case.known}
    tests = [
        (name, f"Ordinary operations: {name}", cases.promised(layout, ops, known), False)
        for name, ops in ordinary(layout, kinds).items()
    ]
    tests += [
        (case.trace.fingerprint, case.sentence, case.steps, needs) for case, needs in chosen.cases
    ]
    values = []
    for name, about, steps, needs in tests:
        rows = [shown(layout, step) for step in steps]
        lost = any(row["lost"] for row in rows)
        values.append(
            {
                "name": name,
                "function": f"test_{re.sub(r'[^a-z0-9]+', '_', name.lower())}",
                "about": about,
                "steps": rows,
                "locals": needed_locals({step.op.kind for step in steps}, lost),
                "needs_checks": needs,
            }
        )
    return render(
        "testing/tests.c.j2",
        layout_words=cases.in_words(layout),
        version=version,
        tests=values,
        steps_template=of_port(layout, "steps.c.j2"),
    )


def _copied(job: Job, no_filter: bool) -> dict[str, str]:
    """Return what is slatcheck's own: shim, runner and filter."""
    own = job.port.folder
    shim = sources(HERE / "shim") | sources(own / "shim")
    out = {
        f"{part}/{name}": headed(part, text)
        for name, text in shim.items()
        if not name.startswith("for-") and (part := part_of_header(name, text))
    }
    runner = sources(HERE / "runner") | sources(own / "runner") | sources(job.target.folder)
    out |= {
        f"{part}/{name}": headed(part, text)
        for name, text in runner.items()
        if name not in UNUSED and (part := part_of_runner(name))
    }
    if not no_filter:
        filter_ = sources(SOURCES) | {"bulk.c": resource(__package__, "bulk.c")}
        out |= {f"{FILTER}/{name}": headed(FILTER, text) for name, text in filter_.items()}
    cut = resource(__package__, "cut.awk")
    return out | {f"{RUNNER}/cut.awk": f"# {RUNNER}: {PARTS[RUNNER]}\n{cut}"}


def _texts(chosen: Chosen, job: Job, reason: str, cut_from: list[str]) -> dict[str, str]:
    """Return the Makefile and the README."""
    bits, port, tree = job.layout.bits, job.port, job.tree
    instrument = [flag for flag in INSTRUMENT if "coverage" not in flag]
    values = {
        "bits": bits,
        "kernel": str(tree.root),
        "main": tree.files.main,
        "version": tree.version,
        "layout": cases.in_words(job.layout),
        "tool": __version__,
        "flags": [flag for flag in COMMON if not flag.startswith(_OPTIMISED)],
        "instrument": instrument,
        "plain": [*PLAIN, *(flag for flag in WIDTH[bits])],
        "includes": tree.files.includes,
        "beside": port.beside(job.layout),
        "places": places(job.layout, port.arena_pages),
        "parts": PARTS,
        "reason": reason,
        "cut_from": cut_from,
        "slices": sorted(job.binding.slices),
        "cases": chosen.cases,
        "refused": chosen.refused,
        "main_folder": str(Path(tree.files.main).parent),
    }
    return {name: render(f"testing/{name}.j2", **values) for name in ("Makefile", "README")}
