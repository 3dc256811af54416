# SPDX-License-Identifier: GPL-2.0-only
"""Names that the user gives, of layouts, rules and quirks: looked up, or refused with near ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.errors import TreeError
from model import ports
from model.layout import Layout
from model.machines import BIG, LITTLE, ORDERS
from model.ports import byte_orders
from model.rules import RULES, Rule
from model.triggers import TRIGGERS
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from impl import ports as references
    from impl.kernel import kconfig, tree
    from impl.kernel import ports as trees


def close(name: str, known: Iterable[str]) -> str:
    """Return the words that follow 'unknown': the names most like ``name``, or ''."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _is_pattern(text: str) -> bool:
    return any(mark in text for mark in "*?[")


def _matching(pattern: str) -> list[Layout]:
    found = ports.matching(pattern)
    if not found:
        what = "no layout matches" if _is_pattern(pattern) else "unknown layout"
        near = close(pattern.strip("*?[]"), [layout.name for layout in ports.layouts()])
        raise InputError(f"{what} '{pattern}'{near or ';'} 'slatcheck layouts' lists them all")
    return found


def _in_order(found: Iterable[Layout]) -> tuple[Layout, ...]:
    names = {layout.name for layout in found}
    return tuple(layout for layout in ports.layouts() if layout.name in names)


def find_layouts(patterns: Sequence[str], permitted_only: bool = False) -> tuple[Layout, ...]:
    """Return the layouts that one of the shell patterns matches; all where there is no pattern.

    Raises InputError for a pattern that matches nothing.
    """
    found = (
        [layout for p in patterns for layout in _matching(p)] if patterns else list(ports.layouts())
    )
    return _in_order(layout for layout in found if layout.permitted or not permitted_only)


def layouts_to_check(patterns: Sequence[str]) -> tuple[Layout, ...]:
    """Return the layouts to judge: all that Kconfig permits where there is no pattern.

    A pattern selects among the permitted ones; a refused layout has to be named in full. Raises
    InputError where nothing is selected.
    """
    if not patterns:
        return ports.permitted_layouts()
    chosen: list[Layout] = []
    for pattern in patterns:
        found = _matching(pattern)
        if _is_pattern(pattern):
            allowed = [layout for layout in found if layout.permitted]
            if not allowed:
                raise InputError(
                    f"'{pattern}' matches only layouts that Kconfig refuses with KVM; "
                    f"name one in full to check it all the same, such as {found[0].name}"
                )
            found = allowed
        chosen += found
    return _in_order(chosen)


def architectures() -> tuple[str, ...]:
    """Return the architectures that are known, by the names that --arch takes."""
    return tuple(ports.PORTS)


def of_arch(patterns: tuple[str, ...], arch: str | None) -> tuple[str, ...]:
    """Return the patterns of layouts of one architecture: all of its own where there is none.

    Raises InputError where a pattern matches none of them.
    """
    if arch is None:
        return patterns
    if not patterns:
        return (f"{arch}*",)
    chosen = []
    for pattern in patterns:
        name, order = split(pattern)
        suffix = pattern[len(name) :] if order else ""
        found = [layout for layout in _matching(name) if layout.port == arch]
        if not found:
            raise InputError(f"'{pattern}' is no layout of {arch}; leave --arch out")
        allowed = [layout for layout in found if layout.permitted or not _is_pattern(name)]
        chosen += [layout.name + suffix for layout in allowed]
    return tuple(chosen)


@dataclass(frozen=True)
class Selection:
    """What is to be judged: layouts, and of those named with a byte order, by name, which."""

    layouts: tuple[Layout, ...]
    byte_orders: dict[str, tuple[str, ...]]


_ORDERS = {"be": BIG, "big": BIG, "le": LITTLE, "little": LITTLE}


