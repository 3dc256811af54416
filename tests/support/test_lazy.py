# SPDX-License-Identifier: GPL-2.0-only
"""Lazy imports: nothing is loaded until it is looked at, and then everything as ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "import sys\nfrom support.lazy import lazily\n"


def output(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"{HEAD}sys.path.insert(0, {str(folder)!r})\n{code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a folder with a package whose modules say when they are loaded."""
    folder = tmp_path / "parcel"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "inner.py").write_text("print('inner')\nVALUE = 7\n")
    (folder / "outer.py").write_text(
        "print('outer')\nfrom parcel import inner\nprint('after')\nVALUE = inner.VALUE\n"
    )
    return tmp_path


def test_a_module_is_loaded_when_it_is_looked_at(package: Path) -> None:
    code = (
        "with lazily():\n    from parcel import inner\n"
        "print('before')\nprint(inner.VALUE, inner.VALUE)"
    )
    assert output(package, code).split() == ["before", "inner", "7", "7"]


def test_what_a_lazy_module_imports_is_loaded_with_it(package: Path) -> None:
    code = (
        "with lazily():\n    from parcel import outer\n"
        "print(outer.VALUE)\nprint(type(sys.modules['parcel.inner']).__name__)"
    )
    assert output(package, code).split() == ["outer", "inner", "after", "7", "module"]


def test_an_ordinary_import_after_it_loads_the_module(package: Path) -> None:
    code = (
        "with lazily():\n    from parcel import inner\n"
        "from parcel.inner import VALUE\nprint(VALUE, inner.VALUE)"
    )
    assert output(package, code).split() == ["inner", "7", "7"]


def test_outside_the_block_imports_are_as_ever(package: Path) -> None:
    code = (
        "with lazily():\n    from parcel import inner\n"
        "from parcel import outer\nprint('end')\n"
        "print(len([f for f in sys.meta_path if type(f).__module__ == 'support.lazy']))"
    )
    assert output(package, code).split() == ["outer", "after", "inner", "end", "0"]


def test_a_module_that_is_not_there_is_refused_in_the_block(package: Path) -> None:
    code = (
        "try:\n    with lazily():\n        from parcel import missing\n"
        "except ImportError:\n    print('refused')"
    )
    assert output(package, code).split() == ["refused"]


def test_resources_beside_a_lazy_module_are_found(package: Path) -> None:
    (package / "parcel/data.txt").write_text("data")
    code = (
        "with lazily():\n    import parcel\n"
        "from importlib import resources\n"
        "print(resources.files('parcel').joinpath('data.txt').read_text())"
    )
    assert output(package, code).split() == ["data"]
