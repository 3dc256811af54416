# SPDX-License-Identifier: GPL-2.0-only
"""From findings to causes: what one place explains is put together, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model.layout import Layout
from model.operations import HALF_OPEN, REMOVING, Kind
from model.ports import kind_of, layout
from model.rules import RULES
from slatcheck.document import titles
from slatcheck.document.evidence import BELOW, BROKEN, LONGER, WRAPPED
from slatcheck.document.finding import Cause, Finding
from slatcheck.document.identity import slug

REACH = "aliasing.unchecked-reach"
"""The cause of all that only comes from an address that nobody compared with the reach."""
NOTIFIER_END = "range-end.notifier"
"""The cause of what comes from taking the end of a notifier's range for its last page."""
NEW_TABLE = "new-table"
"""Begins the cause of what fails on a new table in which nothing by itself was seen to be wrong."""
BUILT_IN = ".built-in"
GEOMETRY = "geometry"
"""The rule that model and headers agree; where they do not, all else may follow from that."""

_ORDER = {known.name: number for number, known in enumerate(RULES)}
_SAFETY = {known.name for known in RULES if known.memory_safety}
_WALKING = {Kind.FAULT_FAST, Kind.LOOKUP, Kind.TEST_AGE}
"""Operations that only walk to one entry; a fault begins as a fast one."""


def causes_of(findings: Sequence[Finding], layouts: Iterable[Layout]) -> tuple[Cause, ...]:
    """Return the causes of ``findings``, worst first; each finding is in exactly one.

    Where the model and the tree's headers differ, that comes before all.

    ``layouts`` say which of them Kconfig permits. A pure function: neither the order of the
    findings nor anything but what they hold matters.
    """
    ties = _Ties(findings)
    members: dict[str, list[Finding]] = {}
    for finding in findings:
        members.setdefault(ties.root(finding), []).append(finding)
    permitted = {layout.name for layout in layouts if layout.permitted}
    names = list(dict.fromkeys(layout.name for layout in layouts))
    usable = permitted - {name for finding in ties.creators for name in finding.layouts}
    made = [(_cause(root, group, names), group) for root, group in members.items()]
    made.sort(key=lambda pair: _rank(pair[0], pair[1], usable, permitted))
    return tuple(cause for cause, _ in made)


def cause_id(fingerprint: str) -> str:
    """Return the id of the cause that a finding leads: its fingerprint, fit for a shell."""
    return slug(fingerprint)


