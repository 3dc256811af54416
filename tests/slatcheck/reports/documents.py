# SPDX-License-Identifier: GPL-2.0-only
"""Documents to render: any verdicts, any findings, and text that tries to break a format."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from slatcheck.document.result import Check, Document, Finding, Gate, Location, Verdict, worst
from tests.slatcheck.reports.test_reports import NAMES, check, document, finding

#: What formats give a meaning to; each may stand anywhere in what comes from a tree.
HOSTILE = (
    "]]>",
    "<failure>&amp;",
    "a\nb\r\nc",
    "::error file=x::y",
    "%0A::notice::passed",
    "# SKIP not today",
    " # SKIP",
    "- x # TODO",
    "Subtest: mips32-4k",
    "ok 1 all is well",
    "\nok 1 all is well\n",
    "1..0",
    "KTAP version 1",
    "reboot: System halted",
    "Kernel panic - not syncing: VFS: no root",
    "\x1b[2J\x00\x07\x85\u2028\ufffe\ud800",
    "../../etc/passwd",
    "/etc/passwd:1: error: x",
    "arch/mips/kvm/mmu.c:1: note: holds",
    "a,b:c=d%",
    "mips32-4k",
    "",
    "   ",
)
#: The reason that decided_by gives.
WHY = "it was so"
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20), st.sampled_from(("f", "g")))
paths = st.one_of(texts, st.sampled_from(("arch/mips/kvm/mmu.c", "arch/mips/kvm/mips.c")))
ids = st.one_of(
    st.builds("kernel/{}/{}".format, texts, st.sampled_from(("stale-mapping", "leak"))), texts
)
checks = st.builds(
    check,
    st.sampled_from((*NAMES, "")),
    st.sampled_from(Verdict),
    id=ids,
    function=texts,
    reason=texts,
    cases=st.integers(0, 9),
    accepted=st.sampled_from(("", "baseline", "severity")),
    finding=texts,
)
findings: st.SearchStrategy[Finding] = st.builds(
    finding,
    fingerprint=texts,
    rule=st.sampled_from(("stale-mapping", "leak", "geometry")),
    severity=st.sampled_from(("unsafe", "imprecise")),
    layouts=st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    entry=texts,
    trigger=texts,
    summary=texts,
    expected=st.lists(texts, max_size=2),
    actual=st.lists(texts, max_size=2),
    trace=st.lists(st.dictionaries(st.just("op"), texts), max_size=2),
    location=st.builds(Location, texts, paths, st.integers(0, 3)),
    contract=st.booleans(),
    known=st.booleans(),
    step=st.integers(0, 3),
)


differences = st.fixed_dictionaries(
    {
        "layout": st.sampled_from(NAMES),
        "function": texts,
        "reason": texts,
        "trace": st.just([]),
        "before": st.lists(texts, max_size=1),
        "after": st.lists(texts, max_size=1),
    }
)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Draw a document; its checks and findings need not fit each other."""
    found = tuple(draw(st.lists(findings, max_size=3)))
    out = document(*draw(st.lists(checks, max_size=6)), findings=found)
    out.layouts = out.layouts[: draw(st.integers(0, len(out.layouts)))]
    out.notes = draw(st.lists(texts, max_size=2))
    if draw(st.booleans()):
        out.kernel = None
    if draw(st.booleans()):
        out.gate = draw(gates(out))
    return out


#: What a run is compared with: nothing, a file, a revision.
AGAINST = ((), ("baseline", "kernel"), ("revision", "commit", "kernel"))


@st.composite
def gates(draw: st.DrawFn, found: Document) -> Gate:
    """Draw a gate: it lets through what is accepted, or is shut by something else as well."""
    counted = found.judged(replace(one, verdict=passes(one)) for one in found.checks)
    return Gate(
        worst([counted, draw(st.sampled_from(Verdict))]),
        draw(st.sampled_from(("unsafe", "imprecise"))),
        draw(st.one_of(*(st.fixed_dictionaries(dict.fromkeys(keys, texts)) for keys in AGAINST))),
        gone=draw(st.dictionaries(texts, st.lists(st.sampled_from(NAMES)), max_size=2)),
        differences=draw(st.lists(differences, max_size=1)),
    )


def passes(check: Check) -> Verdict:
    """Return the verdict of a check as far as a gate minds it."""
    return Verdict.HOLDS if check.accepted else check.verdict


def gated(verdict: Verdict, accepted: str = "baseline") -> Document:
    """Return a document like that of decided_by, whose gate is open all the same."""
    out = decided_by(verdict)
    out.checks[0] = replace(out.checks[0], accepted=accepted)
    out.gate = Gate(Verdict.HOLDS, against={"baseline": "known.toml"})
    return out


def replay(one: Finding) -> str:
    """Return a command that has to be escaped as well."""
    return f"slatcheck replay {one.fingerprint}"


def holding() -> Document:
    """Return a document of which everything holds."""
    return document(*(check(name, Verdict.HOLDS) for name in NAMES))


def decided_by(verdict: Verdict) -> Document:
    """Return a document that is ``verdict`` as a whole, by one check without any finding."""
    checks = [check(name, Verdict.HOLDS) for name in NAMES[1:]]
    return document(check(NAMES[0], verdict, reason=WHY), *checks)
