# SPDX-License-Identifier: GPL-2.0-only
"""Ports that lie outside of slatcheck's packages, named by a variable that every process sees.

Worker processes have them too, and what is kept of results depends on their sources.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

VARIABLE = "SLATCHECK_PORTS"
"""Modules with commas between them; each has a function ``register`` that enters its port."""


class OutsideError(Exception):
    """A module that the variable names cannot be had, with what to do in one line."""


def names() -> tuple[str, ...]:
    """Return the modules that the variable names."""
    return tuple(name for name in os.environ.get(VARIABLE, "").split(",") if name)


_entered: set[str] = set()
"""Modules whose ports this process has: what was put in the place of one since then stays."""


def load() -> None:
    """Import the modules and let each enter its port, once in a process. Raises OutsideError."""
    for name in names():
        if name in _entered:
            continue
        try:
            module = import_module(name)
        except ImportError as problem:
            raise OutsideError(
                f"{VARIABLE} names {name}, which cannot be imported ({problem}): "
                "give a module on PYTHONPATH"
            ) from problem
        register = getattr(module, "register", None)
        if not callable(register):
            raise OutsideError(f"{VARIABLE} names {name}, which has no function register()")
        register()
        _entered.add(name)


def folders() -> tuple[Path, ...]:
    """Return the folders in which the modules lie, with all that their ports are made of."""
    specs = [find_spec(name) for name in names()]
    return tuple(Path(spec.origin).parent for spec in specs if spec and spec.origin)
