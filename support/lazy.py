# SPDX-License-Identifier: GPL-2.0-only
"""Imports that are carried out when a module is first looked at: the one way to be lazy.

Modules are imported so where they cost time that most runs do not need: the work behind a
command, and large libraries. The statement stands where imports stand, so that readers, mypy and
import-linter see it; only its effect is later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


class _Loader(Loader):
    """Loads a module as ever once it is looked at: what it imports itself is not lazy."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what the ordinary loader makes of ``spec``."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Load the module."""
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._loader
        lazy = [finder for finder in sys.meta_path if isinstance(finder, _Finder)]
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in lazy]
        try:
            self._loader.exec_module(module)
        finally:
            sys.meta_path[:0] = lazy


class _Finder(MetaPathFinder):
    """Finds what the ordinary finder finds, and has it loaded at the first attribute access."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec whose module is loaded late, None where the ordinary finder has none."""
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(_Loader(spec.loader))
        return spec


@contextmanager
def lazily() -> Iterator[None]:
    """Import what the block imports when it is first used.

    The block imports modules (``import z3``, ``from slatcheck.judge import judging``), never names
    out of them, which would load them at once. A module that does not exist is an ImportError in
    the block, one that fails while it is loaded fails at its first use.
    """
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