class _Ties:
    """What ties findings to each other; where nothing does, each is a cause of its own."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self._by_mark = {finding.fingerprint: finding for finding in findings}
        self.creators = [finding for finding in findings if _breaks_creation(finding)]
        self._mixed = len({finding.implementation for finding in findings}) > 1

    def root(self, finding: Finding) -> str:
        """Return the id of the cause that a finding belongs to."""
        found = self._root(finding, frozenset())
        # A kernel and the built-in table never share a cause.
        return found + BUILT_IN * (self._mixed and finding.implementation != "kernel")

    def _root(self, finding: Finding, passed: frozenset[str]) -> str:
        mark = finding.fingerprint
        if not finding.contract or mark in passed:
            return cause_id(mark)
        if finding.as_if == WRAPPED:
            return REACH
        if finding.as_if == LONGER:
            notifier = kind_of(finding.entry) in HALF_OPEN
            return NOTIFIER_END if notifier else f"range-end.{cause_id(finding.entry)}"
        if finding.as_if == BROKEN and finding.step == 1:
            creator = self._creator(finding)
            if creator is not None:
                return cause_id(creator.fingerprint)
            if not self.creators:
                return f"{NEW_TABLE}.{cause_id(finding.rule)}"
        other = self._below(finding)
        if isinstance(other, Finding):
            return self._root(other, passed | {mark})
        return cause_id(other or self._beside(finding))

    def _beside(self, finding: Finding) -> str:
        """Return the fingerprint that leads those at the same place of the same inner function.

        Only operations that come there by the same function below are put together.
        """
        lost = _lost(finding)
        place = _place(finding)
        if lost is not None:
            same = [other for other in self._by_mark.values() if _lost(other) == lost]
            return min(same, key=_widest).fingerprint
        if place is None:
            return finding.fingerprint
        same = [
            other
            for other in self._by_mark.values()
            if _place(other) == place and set(finding.layouts) <= set(other.layouts)
        ]
        return min(same, key=_shortest).fingerprint

    def _creator(self, finding: Finding) -> Finding | None:
        """Return what broke the table at its creation, wherever the finding shows; if certain."""
        able = [
            creator
            for creator in self.creators
            if creator is not finding
            and creator.implementation == finding.implementation
            and set(finding.layouts) <= set(creator.layouts)
        ]
        return able[0] if len(able) == 1 else None

    def _below(self, finding: Finding) -> Finding | str:
        """Return what the function below shows for the same request, '' where it does not."""
        other = self._by_mark.get(finding.handed_on)
        if other is None:
            return finding.handed_on
        same = other.implementation == finding.implementation
        return other if same and set(finding.layouts) <= set(other.layouts) else ""


def _place(finding: Finding) -> tuple[object, ...] | None:
    """Return where and how memory was misused or lost, None where that tells nothing.

    Where a lock is missing, say, the line of the access belongs to a function that is right.
    """
    kind, spot = kind_of(finding.entry), finding.location
    telling = finding.rule in _SAFETY or finding.rule == "leak"
    if kind is None or not finding.contract or not spot.line:
        return None
    if finding.rule == "kernel-warning" and finding.as_if == "":
        # One WARN is one place, whatever leads there.
        return finding.implementation, kind, finding.rule, spot, ""
    if not telling:
        return None
    if not spot.function or kind_of(spot.function) is not None:
        return None
    below = Kind.FLUSH if kind is Kind.DESTROY else BELOW.get(kind, kind)
    below = Kind.LOOKUP if below in _WALKING else below
    said = finding.summary.removeprefix(finding.entry)
    return finding.implementation, below, finding.rule, spot, said


def _lost(finding: Finding) -> tuple[object, ...] | None:
    """Return how pages were lost at the end, None where that is not what a finding says.

    Tables of several levels that the same short life of a table leaves behind are lost by the one
    function that takes them all down.
    """
    if finding.rule != "leak" or kind_of(finding.entry) is not Kind.DESTROY or not finding.contract:
        return None
    if not all(layout(name).large for name in finding.layouts):
        return None
    return finding.implementation, len(finding.trace)


def _widest(finding: Finding) -> tuple[int, str]:
    return -len(finding.layouts), finding.fingerprint


def _shortest(finding: Finding) -> tuple[bool, int, str]:
    """Order findings of one place: at the function below first, then the shorter to show."""
    above = kind_of(finding.entry) in (*BELOW, Kind.DESTROY, Kind.FAULT_FAST, Kind.TEST_AGE)
    return above, len(finding.trace), finding.fingerprint


def _breaks_creation(finding: Finding) -> bool:
    """Whether a finding says that a new table is broken before anybody used it."""
    creates = kind_of(finding.entry) is Kind.CREATE and finding.step == 0 and finding.contract
    return creates and finding.rule in _SAFETY


def _cause(root: str, group: Sequence[Finding], names: Sequence[str]) -> Cause:
    ordered = sorted(group, key=lambda finding: _leads(root, finding))
    shown = {name for finding in group for name in finding.layouts}
    known = [name for name in names if name in shown]
    orders = {order for finding in group for order in finding.byte_orders}
    return Cause(
        id=root,
        title=titles.title(ordered),
        severity="unsafe" if any(x.severity == "unsafe" for x in group) else "imprecise",
        layouts=(*known, *sorted(shown - set(known))),
        byte_orders=tuple(sorted(orders)),
        findings=tuple(dict.fromkeys(finding.fingerprint for finding in ordered)),
    )


def _leads(root: str, finding: Finding) -> tuple[bool, bool, bool, int, bool, int, str]:
    """The finding that names the cause first, then the graver and the shorter to show.

    Of those alike, what fails to remove comes first: the guest keeps what it must not have.
    """
    return (
        cause_id(finding.fingerprint) != root,
        not finding.contract,
        finding.severity != "unsafe",
        len(finding.trace),
        kind_of(finding.entry) not in REMOVING,
        _ORDER.get(finding.rule, len(_ORDER)),
        finding.fingerprint,
    )


def _rank(
    cause: Cause, group: Sequence[Finding], usable: set[str], permitted: set[str]
) -> tuple[bool, bool, bool, bool, int, int, int, str]:
    """Unsafe first; then who is affected: layouts in which a table can be used before others.

    Nothing can be told of a table that is not the model's, so that it is not leads them all.
    """
    leading = min(_ORDER.get(finding.rule, len(_ORDER)) for finding in group)
    return (
        all(finding.rule != GEOMETRY for finding in group),
        cause.severity != "unsafe",
        not any(finding.contract for finding in group),
        all(finding.known for finding in group),
        -len(usable & set(cause.layouts)),
        leading,
        -len(permitted & set(cause.layouts)),
        cause.id,
    )
