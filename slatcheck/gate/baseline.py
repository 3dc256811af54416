# SPDX-License-Identifier: GPL-2.0-only
"""The baseline: a file, made to be reviewed, of findings that are known and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

# tomlkit: TOML with dates and comments, read and written so that people can edit it.
import tomlkit
import tomlkit.exceptions

from slatcheck.document.identity import Fingerprint
from slatcheck.document.result import Check, Document
from slatcheck.document.schema import complaint, schema
from slatcheck.errors import InputError
from slatcheck.gate.acceptance import was_judged

SCHEMA = "slatcheck-baseline/1"
UNREVIEWED = "unreviewed"
ALL = "all"
_HEAD = """Findings that are known. 'slatcheck check --baseline FILE' fails on every other one.
Write down why each is accepted; one with a date under 'expires' is refused from that day on."""


@dataclass(frozen=True)
class Entry:
    """A finding that is known on some layouts. It is refused from the day ``expires`` on."""

    fingerprint: str
    layouts: tuple[str, ...]
    reason: str = UNREVIEWED
    expires: date | None = None

    @property
    def rule(self) -> str:
        """The rule that the finding breaks."""
        return Fingerprint.parse(self.fingerprint).rule


@dataclass
class Baseline:
    """What is known of a tree, and of what it was made: layouts, kinds of evidence."""

    kernel: str
    layouts: tuple[str, ...]
    evidence: tuple[str, ...]
    known: dict[str, Entry] = field(default_factory=dict)
    name: str = ""

    @property
    def about(self) -> dict[str, str]:
        """What it is, in words; nothing where it is no file's."""
        return {"baseline": self.name, "kernel": self.kernel} if self.name else {}

    def finding(self, fingerprint: str, layout: str) -> bool:
        """Return whether a finding is known on a layout."""
        entry = self.known.get(fingerprint)
        return entry is not None and layout in entry.layouts

    def undecided(self, check: Check) -> bool:
        """Return False: what could not be decided is not recorded."""
        return False

    def entries(self) -> dict[str, list[str]]:
        """Return the layouts of each fingerprint."""
        return {mark: list(entry.layouts) for mark, entry in self.known.items()}

    def looked_for(self, document: Document, fingerprint: str, layout: str) -> bool:
        """Return whether a run had the evidence, and judged the layout, that can show a finding."""
        evidence = set(document.tool.get("evidence", ()))
        return set(self.evidence) <= evidence and was_judged(document, layout)


NOTHING = Baseline("", (), ())
"""The baseline of a run without one: it knows nothing."""


def of_document(document: Document, old: Baseline | None = None) -> Baseline:
    """Return a baseline of all that a run found.

    Reasons and dates of ``old`` stay. What it knows of layouts that were not judged stays as well.
    """
    kernel = document.kernel or {}
    judged = [layout.name for layout in document.layouts if was_judged(document, layout.name)]
    layouts = list(dict.fromkeys([*(old.layouts if old else ()), *judged]))
    found = Baseline(
        str(kernel.get("version", "")), tuple(layouts), tuple(document.tool.get("evidence", ()))
    )
    for finding in document.findings:
        found.known[finding.fingerprint] = Entry(finding.fingerprint, tuple(finding.layouts))
    for mark, entry in (old.known if old else {}).items():
        left = [name for name in entry.layouts if name not in judged]
        if mark in found.known:
            left += [name for name in found.known[mark].layouts if name not in left]
        if left:
            found.known[mark] = replace(entry, layouts=_ordered(left, layouts))
    return found


def _ordered(names: Sequence[str], order: Sequence[str]) -> tuple[str, ...]:
    known = [name for name in order if name in names]
    return tuple(known + [name for name in names if name not in known])


def render(baseline: Baseline) -> str:
    """Return a baseline as the text of its file, in a stable order."""
    text = tomlkit.document()
    for line in _HEAD.splitlines():
        text.add(tomlkit.comment(line))
    text.add(tomlkit.nl())
    text["schema"] = SCHEMA
    text["kernel"] = baseline.kernel
    text["evidence"] = sorted(baseline.evidence)
    text["layouts"] = _lines(baseline.layouts)
    found = tomlkit.aot()
    for entry in sorted(baseline.known.values(), key=lambda entry: entry.fingerprint):
        found.append(_table(entry, baseline.layouts))
    if found:
        text["finding"] = found
    return tomlkit.dumps(text)


