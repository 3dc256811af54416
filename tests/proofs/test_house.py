# SPDX-License-Identifier: GPL-2.0-only
"""The proof engine can be read from the bottom up: no circles of files, no file too long."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "proofs").rglob("*.py"))
LONGEST_FILE = 500
LONGEST_FUNCTION = 60
ANY = 60
"""How often the word may stand in the engine, imports included; each use says why."""


def module(path: Path) -> str:
    """Return the name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Yield what a module imports, wherever in it the import stands and whatever it is for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in known else str(node.module)


def circle(sources: Mapping[str, str]) -> list[str]:
    """Return modules that import each other in a circle, [] where there are none."""
    known = set(sources)
    graph = {name: set(imported(ast.parse(text), known)) & known for name, text in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        modules: list[str] = error.args[1]
        return modules
    return []


def test_no_files_import_each_other() -> None:
    assert circle({module(path): path.read_text(encoding="utf-8") for path in FILES}) == []


def test_terms_are_never_built_without_the_rules() -> None:
    for path in FILES:
        builds = "proofs.build" in set(imported(ast.parse(path.read_text(encoding="utf-8")), set()))
        assert not builds or path.name in ("rewrites.py", "terms.py"), path


@pytest.mark.parametrize(
    "back",
    [
        "from p import a",
        "import p.a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.a import A",
        "def f():\n    from p.a import A\n",
    ],
)
def test_a_circle_is_seen_wherever_the_import_stands(back: str) -> None:
    assert circle({"p.a": "from p.b import B", "p.b": back}) != []
    assert circle({"p.a": "from p.b import B", "p.b": "import p.c"}) == []


def test_little_is_beyond_mypy() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    assert sum(len(re.findall(r"\bAny\b", text)) for text in texts) < ANY


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, node.name
