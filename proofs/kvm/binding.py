# SPDX-License-Identifier: GPL-2.0-only
"""Which C functions the contracts belong to: by name and signature, the tables' by their callers.

A function that is absent or has another shape is not
bound, and nothing is proved of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from impl.multilevel.interface import RangeOp
from model.layout import Layout
from proofs.c.syntax import FunctionNode, Unit
from proofs.paths import Unsupported

WORD = "unsigned long"


@dataclass(frozen=True)
class Names:
    """What a port says of the C functions that lemmas are about.

    ``signatures`` are the parameters of each function, in every form that is known, ``chains`` the
    functions through which those of single tables are called (None: the flush), root first,
    ``inits`` those that make a new table of a level empty, by the level's name. ``title`` is what
    the function of one table is called in reports, whatever the tree calls it.
    """

    signatures: Mapping[str, tuple[tuple[str, ...], ...]]
    chains: tuple[tuple[RangeOp | None, str], ...]
    inits: Mapping[str, str]
    title: Callable[[RangeOp | None, str], str]


@dataclass(frozen=True)
class TableFunction:
    """A function of one table: its C name, its operation (None: the flush), its level's name.

    ``title`` is what reports call it.
    """

    name: str
    op: RangeOp | None
    table: str
    title: str


@dataclass
class Bound:
    """What was found: C names by ours, the functions of tables, and what is not bound and why.

    ``inits`` are our names of what makes a new table empty, by the names of the levels there are.
    """

    names: dict[str, str] = field(default_factory=dict)
    tables: list[TableFunction] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    inits: dict[str, str] = field(default_factory=dict)

    def actual(self, name: str) -> str:
        """Return the C name of a function by our name. Raises Unsupported where it is not bound."""
        if name not in self.names:
            raise Unsupported(self.missing.get(name, f"not bound: {name}"))
        return self.names[name]

    def table(self, op: RangeOp | None, table: str) -> str | None:
        """Return the C name of the function of a table, None where there is none."""
        for function in self.tables:
            if function.op is op and function.table == table:
                return function.name
        return None


def parameters(function: FunctionNode) -> tuple[str, ...]:
    """Return the types of a function's parameters."""
    return tuple(parameter.type for parameter in function.parameters)


def bind(unit: Unit, layout: Layout, renamed: Mapping[str, str], ours: Names) -> Bound:
    """Tie our names to functions of a unit; ``renamed`` are those that the tree calls otherwise."""
    below = [level.name for level in layout.tables[1:]]
    bound = Bound(inits={table: init for table, init in ours.inits.items() if table in below})
    absent = set(ours.inits.values()) - set(bound.inits.values())
    for name, forms in ours.signatures.items():
        if name in absent:
            continue
        actual = renamed.get(name, name)
        function = unit.functions.get(actual)
        if function is None or function.body is None:
            bound.missing[name] = f"not bound: there is no {name}"
        elif parameters(function) not in forms:
            wanted = " or ".join(map(_parameter_list, forms))
            bound.missing[name] = (
                f"not bound: {actual} takes {_parameter_list(parameters(function))}, not {wanted}"
            )
        else:
            bound.names[name] = actual
    for op, entry in ours.chains:
        _chain(unit, layout, bound, op, entry, ours)
    return bound


def _parameter_list(types: Iterable[str]) -> str:
    """Return parameters as C writes them."""
    return f"({', '.join(types)})"


def _chain(
    unit: Unit, layout: Layout, bound: Bound, op: RangeOp | None, entry: str, ours: Names
) -> None:
    """Follow the calls from an entry point down, one function for each table of the layout."""
    above = bound.names.get(entry, "")
    if not above:
        root = layout.tables[0].name
        bound.missing[ours.title(op, root)] = (
            f"not bound: the function of a {root} is looked for from {entry}, which is not bound"
        )
        return
    for level in layout.tables:
        found = next(_called(unit, above, level.name), None)
        if found is None:
            bound.missing[ours.title(op, level.name)] = (
                f"not bound: {above} calls no function of a {level.name}, which takes "
                f"{_parameter_list(_of_table(level.name))}"
            )
            return
        bound.tables.append(TableFunction(found, op, level.name, ours.title(op, level.name)))
        above = found


def _of_table(table: str) -> tuple[str, ...]:
    """Return the types of the parameters of a function of one table of a level."""
    return f"{table}_t *", WORD, WORD


def _called(unit: Unit, above: str, table: str) -> Iterator[str]:
    """Yield the functions of one table of a level that are called, directly or not."""
    seen = {above}
    pending = [above]
    wanted = _of_table(table)
    while pending:
        function = unit.functions.get(pending.pop(0))
        for name in sorted(function.names) if function else ():
            callee = unit.functions.get(name)
            if name in seen or callee is None or callee.body is None:
                continue
            seen.add(name)
            if parameters(callee) == wanted:
                yield name
            pending.append(name)
