# SPDX-License-Identifier: GPL-2.0-only
"""The four rooms: imports point one way only, and every module says what it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("support", "model", "impl", "proofs", "slatcheck")
FOLDERS = (*ROOMS, "tests", "bench", "tools")
FORBIDDEN = {
    "support": {"model", "impl", "proofs", "slatcheck"},
    "model": {"impl", "proofs", "slatcheck"},
    "impl": {"proofs", "slatcheck"},
    "proofs": {"slatcheck"},
    "slatcheck": set[str](),
}
SPDX = "# SPDX-License-Identifier: GPL-2.0-only"


def modules(*folders: str) -> list[Path]:
    """Return every Python file below the folders, as paths from the root."""
    return [
        path.relative_to(ROOT) for name in folders for path in sorted((ROOT / name).rglob("*.py"))
    ]


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def imported(tree: ast.AST) -> set[str]:
    """Return the packages that a module imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import does not say which room it is from"
            found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("path", modules(*ROOMS), ids=str)
def test_imports_point_one_way(path: Path) -> None:
    outside = {"tests", "bench", "tools"}
    assert not imported(parsed(path)) & (FORBIDDEN[path.parts[0]] | outside)


@pytest.mark.parametrize("path", modules(*FOLDERS), ids=str)
def test_every_module_opens_with_its_license_and_a_docstring(path: Path) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    opening = lines[1:2] if lines[0].startswith("#!") else lines[:1]
    assert opening == [SPDX]
    assert ast.get_docstring(parsed(path)), "no docstring"


def test_a_lazy_import_is_seen() -> None:
    source = "def f():\n    import slatcheck.gate\n    from impl.kernel import tree\n"
    assert imported(ast.parse(source)) == {"slatcheck", "impl"}
