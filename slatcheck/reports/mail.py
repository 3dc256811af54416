# SPDX-License-Identifier: GPL-2.0-only
"""One cause as a plain mail to a kernel list: what, where, since when, and how to see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model.operations import Kind
from model.ports import entry_point, layout, port_of
from model.ports import machines as runs
from model.ports.port import Port
from model.rules import RULES
from model.triggers import TRIGGERS
from slatcheck.display.words import clean, count, find_layout, layout_names
from slatcheck.document.result import Cause, Document, Finding, Verdict
from slatcheck.errors import InputError
from slatcheck.reports import by_cause, lines
from slatcheck.reports.forms import NOTHING_ASKED, Asked, Replay, judged_tree
from slatcheck.reports.letter import command, heading, item, paragraph, subject, verbatim
from slatcheck.reports.remarks import Places
from slatcheck.reports.since import since

_STATEMENTS = {rule.name: rule.statement for rule in RULES}
_SEVERITY = {
    "unsafe": "It is unsafe: memory, or who may reach it, is at stake.",
    "imprecise": "It is imprecise: more work than was asked for, harmless to the guest.",
}


def render(document: Document, replay: Replay | None = None, asked: Asked = NOTHING_ASKED) -> str:
    """Return a mail about one cause: ASCII, 72 columns, to be read and changed before it is sent.

    Raises InputError where the document has no cause, or several of which none was chosen, or is
    about no kernel.
    """
    if document.kernel is None:
        raise InputError("a mail is about a kernel tree; this report is about the built-in table")
    cause = by_cause.chosen(document, asked.subject)
    finding, *others = by_cause.findings(document, cause)
    tree = judged_tree(document, asked.kernel)
    told = [
        *_head(finding, Places(document).of(finding).file),
        *_opening(document, finding),
        *_what(finding),
        *_where(finding, others),
        *_configurations(document, cause),
        *since(finding, tree),
        *_reproduce(document, finding),
        *_evidence(document, cause),
    ]
    return "\n".join(told).rstrip() + "\n"


def _head(finding: Finding, file: str) -> Iterator[str]:
    rule = finding.rule.replace("-", " ")
    yield from subject(
        f"[BUG] KVM: {_port(finding).arch}: {finding.location.function or finding.entry}(): {rule}"
    )
    yield "MIME-Version: 1.0"
    yield "Content-Type: text/plain; charset=us-ascii"
    yield "Content-Transfer-Encoding: 7bit"
    yield "Comments: recipients are for scripts/get_maintainer.pl to say:"
    yield f" scripts/get_maintainer.pl -f {file}"
    yield ""


def _opening(document: Document, finding: Finding) -> Iterator[str]:
    kernel, tool, port = document.kernel or {}, document.tool, _port(finding)
    version = clean(str(kernel.get("version", "of unknown version")))
    yield from paragraph("Hello,")
    yield from paragraph(
        f"in Linux {version} the guest-physical page table of {port.title} breaks a promise in "
        f"{finding.entry}(). slatcheck {clean(str(tool.get('version', '')))} compiled the tree's "
        f"unmodified C for {port.arch} and ran it in an emulator against an abstract map. No "
        "machine was involved."
    )


def _what(finding: Finding) -> Iterator[str]:
    yield from heading("What happens")
    yield from paragraph(f"{finding.summary or finding.rule}.")
    if finding.rule in _STATEMENTS:
        yield from paragraph(f"What should hold: {_STATEMENTS[finding.rule]}")
    if finding.trigger in TRIGGERS:
        yield from paragraph(f"It takes {TRIGGERS[finding.trigger]}.")
    yield from paragraph(_SEVERITY.get(finding.severity, ""))
    if not finding.contract:
        yield from paragraph("No caller in the tree brings this about today.")
    yield from _trace(finding)


def _trace(finding: Finding) -> Iterator[str]:
    order = f"{finding.byte_orders[0]}-endian" if finding.byte_orders else "big-endian"
    yield from paragraph(f"The shortest sequence found, on {finding.shown_on}, {order}:")
    told = [line.lstrip("> ").partition(". ")[2] for line in lines.trace(finding)]
    for number, (text, op) in enumerate(zip(told, finding.trace, strict=True), 1):
        yield from item(f"{number}. ", f"{_function(finding, op)}{text}")
    yield ""
    difference = list(lines.difference(finding))
    if difference:
        yield from paragraph(
            f"After step {lines.shown_step(finding)}, expected (-) and actual (+):"
        )
        yield from (line for text in difference for line in verbatim(text))
        yield ""


def _port(finding: Finding) -> Port:
    return port_of(layout(finding.shown_on))


def _function(finding: Finding, op: dict[str, object]) -> str:
    """Return the kernel's function for an operation of a trace, where it is one."""
    name = str(op.get("op", "")).upper()
    if name not in Kind.__members__:
        return ""
    return f"{entry_point(layout(finding.shown_on), Kind[name])}(): "


