# SPDX-License-Identifier: GPL-2.0-only
"""A syntax tree taken apart is what it is as a whole, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from impl.kernel import typed
from impl.kernel.declarations import declarations
from impl.kernel.errors import UnsupportedError
from impl.kernel.layouts import layout_in
from impl.kernel.ports import bind, open_for
from impl.kernel.toolchain import find
from model.ports import layout
from tests.proofs.c.compiled import X86_64, tree

TEXTS = {
    "text with braces": 'char *f(void) { return "\\n    },\\n    {\\n\\"kind\\": \\"VarDecl\\""; }',
    "a declaration alone": "int f(void);",
    "one within another": "int f(int a) { struct s { int kind; } x = { a }; return x.kind; }",
    "several of a name": "int f(void); int f(void) { return 1; } int f(void);",
    "no name": "struct { int a; } x; enum { A = 1 }; ;",
}


def whole(given: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return kind, name and whether there is a body, as the parsed tree has them."""
    return [
        (
            node["kind"],
            node.get("name", ""),
            node["kind"] == "FunctionDecl"
            and any(child.get("kind") == "CompoundStmt" for child in node.get("inner", ())),
        )
        for node in given["inner"]
    ]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_tree_is_taken_apart(text: str) -> None:
    given = tree(text, X86_64)
    found = declarations(json.dumps(given, indent=2).encode() + b"\n")
    assert [part.parsed() for part in found] == given["inner"]
    assert [(part.kind, part.name, part.defined) for part in found] == whole(given)


@pytest.fixture
def dumped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Give the texts that the compiler writes."""
    texts: list[bytes] = []

    def noted(text: bytes) -> Any:
        texts.append(text)
        return declarations(text)

    monkeypatch.setattr(typed, "declarations", noted)
    yield texts


@pytest.mark.parametrize("name", ["mips64-4k", "mips32-16k-xpa", "riscv64-sv39x4"])
def test_the_tree_of_a_kernel_is_taken_apart(
    kernel_trees: dict[str, Path], dumped: list[bytes], name: str
) -> None:
    opened = open_for(kernel_trees["6.12"], layout(name))
    its = layout_in(opened, layout(name))
    big_endian = name.startswith("mips")
    found, _ = typed.typed_tree(opened, bind(opened), its, find(None), big_endian)
    given = json.loads(dumped[0])
    assert [part.parsed() for part in found] == given["inner"]
    assert [(part.kind, part.name, part.defined) for part in found] == whole(given)
    assert sum(part.defined for part in found) > 100


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{\n  "inner": []\n}',
        b'{\n  "inner": [\n    {\n      "kind": "VarDecl"\n    }\n  ]\n}\n{',
        b'{\n  "inner": [\n    {\n      "id": "VarDecl"\n    }\n  ]\n}\n',
        b'{\n  "inner": [\n    {\n      "kind": "VarDecl"\n    },\n    {\n',
    ],
)
def test_what_is_no_tree_is_refused(text: bytes) -> None:
    with pytest.raises(UnsupportedError, match="syntax tree cannot be read"):
        declarations(text)


def test_what_was_cut_within_is_refused_where_it_is_looked_at() -> None:
    text = b'{\n  "inner": [\n    {\n      "kind": "VarDecl",\n      "name": \n    }\n  ]\n}\n'
    (found,) = declarations(text)
    with pytest.raises(UnsupportedError, match="syntax tree cannot be read"):
        found.parsed()
