# SPDX-License-Identifier: GPL-2.0-only
"""Functions and types cut out of files too entangled to compile whole, and where they stand."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from impl.kernel.errors import UnsupportedError
from impl.kernel.lines import Outline, bodies, outline
from support.lazy import lazily

with lazily():
    import tree_sitter
    import tree_sitter_c


_ATTRIBUTES = re.compile(
    rb"\b(?:__always_inline|noinline|notrace|noinstr|asmlinkage|__init|__exit|__meminit|__weak"
    rb"|__cold|__hot|__ref|__must_check|__maybe_unused|__always_unused|__used|__pure|__sched"
    rb"|__visible|__noreturn|__flatten)\b"
)
"""Macros of the kernel that stand among the words of a function's head: no words of C."""


@cache
def _parser() -> tree_sitter.Parser:
    # tree-sitter: a maintained C grammar that parses one file without its headers.

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_c.language()))


@dataclass(frozen=True)
class Definition:
    """One definition: its text as it stands, its first line (1-based) and its shape.

    ``shape`` is the return type and the parameter types without names and spaces, the same for
    two functions that can stand in for one another. ``conditions`` are the preprocessor's around
    it, outermost first.
    """

    name: str
    text: str
    line: int
    static: bool
    shape: str
    calls: frozenset[str]
    conditions: tuple[str, ...] = ()


