# SPDX-License-Identifier: GPL-2.0-only
"""Headers that are read once: the same syntax tree behind them, or they are not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from impl.kernel import prelude, typed
from impl.kernel.errors import UnsupportedError
from impl.kernel.layouts import layout_in
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.mips.files import MMU
from impl.kernel.prelude import Preludes, includes
from impl.kernel.toolchain import find
from model.ports import layout
from proofs.c.syntax import Unit
from proofs.kernel_runner import read_unit
from slatcheck.reports.cache import KINDS, kinds_of
from support import upkeep
from tests.kernels.copies import edit, share

HEADER = "include/linux/pfn.h"
"""A header of the tree that is read, through others."""
TWICE = "include/linux/slatcheck_twice.h"


@pytest.fixture
def tree(kernel_trees: dict[str, Path], tmp_path: Path) -> Path:
    """Give a copy of a kernel."""
    share(kernel_trees["6.12"], tmp_path / "linux")
    return tmp_path / "linux"


def unit(
    root: Path, folder: Path | None, name: str = "mips32-4k", big_endian: bool = True
) -> tuple[Unit, list[Path]]:
    """Read a tree's C."""
    tree = open_tree(root)
    its = layout_in(tree, layout(name))
    found, files = read_unit(tree, bind(tree), its, find(None), big_endian, folder)
    return found, sorted(set(files))


def meaning(found: Unit) -> dict[str, Any]:
    """Return all that a proof looks at of a unit, but for where it stands."""
    functions = {name: (each.digest, each.at) for name, each in found.functions.items()}
    return {"functions": functions, "declarations": found.declarations, "sizes": found.pointer}


def in_whole(*_: object) -> None:
    raise AssertionError("the whole tree is read")


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    """Give what calls a function that must not have the compiler write a whole tree."""

    def call(read: Callable[[], Any]) -> Any:
        with monkeypatch.context() as at_rest:
            at_rest.setattr(typed, "_dump", in_whole)
            return read()

    return call


Behind = Callable[[Callable[[], Any]], Any]


@pytest.mark.parametrize("version", ["6.1", "6.12"])
@pytest.mark.parametrize(
    ("name", "big_endian"),
    [
        ("mips32-4k", True),
        ("mips32-64k-xpa", False),
        ("mips64-4k", True),
        ("mips64-16k-huge", True),
    ],
)
def test_behind_its_headers_the_tree_is_the_same(
    kernel_trees: dict[str, Path],
    tmp_path: Path,
    behind: Behind,
    version: str,
    name: str,
    big_endian: bool,
) -> None:
    root = kernel_trees[version]
    whole, files = unit(root, None, name, big_endian)
    first, _ = unit(root, tmp_path, name, big_endian)
    again, read = behind(lambda: unit(root, tmp_path, name, big_endian))
    assert meaning(whole) == meaning(first) == meaning(again)
    assert read == files
    assert [kind.title for kind in kinds_of(upkeep.stored(tmp_path))] == [KINDS["prelude"]]


def test_an_edit_and_another_copy_have_the_same_headers(
    tree: Path, kernel_trees: dict[str, Path], tmp_path: Path, behind: Behind
) -> None:
    unit(kernel_trees["6.12"], tmp_path)
    edit(tree, MMU, lambda text: text.replace("i <= i_max", "i < i_max + pfn_to_kaddr_(0)", 1))
    edit(tree, MMU, lambda text: text.replace("static bool", HELPER + "static bool", 1))
    edited, files = behind(lambda: unit(tree, tmp_path))
    whole, others = unit(tree, None)
    assert meaning(edited) == meaning(whole) and files == others
    assert "pfn_to_kaddr_" in edited.functions