def _table(entry: Entry, every: Sequence[str]) -> Any:
    table = tomlkit.table()
    table["fingerprint"] = entry.fingerprint
    table["rule"] = entry.rule
    whole = set(entry.layouts) == set(every)
    table["layouts"] = ALL if whole else _lines(_patterns(entry.layouts, every))
    table["reason"] = entry.reason
    if entry.expires is not None:
        table["expires"] = entry.expires
    return table


def _patterns(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """Return few patterns that match just these of all names, the widest first."""
    left, found = list(names), list[str]()
    candidates = {
        pattern: [layout for layout in every if fnmatchcase(layout, pattern)]
        for name in names
        for start in _starts(name)
        for pattern in (f"{start}*", *(f"{start}*{end}" for end in ("-huge", "-va48", "-xpa")))
    }
    inside = {pattern: met for pattern, met in candidates.items() if met and set(met) <= set(names)}
    while left:
        best = max(inside, key=lambda pattern: (_fits(inside[pattern], left), pattern), default="")
        if not best or _fits(inside[best], left) < 2:
            return found + left
        found.append(best)
        left = [name for name in left if name not in inside[best]]
    return found


def _starts(name: str) -> list[str]:
    parts = name.split("-")
    return ["-".join(parts[:number]) + "-" for number in range(1, len(parts))] + [name]


def _fits(met: Sequence[str], left: Sequence[str]) -> int:
    return sum(name in left for name in met)


def _lines(names: Sequence[str]) -> Any:
    array = tomlkit.array()
    array.extend(names)
    return array.multiline(len(names) > 4)


def read(path: Path, today: date | None = None) -> Baseline:
    """Return the baseline in a file.

    Raises InputError where it cannot be read, is damaged, of another version, or has expired.
    """
    found = _baseline(path, _data(path))
    day = today or date.today()
    for entry in found.known.values():
        if entry.expires is not None and entry.expires <= day:
            raise InputError(
                f"{path}: {entry.fingerprint} expired on {entry.expires}: mend it, or review it "
                "and write a later date"
            )
    return found


def _data(path: Path) -> dict[str, Any]:
    try:
        data = tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except (tomlkit.exceptions.TOMLKitError, ValueError, RecursionError) as problem:
        raise InputError(f"{path} is damaged: {problem}") from None
    if data.get("schema") != SCHEMA:
        raise InputError(
            f"{path} is no baseline of this version ({SCHEMA}); 'slatcheck baseline' writes one"
        )
    # A date is a string to JSON.
    plain = {**data, "finding": [_plain(finding) for finding in _list(data.get("finding", []))]}
    wrong = complaint(plain, schema("schema-baseline.json"))
    if wrong:
        raise InputError(f"{path} is damaged at {wrong}")
    return data


def _matched(patterns: Sequence[str], every: Sequence[str]) -> tuple[str, ...]:
    """Return the layouts meant: of the file's own for a pattern, else the one of this name."""
    met = [name for name in every if any(fnmatchcase(name, pattern) for pattern in patterns)]
    named = [pattern for pattern in patterns if "*" not in pattern and pattern not in met]
    return _ordered([*met, *named], every)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    day = entry.get("expires")
    # A moment is a date as well, but the day is what is compared: the schema refuses moments.
    return {**entry, "expires": day.isoformat()} if isinstance(day, date) else entry


def _baseline(path: Path, data: dict[str, Any]) -> Baseline:
    layouts = tuple(data["layouts"])
    found = Baseline(data["kernel"], layouts, tuple(data["evidence"]), name=str(path))
    for entry in data.get("finding", []):
        mark = entry["fingerprint"]
        if mark in found.known:
            raise InputError(f"{path} is damaged: {mark} is there twice")
        if entry["rule"] != Fingerprint.parse(mark).rule:
            raise InputError(f"{path} is damaged: {mark} is no finding of the rule {entry['rule']}")
        names = layouts if entry["layouts"] == ALL else _matched(entry["layouts"], layouts)
        found.known[mark] = Entry(mark, names, entry["reason"], entry.get("expires"))
    return found
