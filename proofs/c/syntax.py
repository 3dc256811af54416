# SPDX-License-Identifier: GPL-2.0-only
"""The compiler's typed syntax tree, reduced to the functions wanted and what they can reach.

The tree is Clang's (``-ast-dump=json``): every implicit conversion is a node and macros are
expanded, so there is no typing left to get wrong. Its format is not a stable interface; what is
not known here is kept as it is and refused where it is executed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from impl.kernel.declarations import Declaration
from proofs.c.types import Record, Types, laid_out
from proofs.paths import Unsupported

_KEPT = (
    "opcode", "value", "castKind", "name", "isArrow", "isPostfix", "targetLabelDeclId", "declId",
    "storageClass", "hasElse", "hasInit", "hasVar", "init",
)  # fmt: skip
LOOPS = frozenset({"ForStmt", "WhileStmt", "DoStmt"})
"""Statements that are loops; each has a key, unique in its function."""
_PASSED = frozenset({"ParenExpr", "ConstantExpr", "ExprWithCleanups"})
_LEFT_OUT = frozenset({"FullComment", "AlwaysInlineAttr", "UnusedAttr", "UsedAttr", "ConstAttr"})
_PLACING = frozenset({"PackedAttr", "AlignedAttr", "MaxFieldAlignmentAttr", "ModeAttr"})
_NO_NAME = r"\((?:unnamed|anonymous)\b[^()]*\)"
_UNNAMED = re.compile(rf"(?:(?:struct|union|enum) )?(?:(?:\w+|{_NO_NAME})::)*{_NO_NAME}")


Raw = dict[str, Any]
"""A node of the tree as Clang writes it in JSON, or a part of one: its kind says what it has."""


@dataclass
class Node:
    """A node of the tree.

    ``type`` is the compiler's text; ``ref`` the key of the declaration meant; ``at`` the offset
    (bytes) in its file, for messages only.
    """

    kind: str
    type: str
    inner: list[Node | None]
    facts: Raw = field(default_factory=dict)
    ref: str = ""
    name: str = ""
    at: int = -1
    key: str = ""

    def walk(self) -> Iterator[Node]:
        """Yield the node and all below it."""
        yield self
        for child in self.inner:
            if child is not None:
                yield from child.walk()

    def outline(self) -> Iterator[str]:
        """Yield what the node means, without places in files, for a digest."""
        yield self.kind
        yield self.type
        yield repr(sorted(self.facts.items()))
        yield self.ref
        yield self.name
        yield self.key
        for child in self.inner:
            if child is None:
                yield "-"
            else:
                yield from child.outline()
        yield ")"


@dataclass
class FunctionNode:
    """A function: its parameters, its body (None where only declared), what it names."""

    name: str
    type: str
    parameters: list[Node]
    body: Node | None
    static: bool
    at: int = -1

    @property
    def result(self) -> str:
        """The text of the type of its result."""
        return self.type.split("(")[0].strip()

    @cached_property
    def names(self) -> frozenset[str]:
        """Functions that the body names."""
        return frozenset(_functions_in(self.body)) if self.body else frozenset()

    @cached_property
    def digest(self) -> str:
        """The digest of what it means; comments, line breaks and places do not count."""
        found = hashlib.sha256()
        found.update(f"{self.name} {self.type}".encode())
        for node in [*self.parameters, *([self.body] if self.body else [])]:
            for part in node.outline():
                found.update(part.encode() + b"\0")
        return found.hexdigest()


def _functions_in(node: Node) -> Iterator[str]:
    for part in node.walk():
        if part.kind == "DeclRefExpr" and part.facts.get("declares") == "FunctionDecl":
            yield part.name


@dataclass
class Unit:
    """A translation unit for one target: functions, records, enumerators, global variables."""

    pointer: int
    functions: dict[str, FunctionNode]
    typedefs: dict[str, str]
    members: dict[str, tuple[bool, list[tuple[str, str]] | None]]
    enumerators: dict[str, int]
    globals: dict[str, Node]
    place: Callable[[str, int], str] = field(default=lambda name, offset: f"{name}()")
    """Says for messages where something stands: a function, bytes from where its name does."""

    @cached_property
    def types(self) -> Types:
        """The unit's types."""
        return Types(self.pointer, self.typedefs, self._record)

    def _record(self, tag: str) -> Record:
        if tag not in self.members:
            raise Unsupported(f"the type '{tag}' is not defined")
        union, members = self.members[tag]
        if members is None:
            raise Unsupported(f"the type '{tag}' has bit-fields or attributes")
        return laid_out(tag, [(name, self.types.parse(text)) for name, text in members], union)

    @cached_property
    def declarations(self) -> str:
        """The digest of all that is not a function."""
        found = hashlib.sha256()
        for part in (self.pointer, self.typedefs, self.members, self.enumerators):
            found.update(repr(part).encode())
        for name, node in self.globals.items():
            found.update(name.encode())
            for text in node.outline():
                found.update(text.encode() + b"\0")
        return found.hexdigest()


