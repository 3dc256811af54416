# SPDX-License-Identifier: GPL-2.0-only
"""What surrounds the kernel's C in a proof: memory, globals, contracts, primitives, loop rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proofs import terms
from proofs.c import types
from proofs.c.run import Loop, Run, Signal
from proofs.c.syntax import Unit
from proofs.c.types import CType
from proofs.c.values import Block, Ptr, Value
from proofs.kvm.descriptors import PageMap
from proofs.kvm.memory import Member, Memory
from proofs.kvm.primitives import PRIMITIVES, Primitive
from proofs.kvm.runtime import CRuntime
from proofs.paths import Unsupported
from proofs.terms import Truth

Rule = Callable[["KvmMachine", Run, Loop], Signal | None]
"""Carries out a loop whose end is not known."""
Contract = Callable[["KvmMachine", Run, list[Value]], Value]
"""Stands for a function of the program in its callers."""


class KvmMachine(Memory):
    """The machine of one path; ``contracts`` stand for functions of the program, by C name."""

    def __init__(
        self,
        rt: CRuntime,
        unit: Unit,
        contracts: Mapping[str, Contract],
        services: Services,
        rule: Rule | None = None,
        symbolic: frozenset[tuple[str, ...]] | None = None,
    ) -> None:
        self.primitives = {**PRIMITIVES, **services.primitives}
        super().__init__(rt, unit, self.primitives.keys(), services.members, services.root)
        self.services = services
        self.contracts = contracts
        self.rule = rule
        self.symbolic = symbolic
        self._globals: dict[str, Ptr] = {}

    # The interpreter's questions

    def takes(self, run: Run, name: str, args: list[Value]) -> bool:
        """Return whether a contract or a primitive stands for a function."""
        return name in self.contracts or name in self.primitives

    def call(self, run: Run, name: str, args: list[Value]) -> Value:
        """Carry out a contract or a primitive."""
        if name in self.contracts:
            return self.contracts[name](self, run, args)
        found = self.primitives.get(name)
        if found is None:
            raise Unsupported(f"nothing is known of {name}()")
        return found.act(self, run, args)

    def variable(self, run: Run, name: str, kind: CType) -> Ptr:
        """Return where a global variable is."""
        if name not in self._globals:
            self._globals[name] = self._variable(name, kind)
        return self._globals[name]

    def _variable(self, name: str, kind: CType) -> Ptr:
        for level, table in enumerate(self.layout.tables):
            if level and name == f"invalid_{table.name}_table":
                return self.page_pointer(self.marker(level), kind)
        if name == "mem_map":
            zero = terms.number(0, self.word.width)
            none = Ptr(None, zero, 1, 0, types.Void())
            size = kind.of.size if isinstance(kind, types.Array) else 1
            return self.pointer(PageMap(none), size, kind)
        if name in self.services.variables:
            value = self.services.variables[name](self)
            return self.pointer(Constant(value), self.word.size, kind)
        if name not in self.unit.globals:
            raise Unsupported(f"nothing is known of the variable {name}")
        raise Unsupported(f"the global variable {name}")

    def loop(self, run: Run, loop: Loop) -> Callable[[], Signal | None] | None:
        """Return the rule of a loop, None where its turns are to be executed."""
        rule = self.rule
        if rule is None:
            return None
        endless = loop.label != ""
        if self.symbolic is not None and loop.key not in self.symbolic and not endless:
            return None
        return lambda: rule(self, run, loop)

    def endless(self, run: Run, loop: Loop) -> None:
        """Refuse a loop whose end is not known."""
        raise Endless(loop.key)

    def demand(self, statement: str, goal: Truth) -> None:
        """Demand that an operation is defined."""
        self.rt.demand("memory", statement, goal, fatal=True)


@dataclass(frozen=True)
class Services:
    """What only a port's code uses.

    ``primitives`` stand for further functions, ``variables`` are global and never change,
    ``members`` are those of structures, by path, and ``root`` the path of the table's root.
    """

    primitives: Mapping[str, Primitive] = field(default_factory=dict)
    variables: Mapping[str, Callable[[KvmMachine], Value]] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    root: str = ""


class Endless(Unsupported):
    """A loop whose end is not known; ``key`` says which."""

    def __init__(self, key: tuple[str, ...]) -> None:
        super().__init__(f"a loop of {key[-2]} of which no end is known")
        self.key = key


class Constant:
    """A global variable that nobody changes."""

    alignment = 1

    def __init__(self, value: Value) -> None:
        self.value = value

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return its value."""
        return self.value

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Refuse to change it."""
        raise Unsupported("a constant is changed")

    def is_null(self) -> Truth:
        """It has an address."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Variables are different objects."""
        return self is other