HELPER = "static inline int pfn_to_kaddr_(int x)\n{\n\treturn (int)PFN_ALIGN(x) + 1;\n}\n\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: edit(root, HEADER, lambda text: text.replace(" - 1", " + 1", 1)),
        lambda root: (root / "include/linux/new.h").write_text("int more;\n"),
        lambda root: edit(root, MMU, lambda text: text.replace("#include", "\nint x;\n#include")),
        lambda root: edit(
            root, MMU, lambda text: text.replace("#include", "#include <linux/pfn.h>\n#include", 1)
        ),
    ],
    ids=["edited", "new", "later", "another"],
)
def test_other_headers_are_read(
    tree: Path, tmp_path: Path, behind: Behind, change: Callable[[Path], object]
) -> None:
    unit(tree, tmp_path)
    behind(lambda: unit(tree, tmp_path))
    change(tree)
    with pytest.raises(AssertionError, match="the whole tree"):
        behind(lambda: unit(tree, tmp_path))
    assert meaning(unit(tree, tmp_path)[0]) == meaning(unit(tree, None)[0])


def with_twice(tree: Path, text: str) -> None:
    (tree / TWICE).write_text(text)
    line = "#include <linux/slatcheck_twice.h>\n#include <linux/highmem.h>"
    edit(tree, MMU, lambda old: old.replace("#include <linux/highmem.h>", line))


@pytest.mark.parametrize("check", ["_alike", "_enters_again", ""])
@pytest.mark.parametrize(
    "more", ["int twice;", "#undef PTRS_PER_PTE\n#define PTRS_PER_PTE 4"], ids=["said", "meant"]
)
def test_headers_that_say_more_when_read_again_are_not_used(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, check: str
) -> None:
    """Either check is enough for what is declared, the second for all else."""
    with_twice(tree, f"#ifdef ONCE\n{more}\n#endif\n#define ONCE\n")
    whole = meaning(unit(tree, None)[0])
    if check == "_alike":
        monkeypatch.setattr(prelude, "_alike", lambda *_: True)
    if check == "_enters_again" and more.startswith("int"):
        monkeypatch.setattr(Preludes, "_enters_again", lambda *_: False)
    for _ in range(2):
        assert meaning(unit(tree, tmp_path)[0]) == whole


def test_headers_that_only_include_may_be_read_again(
    tree: Path, tmp_path: Path, behind: Behind
) -> None:
    with_twice(tree, "/* more */\n#include <linux/pfn.h>\n")
    unit(tree, tmp_path)
    behind(lambda: unit(tree, tmp_path))


def test_an_error_is_told_in_the_same_words(tree: Path, tmp_path: Path) -> None:
    unit(tree, tmp_path)
    edit(tree, MMU, lambda text: text.replace("i <= i_max", "i <= nothing", 1))
    said = []
    for folder in (None, tmp_path):
        with pytest.raises(UnsupportedError) as problem:
            unit(tree, folder)
        said.append(str(problem.value))
    assert said[0] == said[1] and "nothing" in said[0]


def test_what_lies_outside_is_refused_behind_headers_too(tree: Path, tmp_path: Path) -> None:
    unit(tree, tmp_path / "kept")
    (tmp_path / "secret.h").write_text("int secret;\n")
    path = tmp_path / "secret.h"
    edit(tree, MMU, lambda text: text.replace("static bool", f'#include "{path}"\nstatic bool', 1))
    for folder in (None, tmp_path / "kept"):
        with pytest.raises(UnsupportedError, match=r"reading the tree's C failed|lies outside"):
            unit(tree, folder)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("/* a\n * b */\n#include <a.h>\n\n// c\n# include <b.h> \nint x;\n#include <c.h>\n", 2),
        ('#include <a.h>\n#include "b.h"\n#include <c.h>\n', 1),
        ("#define A\n#include <a.h>\n", 0),
        ("#include <a.h> /* open\n#include <b.h> */\n", 0),
        ("// a \\\n#include <a.h>\n", 0),
        ("#include <a.h>", 0),
        ("", 0),
    ],
)
def test_only_what_comes_first_is_a_prelude(text: str, lines: int) -> None:
    assert len(includes(text)) == lines


def test_many_comments_are_read_in_one_way(tmp_path: Path) -> None:
    """With a second way to read each, a stranger's file would keep us for years."""
    many = "/**/" * 10_000
    assert includes(f"{many}\n#include <a.h>\n{many}int x;\n") == ["#include <a.h>"]
    (tmp_path / "x.h").write_text(f"{many}\n#include <a.h>\n")
    assert not prelude._says_something(tmp_path / "x.h")
    (tmp_path / "x.h").write_text(f"{many}int x;\n")
    assert prelude._says_something(tmp_path / "x.h")