def _where(finding: Finding, others: Sequence[Finding]) -> Iterator[str]:
    yield from heading("Where")
    yield from paragraph(lines.where(finding) or finding.entry)
    if others:
        yield from paragraph("The same cause shows as:")
        for other in others:
            yield from item("- ", f"{other.rule} in {other.entry} ({lines.where(other)})")
        yield ""


def _configurations(document: Document, cause: Cause) -> Iterator[str]:
    yield from heading("Which configurations")
    machines: dict[str, None] = {}
    for name in cause.layouts:
        layout = find_layout(name)
        symbols = layout.kconfig if layout is not None else {}
        telling = port_of(layout).telling if layout is not None else ()
        told = [
            symbol for symbol in symbols if symbol in telling or symbol.startswith("PAGE_SIZE_")
        ]
        machines |= dict.fromkeys(
            machine.name for machine in (runs(layout) if layout is not None else ())
        )
        refused = f" (Kconfig refuses it: {layout.refusal})" if layout and layout.refusal else ""
        yield from item("- ", f"{name}: {' '.join(f'CONFIG_{symbol}' for symbol in told)}{refused}")
    yield ""
    orders = " and ".join(f"{order}-endian" for order in cause.byte_orders)
    yield from paragraph(f"Byte order: {orders}. Machines: {'; '.join(machines) or 'not known'}.")
    free = [
        configuration.name
        for configuration in document.layouts
        if configuration.name not in cause.layouts
    ]
    if free:
        names = layout_names(free, [configuration.name for configuration in document.layouts])
        yield from paragraph(f"Looked at as well, without this: {names}.")


def _reproduce(document: Document, finding: Finding) -> Iterator[str]:
    mark, arch = finding.fingerprint, _port(finding).arch
    check = ["slatcheck", "check", "--kernel", ".", "--layout", finding.shown_on]
    check += ["--seed", str(finding.seed), "--format", "json", "--output", "report.json"]
    this = ["report.json", "--kernel", ".", "--finding", mark]
    yield from heading("How to reproduce")
    yield from paragraph(f"In the kernel tree, without a {arch} machine or a cross-compiler:")
    yield from command(check)
    yield from command(["slatcheck", "replay", *this])
    yield ""
    yield from paragraph(
        f"And as one C file with a main(), built to a static program for {arch} Linux or qemu-user:"
    )
    yield from command(["slatcheck", "export", *this, "--as", "c", "--output", "finding.c"])
    yield from command(["slatcheck", "run", "finding.c", "--kernel", ".", "--program", "finding"])
    yield ""


def _evidence(document: Document, cause: Cause) -> Iterator[str]:
    yield from heading("What this rests on")
    behind = [
        check for check in document.checks if check.finding in cause.findings and check.finding
    ]
    ran = {check.layout for check in behind if check.kind == "differential"}
    refuted = [
        check for check in behind if check.kind == "proof-c" and check.verdict is Verdict.VIOLATED
    ]
    yield from paragraph(
        "The sequence above was run again before it was reported."
        + (f" It was met by running the code in {count(len(ran), 'layout')}." if ran else "")
    )
    if refuted:
        layouts = count(len({check.layout for check in refuted}), "layout")
        yield from paragraph(
            f"Z3 refutes the promise for the C text itself in {layouts} "
            f"({', '.join(sorted({check.id for check in refuted}))})."
        )
    else:
        yield from paragraph("No proof about the C text speaks of it.")