def _walk(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    open_ = [node]
    while open_:
        node = open_.pop()
        yield node
        open_ += reversed(node.children)


def _text(node: tree_sitter.Node | None) -> str:
    return node.text.decode(errors="replace") if node is not None and node.text else ""


def _declarator(node: tree_sitter.Node) -> tree_sitter.Node | None:
    found = node.child_by_field_name("declarator")
    while found is not None and found.type != "function_declarator":
        found = found.child_by_field_name("declarator")
    return found


def _parameter_type(node: tree_sitter.Node) -> str:
    kind = _text(node.child_by_field_name("type"))
    stars = _text(node.child_by_field_name("declarator")).count("*")
    return kind.replace(" ", "") + "*" * stars


def _shape(node: tree_sitter.Node, declarator: tree_sitter.Node) -> str:
    returns = _text(node.child_by_field_name("type")).replace(" ", "")
    pointer = _text(node.child_by_field_name("declarator")).split("(")[0].count("*")
    parameters = declarator.child_by_field_name("parameters")
    types = [
        _parameter_type(child)
        for child in (parameters.children if parameters is not None else [])
        if child.type == "parameter_declaration"
    ]
    return f"{returns}{'*' * pointer}({','.join(types)})"


def _calls(node: tree_sitter.Node) -> frozenset[str]:
    return frozenset(
        _text(child.child_by_field_name("function"))
        for child in _walk(node)
        if child.type == "call_expression"
    )


def _defined(
    node: tree_sitter.Node, source: bytes, line: int, outlined: Outline
) -> Definition | None:
    """Return the function that a node defines, None if it is none.

    ``source`` is what was parsed, as it stands, and begins ``line`` lines into its file.
    """
    declarator = _declarator(node)
    name = _text(declarator.child_by_field_name("declarator")) if declarator else ""
    if declarator is None or not name.isidentifier():
        return None
    storage = {_text(c) for c in node.children if c.type == "storage_class_specifier"}
    first = node.start_point[0] + line
    return Definition(
        name,
        source[node.start_byte : node.end_byte].decode(errors="replace"),
        first + 1,
        "static" in storage,
        _shape(node, declarator),
        _calls(node),
        outlined.conditions[first],
    )


class _Mentions:
    """Where a source has one of some names; everywhere where any name will do."""

    def __init__(self, source: bytes, names: frozenset[str] | None) -> None:
        self._at: list[int] | None = None
        if names is not None:
            any_of = b"|".join(re.escape(name.encode()) for name in sorted(names))
            self._at = [match.start() for match in re.finditer(any_of, source)] if names else []

    def within(self, first: int, end: int) -> bool:
        """Return whether one begins at a byte of [``first``, ``end``)."""
        if self._at is None:
            return True
        later = bisect_left(self._at, first)
        return later < len(self._at) and self._at[later] < end


def _functions(node: tree_sitter.Node, mentions: _Mentions) -> Iterator[tree_sitter.Node]:
    """Yield the function definitions in a node that the parser reads without an error."""
    if not mentions.within(node.start_byte, node.end_byte):
        return
    if node.type == "function_definition" and not node.has_error:
        yield node
        return
    for child in node.children:
        yield from _functions(child, mentions)


def _parsed(
    source: bytes, line: int, outlined: Outline, wanted: frozenset[str] | None = None
) -> Iterator[Definition]:
    """Yield the functions of a piece of source that the parser reads without an error.

    Of ``wanted`` ones no other need be among them that mentions none of them.
    """
    # The parser takes a word that it does not know for the type: give it one that means nothing.
    plain = _ATTRIBUTES.sub(lambda word: b"const".ljust(len(word[0])), source)
    for node in _functions(_parser().parse(plain).root_node, _Mentions(source, wanted)):
        definition = _defined(node, source, line, outlined)
        if definition is not None:
            yield definition


def _by_lines(piece: bytes, line: int, outlined: Outline) -> list[Definition]:
    """Return the function of a piece whose body the parser cannot read: it ends where its lines do.

    One that opens a brace in each arm of a conditional is such a function.
    """
    head, brace, _ = piece.partition(b"\n{")
    found = list(_parsed(head + b"\n{\n}", line, outlined)) if brace else []
    calls = _calls(_parser().parse(piece).root_node)
    return [
        replace(
            definition,
            text="\n".join(piece.decode().split("\n")[definition.line - 1 - line :]),
            calls=calls,
        )
        for definition in found[-1:]
    ]


@lru_cache(maxsize=64)
def definitions(source: bytes, wanted: frozenset[str] | None = None) -> tuple[Definition, ...]:
    """Return every function that ``source`` defines, or those ``wanted``, in the order of the file.

    A name that several arms of a conditional define comes several times. Each function is parsed
    by itself, so that what surrounds it does not matter; those whose closing brace is not in the
    first column are found in the file as a whole.
    """
    text = source.decode(errors="replace")
    outlined = outline(text)
    lines = text.split("\n")
    found: dict[int, Definition] = {}
    for start, end in bodies(outlined):
        piece = "\n".join(lines[start:end]).encode()
        if not _Mentions(piece, wanted).within(0, len(piece)):
            continue
        parts = list(_parsed(piece, start, outlined)) or _by_lines(piece, start, outlined)
        for definition in parts:
            found.setdefault(definition.line, definition)
    inside = {
        line
        for definition in found.values()
        for line in range(definition.line, definition.line + definition.text.count("\n") + 1)
    }
    for definition in _parsed(source, 0, outlined, wanted):
        if definition.line not in inside:
            found[definition.line] = definition
    ordered = (found[line] for line in sorted(found))
    return tuple(one for one in ordered if wanted is None or one.name in wanted)


def functions(source: bytes) -> dict[str, Definition]:
    """Return the functions that ``source`` defines by name, the first of each."""
    found: dict[str, Definition] = {}
    for definition in definitions(source):
        found.setdefault(definition.name, definition)
    return found


def cut(source: bytes, path: str, names: Iterable[str], required: bool) -> str:
    """Return the named functions of ``source`` as they stand, each under its own ``#line``.

    Each keeps the conditionals that enclose it, so that of several definitions of a name the one
    of this configuration counts. ``path`` is what diagnostics and debug information call the
    file. With ``required``, raises UnsupportedError for a name that is absent; otherwise it is
    left out.
    """
    wanted = frozenset(names)
    pieces = definitions(source, wanted)
    for name in sorted(wanted - {piece.name for piece in pieces}) if required else ():
        raise UnsupportedError(f"not bound: {path} defines no function {name}")
    return "".join(_standing(piece, path) for piece in pieces)


def _standing(definition: Definition, path: str) -> str:
    before = "".join(f"#if {condition}\n" for condition in definition.conditions)
    after = "#endif\n" * len(definition.conditions)
    return f'{before}#line {definition.line} "{path}"\n{definition.text}\n{after}'
