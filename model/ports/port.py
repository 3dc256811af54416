# SPDX-License-Identifier: GPL-2.0-only
"""A port: one name for all that is particular to an architecture's guest-physical table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from model.contracts import Contract
from model.layout import Layout
from model.machines import ORDERS, Machine
from model.operations import Kind
from model.rules import Rule, rules_of


@dataclass(frozen=True)
class Port:
    """What the model knows of one architecture.

    ``name`` is what ``--arch`` calls it, ``title`` what people call its KVM and ``arch`` the
    architecture; ``user_emulators`` run its programs on another machine. ``functions`` is the
    kernel's entry point for each operation that the port has, ``contracts`` what its callers can
    pass, and where that was read. ``layouts`` returns all layouts that its headers define,
    permitted or not; ``machines`` those that can run a kernel of a layout, none where Kconfig
    refuses it. ``choices`` says in words what its Kconfig chooses beyond width and page size. Of
    the symbols of a layout, ``telling`` are those that a mail names, ``plain`` those that all have.
    Of the operations, a tree may be without the ``optional`` ones: what it has not promises
    nothing. ``unjudged`` are rules that mean nothing for this table, or that nobody looks at here.
    """

    name: str
    title: str
    arch: str
    user_emulators: tuple[str, ...]
    functions: Mapping[Kind, str]
    contracts: Mapping[Kind, Contract]
    layouts: Callable[[], tuple[Layout, ...]]
    machines: Callable[[Layout], tuple[Machine, ...]]
    choices: Callable[[Layout], tuple[str, ...]]
    telling: tuple[str, ...]
    plain: frozenset[str]
    optional: frozenset[Kind] = frozenset()
    unjudged: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises ValueError where an operation has no contract, or a contract no operation."""
        lone = {kind.name for kind in self.functions.keys() ^ self.contracts.keys()}
        if lone:
            told = ", ".join(sorted(lone))
            raise ValueError(f"{self.name}: functions and contracts are of other kinds: {told}")

    def rules(self, kind: Kind) -> list[Rule]:
        """Return the rules by which an operation is judged here, in catalogue order."""
        return [rule for rule in rules_of(kind) if rule.name not in self.unjudged]

    def byte_orders(self, layout: Layout) -> tuple[str, ...]:
        """Return the byte orders that Kconfig permits; both for a layout that it refuses."""
        orders = {order for machine in self.machines(layout) for order in machine.orders}
        return tuple(order for order in ORDERS if order in orders or not orders)