def selected(
    patterns: Sequence[str], kernel: Path | None = None, refused_too: bool = False
) -> Selection:
    """Return what the patterns select; each may end with ``:be`` or ``:le``.

    Of a tree at ``kernel``, what it has not is left out unless it is named in full; so is a layout
    that a pattern matches and that has not the byte order. Raises InputError where nothing is
    selected.
    """
    parts = [split(pattern) for pattern in patterns]
    names = [name for name, _ in parts]
    known = _trees(kernel)
    layouts = _had(layouts_to_prove(names, refused_too), known, names)
    wanted: dict[str, set[str]] = {}
    for name, order in parts:
        for layout in ports.matching(name):
            wanted.setdefault(layout.name, set()).update([order] if order else ORDERS)
    chosen = {}
    without: list[str] = []
    for layout in layouts:
        had = _orders(layout, known)
        orders = tuple(order for order in had if order in wanted.get(layout.name, ORDERS))
        if orders:
            chosen[layout.name] = orders
            continue
        without.append(f"{layout.name} exists {had[0]}-endian only")
        if layout.name in names:
            raise InputError(without[-1])
    if not chosen:
        raise InputError(without[0])
    return Selection(tuple(layout for layout in layouts if layout.name in chosen), chosen)


def _trees(kernel: Path | None) -> Mapping[str, tree.Tree]:
    """Return a tree as each of its ports reads it; none where whoever reads it next refuses it."""
    try:
        return trees.trees_in(kernel) if kernel is not None else {}
    except TreeError:
        return {}


def _orders(layout: Layout, known: Mapping[str, tree.Tree]) -> tuple[str, ...]:
    its = known.get(layout.port)
    return byte_orders(layout) if its is None else kconfig.orders(its, layout)


def split(pattern: str) -> tuple[str, str]:
    """Return a layout's name or pattern without its byte order, and the order, '' for none.

    Raises InputError for another suffix than ``:be`` and ``:le``.
    """
    name, colon, order = pattern.rpartition(":")
    if not colon:
        return pattern, ""
    if order not in _ORDERS:
        raise InputError(f"unknown byte order '{order}' of '{name}'; write :be or :le")
    return name, _ORDERS[order]


def _had(
    layouts: tuple[Layout, ...], known: Mapping[str, tree.Tree], names: list[str]
) -> tuple[Layout, ...]:
    """Return the layouts that a tree has, and those that are named in full."""
    if not known:
        return layouts
    why = {layout.name: kconfig.absence(known, layout) for layout in layouts}
    had = tuple(layout for layout in layouts if layout.name in names or not why[layout.name])
    if not had:
        raise InputError(f"the tree has no such layout: {why[layouts[0].name]}")
    return had


def layouts_to_prove(patterns: Sequence[str], refused_too: bool) -> tuple[Layout, ...]:
    """Return the layouts to prove: as for a check, or with ``refused_too`` every one that matches.

    Raises InputError where nothing is selected.
    """
    return find_layouts(patterns) if refused_too else layouts_to_check(patterns)


SOLVERS = ("z3", "bitwuzla", "cvc5")


def check_solvers(text: str) -> tuple[str, ...]:
    """Return the solvers of a list with commas. Raises InputError where one is not known."""
    chosen = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in chosen:
        if name not in SOLVERS:
            near = close(name, SOLVERS)
            raise InputError(f"unknown solver '{name}'{near or ';'} known: {', '.join(SOLVERS)}")
    return chosen


def find_rule(name: str) -> Rule:
    """Return the rule called ``name``. Raises InputError where there is none."""
    for rule in RULES:
        if rule.name == name:
            return rule
    near = close(name, [rule.name for rule in RULES])
    raise InputError(f"unknown rule '{name}'{near or ';'} 'slatcheck rule' lists them all")


def check_quirks(names: Iterable[str]) -> None:
    """Raise InputError where one of ``names`` is no quirk of the built-in table."""
    known = [quirk.name for quirk in references.every_quirk()]
    for name in names:
        if name not in known:
            near = close(name, known)
            raise InputError(f"unknown quirk '{name}'{near or ';'} known: {', '.join(known)}")


def check_fingerprint(text: str) -> None:
    """Raise InputError where ``text`` is not the fingerprint of a finding that there could be."""
    rule, _, rest = text.partition("/")
    entry, _, trigger = rest.partition("/")
    if not trigger:
        raise InputError(f"'{text}' is no fingerprint: RULE/FUNCTION/TRIGGER, as a report shows it")
    find_rule(rule)
    entries = {name for port in ports.ports() for name in port.functions.values()}
    for what, name, known in (
        ("entry point", entry, entries),
        ("trigger", trigger.removesuffix("/out-of-contract"), {"any", *TRIGGERS}),
    ):
        if name not in known:
            near = close(name, known)
            raise InputError(f"unknown {what} '{name}' in the fingerprint{near}")