def reduced(tree: Iterable[Declaration], pointer: int, wanted: Iterable[str]) -> Unit:
    """Return what the functions ``wanted`` can reach of a tree; ``pointer`` in bytes."""
    reader = _Reader()
    bodies: dict[str, Declaration] = {}
    for declaration in tree:
        reader.declaration(declaration, bodies)
    functions: dict[str, FunctionNode] = {}
    pending = [name for name in wanted if name in bodies]
    while pending:
        name = pending.pop()
        if name in functions or name not in bodies:
            continue
        functions[name] = reader.function(bodies[name].parsed())
        pending += functions[name].names
    used = {
        part.name
        for function in functions.values()
        if function.body
        for part in function.body.walk()
        if part.kind == "DeclRefExpr"
    }
    globals_ = {name: reader.node(raw) for name, raw in reader.globals.items() if name in used}
    enumerators = {name: value for name, value in reader.enumerators.items() if name in used}
    unit = Unit(pointer, functions, reader.typedefs, reader.members, enumerators, globals_)
    return _trimmed(unit)


def _trimmed(unit: Unit) -> Unit:
    """Leave out the types that nothing in the unit names."""
    texts = {node.type for variable in unit.globals.values() for node in variable.walk()}
    for function in unit.functions.values():
        texts.add(function.type)
        for node in [*function.parameters, *([function.body] if function.body else [])]:
            texts |= {part.type for part in node.walk()}
            texts |= {part.facts["argument"] for part in node.walk() if "argument" in part.facts}
    typedefs: dict[str, str] = {}
    members: Raw = {}
    pending = list(texts)
    seen: set[str] = set()
    while pending:
        text = pending.pop()
        if text in seen:
            continue
        seen.add(text)
        words = _identifiers(text)
        for name in {*words, *(f"enum {word}" for word in words)}:
            if name in unit.typedefs:
                typedefs[name] = unit.typedefs[name]
                pending.append(unit.typedefs[name])
        for tag in _tags(text, unit.members):
            members[tag] = unit.members[tag]
            pending += [kind for _, kind in unit.members[tag][1] or ()]
    ordered = dict(sorted(typedefs.items())), dict(sorted(members.items()))
    return Unit(
        unit.pointer, unit.functions, *ordered, dict(sorted(unit.enumerators.items())), unit.globals
    )


def _identifiers(text: str) -> list[str]:
    return (
        text.replace("*", " ")
        .replace("[", " ")
        .replace("(", " ")
        .replace(")", " ")
        .replace(",", " ")
        .split()
    )


def _tags(text: str, members: Raw) -> Iterator[str]:
    unnamed = text[: text.rfind(")") + 1]  # without the size of an array, the star of a pointer
    yield from (tag for tag in {text, unnamed} if tag in members)
    words = _identifiers(text)
    for word, following in pairwise(words):
        if word in ("struct", "union") and f"{word} {following}" in members:
            yield f"{word} {following}"


