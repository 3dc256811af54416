# SPDX-License-Identifier: GPL-2.0-only
"""The rooms: none imports what stands above it, every module says what it is, none is long."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("support", "model", "impl", "proofs", "slatcheck")
FOLDERS = (*ROOMS, "tests", "bench", "tools")
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
def test_what_is_installed_imports_nothing_of_what_is_not(path: Path) -> None:
    """That imports point one way is a contract in pyproject.toml, which `make lint` looks at."""
    assert not imported(parsed(path)) & {"tests", "bench", "tools"}


@pytest.mark.parametrize("path", modules(*FOLDERS), ids=str)
def test_every_module_opens_with_its_license_and_a_docstring(path: Path) -> None:
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    opening = lines[1:2] if lines[0].startswith("#!") else lines[:1]
    assert opening == [SPDX]
    assert ast.get_docstring(parsed(path)), "no docstring"


LINES, FUNCTION = 500, 60
"""How long a file and a function may be, in lines."""
LONG = {
    "tests/proofs/c/edits.py": "a list of edits of the kernel's C, each a few words",
    "tests/proofs/c/programs.py": "the grammar that random C is drawn from, a method a construct",
}
"""Files that may be longer, each with the reason."""


def sources() -> list[Path]:
    """Return every file of Python or C, as paths from the root."""
    return [
        path.relative_to(ROOT)
        for name in (*FOLDERS, "docs")
        for path in sorted((ROOT / name).rglob("*"))
        if path.suffix in (".py", ".c", ".h")
    ]


def long_functions(tree: ast.Module, most: int) -> list[str]:
    """Return the names of the functions of more than so many lines."""
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= most
    ]


def too_long(path: Path, lines: int, function: int) -> list[str]:
    """Return what of a file is too long: the file, or functions of Python."""
    length = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    found = [f"{length} lines"] if length > lines and str(path) not in LONG else []
    return found + (long_functions(parsed(path), function) if path.suffix == ".py" else [])


@pytest.mark.parametrize("path", sources(), ids=str)
def test_files_and_functions_are_short(path: Path) -> None:
    """What is longer has two subjects, or is data: then LONG has it."""
    assert not too_long(path, LINES, FUNCTION)


def test_what_is_long_is_seen() -> None:
    text = "class C:\n    async def f(self):\n        pass\n        pass\n"
    assert long_functions(ast.parse(text), 2) == ["f"]
    assert not long_functions(ast.parse(text), 3)
    assert too_long(Path("impl/kernel/runner/heap.c"), 100, FUNCTION)
    assert all(len((ROOT / name).read_text().splitlines()) > LINES for name in LONG)


def test_a_lazy_import_is_seen() -> None:
    source = "def f():\n    import slatcheck.gate\n    from impl.kernel import tree\n"
    assert imported(ast.parse(source)) == {"slatcheck", "impl"}


@pytest.mark.parametrize(
    ("room", "line", "kept"),
    [
        ("slatcheck", "import proofs\n", True),
        ("model", "import impl\n", False),
        ("impl", "def f():\n    from proofs import terms\n", False),
        ("proofs", "if TYPE_CHECKING:\n    import slatcheck\n", False),
    ],
)
def test_the_contract_sees_what_points_up(room: str, line: str, kept: bool, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for name in ROOMS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "proofs" / "terms.py").touch()
    (tmp_path / room / "new.py").write_text(f"from typing import TYPE_CHECKING\n{line}")
    program = Path(sys.executable).with_name("lint-imports")
    contract = ["--no-cache", "--contract", "floors"]
    done = subprocess.run([program, *contract], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode == 0) is kept, done.stdout + done.stderr


# Rooms that know no architecture: what is one's own is in the 'ports'.
NEUTRAL = re.compile(r"mips|riscv|loongarch", re.IGNORECASE)
REGISTRIES = {
    "impl/kernel/ports/__init__.py", "impl/ports/__init__.py", "model/ports/__init__.py",
    "proofs/ports/__init__.py",
}  # fmt: skip
"""Where each port is registered, and nothing else of it is said."""
AS_IN_A_KERNEL = "impl/multilevel"
"""The reference for tables of fixed levels, which calls functions as its kernel does."""


def neutral() -> Iterator[Path]:
    """Yield the files of the rooms that know no architecture, of every language."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            name = path.relative_to(ROOT)
            port = "ports" in name.parts and str(name) not in REGISTRIES
            ours = path.suffix in (".py", ".c", ".h", ".S", ".ld", ".j2", ".json")
            if ours and not port and not str(name).startswith(AS_IN_A_KERNEL):
                yield name


@pytest.mark.parametrize("path", list(neutral()), ids=str)
def test_neutral_rooms_name_no_architecture(path: Path) -> None:
    """Help texts may: their examples are real layouts. A registry names what it registers."""
    text = (ROOT / path).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if NEUTRAL.search(line)]
    if path.parts[:2] == ("slatcheck", "commands"):
        lines = [line for line in lines if not re.match(r"\s+(slatcheck|git config) ", line)]
    if str(path) in REGISTRIES:
        lines = [
            line
            for line in lines
            if not re.match(r"from \S+\.(mips|riscv)\S* import|[A-Z_]+: ", line)
        ]
    assert not lines
