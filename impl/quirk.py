# SPDX-License-Identifier: GPL-2.0-only
"""A quirk: a named behaviour of the kernel that replaces whole functions of a reference table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType

from model.layout import Layout
from model.operations import Kind


@dataclass(frozen=True)
class Quirk:
    """One behaviour of the kernel that can be switched on.

    ``bites`` says in which layouts it can be observed; ``kinds`` are the operations it shows
    in, ``rules`` the promises that it breaks there, ``function`` the kernel function it sits in.
    ``replaces`` names the functions of the table in whose place the kernel's versions are put,
    each with the layouts where they are; of none it is a matter of entries.
    """

    name: str
    statement: str = field(compare=False)
    function: str = field(compare=False)
    kinds: tuple[Kind, ...] = field(compare=False)
    rules: tuple[str, ...] = field(compare=False)
    bites: Callable[[Layout], bool] = field(compare=False, repr=False)
    replaces: Mapping[str, Callable[[Layout], bool]] = field(
        default_factory=dict, compare=False, repr=False
    )


def everywhere(_: Layout) -> bool:
    """Return that a quirk can be observed, or replaces a function, in whatever layout."""
    return True


@dataclass(frozen=True)
class Quirks:
    """The quirks of one reference table; ``kernel`` has the kernel's versions of its functions."""

    every: tuple[Quirk, ...]
    kernel: ModuleType

    def named(self, name: str) -> Quirk:
        """Return the quirk called ``name``. Raises KeyError where there is none."""
        for candidate in self.every:
            if candidate.name == name:
                return candidate
        raise KeyError(name)

    def replaceable(self, layout: Layout) -> dict[str, frozenset[Quirk]]:
        """Return the functions of the table that quirks replace in a layout, and which quirks."""
        names: dict[str, set[Quirk]] = {}
        for candidate in self.every:
            for name, where in candidate.replaces.items():
                if where(layout):
                    names.setdefault(name, set()).add(candidate)
        return {name: frozenset(quirks) for name, quirks in names.items()}

    def replacements(self, quirks: Iterable[Quirk], layout: Layout) -> dict[str, FunctionType]:
        """Return the kernel's versions of the functions that quirks replace in a layout."""
        wanted = set(quirks)
        return {
            name: getattr(self.kernel, name)
            for name, asking in self.replaceable(layout).items()
            if asking & wanted
        }

    def put_into(
        self, algorithm: ModuleType, quirks: Iterable[Quirk], layout: Layout
    ) -> ModuleType:
        """Return the algorithm with quirks in a layout; itself where they replace nothing there."""
        replaced = self.replacements(quirks, layout)
        if not replaced:
            return algorithm
        module = ModuleType(algorithm.__name__, algorithm.__doc__)
        vars(module).update(vars(algorithm))
        own = {
            name: function
            for name, function in vars(algorithm).items()
            if isinstance(function, FunctionType) and function.__globals__ is vars(algorithm)
        }
        put_among({**own, **replaced}, vars(module))
        return module


def put_among(functions: Mapping[str, FunctionType], namespace: dict[str, object]) -> None:
    """Put functions among those of a module, so that they call each other there."""
    for name, function in functions.items():
        namespace[name] = FunctionType(function.__code__, namespace, name, function.__defaults__)
