# SPDX-License-Identifier: GPL-2.0-only
"""Functions and types cut out of files too entangled to compile whole, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from impl.kernel.errors import UnsupportedError

if TYPE_CHECKING:
    from tree_sitter import Node, Parser


@cache
def _parser() -> Parser:
    # tree-sitter: a maintained C grammar that parses one file without its headers.
    import tree_sitter_c
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_c.language()))


@dataclass(frozen=True)
class Definition:
    """One definition: its text as it stands, its first line (1-based) and its shape.

    ``shape`` is the return type and the parameter types without names and spaces, the same for
    two functions that can stand in for one another.
    """

    name: str
    text: str
    line: int
    static: bool
    shape: str
    calls: frozenset[str]


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node | None) -> str:
    return node.text.decode(errors="replace") if node is not None and node.text else ""


def _declarator(node: Node) -> Node | None:
    found = node.child_by_field_name("declarator")
    while found is not None and found.type != "function_declarator":
        found = found.child_by_field_name("declarator")
    return found


def _parameter_type(node: Node) -> str:
    kind = _text(node.child_by_field_name("type"))
    stars = _text(node.child_by_field_name("declarator")).count("*")
    return kind.replace(" ", "") + "*" * stars


def _shape(node: Node, declarator: Node) -> str:
    returns = _text(node.child_by_field_name("type")).replace(" ", "")
    pointer = _text(node.child_by_field_name("declarator")).split("(")[0].count("*")
    parameters = declarator.child_by_field_name("parameters")
    types = [
        _parameter_type(child)
        for child in (parameters.children if parameters is not None else [])
        if child.type == "parameter_declaration"
    ]
    return f"{returns}{'*' * pointer}({','.join(types)})"


def _calls(node: Node) -> frozenset[str]:
    return frozenset(
        _text(child.child_by_field_name("function"))
        for child in _walk(node)
        if child.type == "call_expression"
    )


def functions(source: bytes) -> dict[str, Definition]:
    """Return the functions that ``source`` defines, by name, in the order of the file."""
    found: dict[str, Definition] = {}
    for node in _walk(_parser().parse(source).root_node):
        if node.type != "function_definition":
            continue
        declarator = _declarator(node)
        name = _text(declarator.child_by_field_name("declarator")) if declarator else ""
        if declarator is None or not name.isidentifier():
            continue
        storage = {_text(c) for c in node.children if c.type == "storage_class_specifier"}
        found.setdefault(
            name,
            Definition(
                name,
                _text(node),
                node.start_point[0] + 1,
                "static" in storage,
                _shape(node, declarator),
                _calls(node),
            ),
        )
    return found


def structure(source: bytes, name: str) -> Definition | None:
    """Return the definition of ``struct name`` in ``source``, or None."""
    for node in _walk(_parser().parse(source).root_node):
        if (
            node.type == "struct_specifier"
            and _text(node.child_by_field_name("name")) == name
            and node.child_by_field_name("body") is not None
        ):
            line = node.start_point[0] + 1
            return Definition(name, _text(node) + ";", line, False, "", frozenset())
    return None


def damage(source: bytes) -> int | None:
    """Return the line where ``source`` ends in the middle of something, None if it is whole.

    Only what a cut-off file shows is looked for: a node the parser had to invent or an error
    that reaches the end of the file. Macros that a parser without headers cannot know are no
    damage.
    """
    root = _parser().parse(source).root_node
    if not source.strip():
        return 1
    last = len(source.rstrip())
    for node in _walk(root):
        if node.is_missing and _text(node) == "" and node.end_byte >= last:
            return node.start_point[0] + 1
        if node.type == "ERROR" and node.end_byte >= last:
            return node.start_point[0] + 1
    return None


def cut(source: bytes, path: str, names: Iterable[str], required: bool) -> str:
    """Return the named functions of ``source`` as they stand, each under its own ``#line``.

    ``path`` is what diagnostics and debug information call the file. With ``required``, raises
    UnsupportedError for a name that is absent; otherwise it is left out.
    """
    available = functions(source)
    pieces = []
    for name in names:
        piece = available.get(name)
        if piece is not None:
            pieces.append((piece.line, piece.text))
        elif required:
            raise UnsupportedError(f"not bound: {path} defines no function {name}")
    return "".join(f'#line {line} "{path}"\n{text}\n' for line, text in sorted(pieces))