class _Reader:
    """Reads declarations in the order of the file; each gets a key that does not change."""

    def __init__(self) -> None:
        self.typedefs: dict[str, str] = {}
        self.members: dict[str, tuple[bool, list[tuple[str, str]] | None]] = {}
        self.enumerators: dict[str, int] = {}
        self.globals: dict[str, Raw] = {}
        self._tags: dict[str, str] = {}
        self._keys: dict[str, str] = {}
        self._next = 0
        self._unnamed = 0
        self._part = 0

    def declaration(self, found: Declaration, bodies: dict[str, Declaration]) -> None:
        """Take note of a declaration at the top of the file."""
        if found.part != self._part:
            # Another run of the compiler: the same id is something else.
            self._part, self._tags = found.part, {}
        match found.kind:
            case "RecordDecl":
                self.record(found.parsed())
            case "TypedefDecl":
                self._typedef(found.parsed())
            case "EnumDecl":
                self._enum(found.parsed())
            case "VarDecl":
                node = found.parsed()
                old = self.globals.get(node["name"])
                if old is None or "init" in node:
                    self.globals[node["name"]] = node
            case "FunctionDecl":
                if found.defined or found.name not in bodies:
                    bodies[found.name] = found

    def record(self, node: Raw) -> str:
        """Take note of a structure or union; returns its tag."""
        kind = node.get("tagUsed", "struct")
        tag = f"{kind} {node['name']}" if node.get("name") else f"{kind} (unnamed {self._number()})"
        self._tags[node["id"]] = tag
        if not node.get("completeDefinition"):
            return tag
        members: list[tuple[str, str]] | None = []
        unnamed = ""
        for child in node.get("inner", ()):
            if child.get("kind") == "RecordDecl":
                unnamed = self.record(child)
            elif child.get("kind") == "EnumDecl":
                unnamed = self._enum(child)
            elif child.get("kind") == "FieldDecl":
                text = _UNNAMED.sub(unnamed, _type(child))
                if child.get("isBitfield") or _laid_out_otherwise(child) or members is None:
                    members = None
                else:
                    members.append((child.get("name", ""), text))
        if _laid_out_otherwise(node) or self.members.get(tag, (False, members))[1] != members:
            members = None  # also where a function declares another type of the same name
        self.members[tag] = (kind == "union", members)
        return tag

    def _typedef(self, node: Raw) -> None:
        text = _type(node)
        for child in _every(node):
            declared = child.get("decl") or child.get("ownedTagDecl")
            if declared and declared["kind"] == "RecordDecl" and not declared.get("name"):
                text = self._named_by(declared["id"], node["name"]) or text
            if declared and declared["kind"] == "EnumDecl" and declared["id"] in self._tags:
                text = self._tags[declared["id"]]
                self.typedefs[f"enum {node['name']}"] = text
        if text != node["name"] and not _laid_out_otherwise(node):
            self.typedefs[node["name"]] = text

    def _number(self) -> int:
        self._unnamed += 1
        return self._unnamed

    def _named_by(self, identity: str, typedef: str) -> str:
        """Call an unnamed record after its typedef, so that its tag does not change by itself."""
        old = self._tags.get(identity, "")
        if re.search(r"\(unnamed \d+\)", old) and old in self.members:
            tag = f"{old.split()[0]} (unnamed {typedef})"
            self.members[tag] = self.members.pop(old)
            self._tags[identity] = tag
        return self._tags.get(identity, "")

    def _enum(self, node: Raw) -> str:
        """Take note of an enumeration; returns the integer type that stands for it."""
        following = 0
        inner = node.get("inner", ())
        constants = [child for child in inner if child.get("kind") == "EnumConstantDecl"]
        values = []
        for child in constants:
            told = next(
                (part for part in _every(child) if part.get("kind") == "ConstantExpr"), None
            )
            following = int(told["value"]) if told else following
            self.enumerators[child["name"]] = following
            values.append(following)
            following += 1
        small = "int" if min(values, default=0) < 0 else "unsigned int"
        wide = next((_type(constant) for constant in constants if _type(constant) != "int"), small)
        found = "" if _laid_out_otherwise(node) or "fixedUnderlyingType" in node else wide
        self._tags[node["id"]] = found
        if node.get("name") and constants:
            self.typedefs[f"enum {node['name']}"] = found
        return found

    def function(self, raw: Raw) -> FunctionNode:
        """Return a function."""
        self._keys, self._next = {}, 0
        inner = raw.get("inner", ())
        parameters = [self.node(child) for child in inner if child["kind"] == "ParmVarDecl"]
        body = next((self.node(child) for child in inner if child["kind"] == "CompoundStmt"), None)
        static = raw.get("storageClass") == "static"
        return FunctionNode(
            raw["name"], raw["type"]["qualType"], parameters, body, static, _offset(raw)
        )

    def node(self, raw: Raw) -> Node:
        """Return a node and what is below it."""
        kind = raw["kind"]
        inner = [child for child in raw.get("inner", ()) if child.get("kind") not in _LEFT_OUT]
        while kind in _PASSED and len(inner) == 1:
            raw = inner[0]
            kind = raw["kind"]
            inner = [child for child in raw.get("inner", ()) if child.get("kind") not in _LEFT_OUT]
        if "array_filler" in raw:  # the value of the elements not named, then those named
            inner = raw["array_filler"][1:]
        facts = {name: raw[name] for name in _KEPT if name in raw}
        found = Node(kind, _type(raw), [], facts, at=_offset(raw))
        if "argType" in raw:
            facts["argument"] = _text(raw["argType"])
        if "computeResultType" in raw:
            facts["computed"] = _text(raw["computeResultType"])
        if kind.endswith("Decl") and "id" in raw:
            found.key = self._key(raw["id"])
        elif kind in LOOPS:
            found.key = self._key(f"loop {len(self._keys)}")
        for name in ("targetLabelDeclId", "declId"):
            if name in facts:
                facts[name] = self._key(facts[name])
        declared = raw.get("referencedDecl")
        if declared:
            found.name = declared.get("name", "")
            facts["declares"] = declared["kind"]
            if declared["kind"] in ("VarDecl", "ParmVarDecl"):
                found.ref = self._keys.get(declared["id"], "")
        elif "name" in raw:
            found.name = raw["name"]
        facts.pop("name", None)
        if kind == "RecordDecl":
            self.record(raw)
        found.inner = [self.node(child) if child.get("kind") else None for child in inner]
        return found

    def _key(self, identity: str) -> str:
        if identity not in self._keys:
            self._keys[identity] = f"d{self._next}"
            self._next += 1
        return self._keys[identity]


def _laid_out_otherwise(node: Raw) -> bool:
    """Return whether attributes change the size or the place of what is declared."""
    return any(child.get("kind") in _PLACING for child in node.get("inner", ()))


def _every(node: Raw) -> Iterator[Raw]:
    yield node
    for child in node.get("inner", ()):
        yield from _every(child)


def _text(kind: dict[str, str]) -> str:
    plain = kind.get("qualType", "")
    return kind.get("desugaredQualType", plain) if "typeof" in plain else plain


def _type(node: Raw) -> str:
    return _text(node["type"]) if "type" in node else ""


def _offset(node: Raw) -> int:
    begin = node.get("loc") or node.get("range", {}).get("begin", {})
    begin = begin.get("expansionLoc", begin)
    return int(begin.get("offset", -1))
