# SPDX-License-Identifier: GPL-2.0-only
"""Traces of findings, read from replay files and from JSON reports: the one reader of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.layout import Layout
from model.machines import BIG, ORDERS
from model.operations import Kind, Op, from_json
from model.ports import layout as layout_named
from model.rules import rule
from slatcheck.document.identity import Fingerprint
from slatcheck.document.reading import read_json
from slatcheck.document.result import SCHEMA
from slatcheck.errors import InputError
from slatcheck.search.unit import Unit

REPLAY_SCHEMA = "slatcheck-replay/1"
_FIELDS = {"fingerprint", "implementation", "layout", "quirks", "seed", "trace"}
_AGAIN = "write it again with check --replay-dir"


@dataclass(frozen=True)
class Trace:
    """A finding's operations and what they are to be run on.

    ``fingerprint`` is ``rule/entry point/trigger``; ``quirks`` are those of the built-in table;
    ``byte_order`` is the kernel's.
    ``alone`` says whether the file holds no other finding. ``seen_on`` are the names of all layouts
    on which a report has the finding.
    """

    fingerprint: str
    implementation: str
    layout: Layout
    quirks: tuple[str, ...]
    seed: int
    ops: tuple[Op, ...]
    alone: bool = True
    byte_order: str = BIG
    seen_on: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """The name of the rule that is broken."""
        return Fingerprint.parse(self.fingerprint).rule

    @property
    def entry(self) -> str:
        """The kernel function that breaks it; '' where the fingerprint names none."""
        return Fingerprint.parse(self.fingerprint).entry

    @property
    def trigger(self) -> str:
        """The class of operands that bring it about; '' where the fingerprint names none."""
        return Fingerprint.parse(self.fingerprint).trigger


def load(path: Path, fingerprint: str | None = None, cause: str | None = None) -> Trace:
    """Return the trace of a replay file, or of one finding of a JSON report.

    ``fingerprint`` picks the finding, or ``cause`` the one that shows it best; where a report has a
    single finding both may be left out. Raises InputError, with the names there are, where it is
    not clear which is meant.
    """
    fingerprint = fingerprint_of(path, fingerprint, cause)
    data = read_json(path, _AGAIN)
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema == REPLAY_SCHEMA:
        trace = _trace(path, data)
        if fingerprint not in (None, trace.fingerprint):
            raise InputError(f"{path} holds {trace.fingerprint}, not {fingerprint}")
        return trace
    if schema == SCHEMA:
        return replace(_trace(path, _finding(path, data, fingerprint)), alone=False)
    raise InputError(
        f"{path} is neither a replay file ({REPLAY_SCHEMA}) nor a JSON report ({SCHEMA}); "
        "check --replay-dir and check --format json write them"
    )


def load_all(path: Path, fingerprint: str | None = None, cause: str | None = None) -> list[Trace]:
    """Return the traces of all findings of a JSON report, or that of a replay file.

    ``fingerprint`` and ``cause`` pick one, as for ``load``. Raises InputError.
    """
    data = read_json(path, _AGAIN)
    picked = fingerprint is not None or cause is not None
    if picked or not isinstance(data, dict) or data.get("schema") != SCHEMA:
        return [load(path, fingerprint, cause)]
    found = data.get("findings")
    if not isinstance(found, list) or not all(isinstance(finding, dict) for finding in found):
        raise InputError(f"{path} is damaged: its findings are no list")
    names = [str(finding.get("fingerprint")) for finding in found]
    return [load(path, name) for name in names]


def fingerprint_of(path: Path, fingerprint: str | None, cause: str | None) -> str | None:
    """Return the fingerprint that is meant: the one given, or the first of a report's cause.

    Raises InputError where both are given, or the report has no such cause.
    """
    if cause is None:
        return fingerprint
    if fingerprint is not None:
        raise InputError("--finding and --cause both pick a finding; use one of them")
    data = read_json(path, _AGAIN)
    causes = data.get("causes") if isinstance(data, dict) else None
    if not isinstance(causes, list) or not all(isinstance(entry, dict) for entry in causes):
        raise InputError(f"{path} is no JSON report with causes; check --format json writes one")
    marks = {str(entry.get("id")): entry.get("findings") for entry in causes}
    if cause not in marks:
        raise InputError(f"{path} has no cause {cause}; it has {', '.join(marks) or 'none'}")
    leading = marks[cause]
    if not isinstance(leading, list) or not leading:
        raise InputError(f"{path} is damaged: the cause {cause} has no findings")
    return str(leading[0])


def tree_for(trace: Trace, kernel: Path | None, path: Path) -> Path | None:
    """Return the tree that the trace needs, None for the built-in table.

    Raises InputError where it needs one and there is none.
    """
    if trace.implementation != "kernel":
        return None
    if kernel is None:
        raise InputError(f"{path} was found in a kernel tree: give one with --kernel")
    return kernel


def unit_of(trace: Trace, tree: Path | None, cc: str | None) -> Unit:
    """Return the unit of work that runs ``trace``."""
    big = trace.byte_order == BIG
    return Unit(trace.layout.name, big, tree, cc, trace.quirks, trace.seed, None)


def _finding(path: Path, report: dict[str, Any], fingerprint: str | None) -> dict[str, Any]:
    """Return one finding of a report with the fields of a replay file."""
    found = report.get("findings")
    if not isinstance(found, list) or not all(isinstance(finding, dict) for finding in found):
        raise InputError(f"{path} is damaged: its findings are no list")
    if not found:
        raise InputError(f"{path} has no findings: there is nothing to show")
    names = [str(finding.get("fingerprint")) for finding in found]
    if fingerprint is None and len(found) > 1:
        raise InputError(f"{path} has {len(found)} findings; name one of {', '.join(names)}")
    if fingerprint is not None and fingerprint not in names:
        raise InputError(f"{path} has no finding {fingerprint}; it has {', '.join(names)}")
    chosen: dict[str, Any] = found[0 if fingerprint is None else names.index(fingerprint)]
    shown: dict[str, Any] = {"layout": chosen["shown_on"]} if "shown_on" in chosen else {}
    if isinstance(orders := chosen.get("byte_orders"), list) and orders:
        shown["byte_order"] = orders[0]
    return chosen | shown


def _trace(path: Path, data: dict[str, Any]) -> Trace:
    absent = _FIELDS - set(data)
    if absent:
        raise InputError(f"{path} is damaged: '{min(absent)}' is missing")
    ops = _operations(path, data["trace"])
    try:
        layout = layout_named(str(data["layout"]))
        rule(Fingerprint.parse(str(data["fingerprint"])).rule)
    except KeyError as unknown:
        raise InputError(f"{path} names {unknown}, which is not known here") from None
    subject = str(data["implementation"])
    if subject not in ("kernel", "multilevel"):
        raise InputError(f"{path} names the implementation '{subject}', which is not known here")
    if not isinstance(data["quirks"], list) or type(data["seed"]) is not int:
        raise InputError(f"{path} is damaged: its quirks or its seed are of the wrong kind")
    order = data.get("byte_order", BIG)
    if order not in ORDERS:
        raise InputError(f"{path} is damaged: its byte order is neither {' nor '.join(ORDERS)}")
    quirks = tuple(str(name) for name in data["quirks"])
    mark = str(data["fingerprint"])
    seen = data.get("layouts", [layout.name])
    if not isinstance(seen, list):
        raise InputError(f"{path} is damaged: its layouts are no list")
    seen_on = tuple(map(str, seen))
    return Trace(
        mark, subject, layout, quirks, data["seed"], tuple(ops), byte_order=order, seen_on=seen_on
    )


def _operations(path: Path, steps: Any) -> list[Op]:
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise InputError(f"{path} is damaged: its trace is no list of operations")
    try:
        ops = [from_json(step) for step in steps]
    except (ValueError, TypeError) as problem:
        raise InputError(f"{path} is damaged: {problem}") from None
    kinds = [op.kind for op in ops]
    if kinds[:1] != [Kind.CREATE] or Kind.CREATE in kinds[1:] or Kind.DESTROY in kinds[:-1]:
        raise InputError(f"{path} is damaged: a trace begins with its only create, destroy is last")
    return ops
