# SPDX-License-Identifier: GPL-2.0-only
"""C types of a 32- or 64-bit target: sizes, signedness, and where the fields of a record lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from proofs.paths import Unsupported


@dataclass(frozen=True)
class Integer:
    """An integer type of ``size`` bytes; ``_Bool`` holds 0 and 1 only."""

    size: int
    signed: bool
    boolean: bool = False

    @property
    def width(self) -> int:
        """Bits of a value."""
        return 1 if self.boolean else 8 * self.size

    @property
    def align(self) -> int:
        """Alignment in bytes."""
        return self.size


BOOL = Integer(1, signed=False, boolean=True)
INT = Integer(4, signed=True)
U64 = Integer(8, signed=False)


@dataclass(frozen=True)
class Void:
    """No value."""

    size: int = 1
    align: int = 1


@dataclass(frozen=True)
class FunctionType:
    """A function, of which only the address is taken, or which is called."""

    size: int = 1
    align: int = 1


@dataclass(frozen=True)
class Pointer:
    """A pointer; what it points to is worked out when it is needed, as types may be recursive."""

    text: str
    size: int
    scope: Types

    @property
    def align(self) -> int:
        """Alignment in bytes."""
        return self.size

    @cached_property
    def to(self) -> CType:
        """What it points to."""
        return self.scope.parse(self.text)


@dataclass(frozen=True)
class Array:
    """``count`` elements; 0 where the number is not known."""

    of: CType
    count: int

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.of.size * self.count

    @property
    def align(self) -> int:
        """Alignment in bytes."""
        return self.of.align


@dataclass(frozen=True)
class Field:
    """A member of a record, ``offset`` bytes from its beginning."""

    name: str
    type: CType
    offset: int


@dataclass(frozen=True)
class Record:
    """A structure or union."""

    name: str
    fields: tuple[Field, ...]
    size: int
    align: int
    union: bool = False

    def field(self, name: str) -> Field:
        """Return a member. Raises Unsupported where there is none of the name."""
        found = [member for member in self.fields if member.name == name]
        if len(found) != 1:
            raise Unsupported(f"{self.name} has no member {name}, or several")
        return found[0]


CType = Integer | Void | FunctionType | Pointer | Array | Record

_WORDS = re.compile(r"[A-Za-z_]\w*|\*|\[\d*\]|\(|\)|,|\.\.\.|:+|\S")
_UNNAMED = re.compile(r"([^*\[]*\))((?:\[\d+\])*)")
_COUNTS = re.compile(r"\[(\d+)\]")
_QUALIFIERS = frozenset({"const", "volatile", "restrict", "__restrict", "register", "_Atomic"})
_SIZES = frozenset({"__size_t", "__ptrdiff_t"})
_BASIC = frozenset({"unsigned", "signed", "long", "int", "short", "char", "_Bool", "void"})


class Types:
    """The types of one translation unit for one target.

    ``typedefs`` gives a name's type as text, ``records`` makes a record from its tag.
    """

    def __init__(
        self,
        pointer: int,
        typedefs: Mapping[str, str],
        records: Callable[[str], Record],
    ) -> None:
        self.pointer = pointer
        self.typedefs = typedefs
        self._records = records
        self._known: dict[str, CType] = {}

    def __hash__(self) -> int:
        return id(self)

    def parse(self, text: str) -> CType:
        """Return the type that a compiler wrote as ``text``. Raises Unsupported if unknown."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = self._parse(text)
        return found

    def _parse(self, text: str) -> CType:
        if text == "<builtin fn type>":
            return FunctionType()
        if "(unnamed" in text or "(anonymous" in text:
            return self._unnamed(text)
        words = [word for word in _WORDS.findall(text) if word not in _QUALIFIERS]
        base, rest = self._base(words, text)
        if "(" in rest:
            return self._function(text, rest)
        counts: list[int] = []
        points = "*" in rest
        for word in rest:
            if word == "*":
                continue
            if word.startswith("["):
                counts.append(int(word[1:-1] or 0))
            else:
                raise Unsupported(f"the type '{text}'")
        found: CType = self._pointer(text) if points else base()
        for count in reversed(counts):
            found = Array(found, count)
        return found

    def _unnamed(self, text: str) -> CType:
        if text.endswith("*"):
            return Pointer(text[:-1].rstrip(), self.pointer, self)
        found = _UNNAMED.fullmatch(text)
        if found is None:
            raise Unsupported(f"the type '{text}'")
        kind: CType = self._records(found[1])
        for count in reversed(_COUNTS.findall(found[2])):
            kind = Array(kind, int(count))
        return kind

    def _pointer(self, text: str) -> Pointer:
        plain = text.split("[")[0].rstrip()
        at = plain.rindex("*")
        return Pointer(plain[:at].rstrip(), self.pointer, self)

    def _function(self, text: str, rest: list[str]) -> CType:
        if rest[:2] == ["(", "*"]:
            return Pointer("void", self.pointer, self)
        return FunctionType()

    def _base(self, words: list[str], text: str) -> tuple[Callable[[], CType], list[str]]:
        if not words:
            raise Unsupported(f"the type '{text}'")
        if words[0] in ("struct", "union", "enum"):
            tag, name = words[0], words[1]
            if tag == "enum":
                return (lambda: self._enum(name)), words[2:]
            return (lambda: self._records(f"{tag} {name}")), words[2:]
        if words[0] in _BASIC:
            count = 0
            while count < len(words) and words[count] in _BASIC:
                count += 1
            basic = words[:count]
            return (lambda: self._basic(basic)), words[count:]
        name = words[0]
        if name in _SIZES:
            return (lambda: Integer(self.pointer, name != "__size_t")), words[1:]
        if name not in self.typedefs:
            raise Unsupported(f"the type '{text}'")
        return (lambda: self.parse(self.typedefs[name])), words[1:]

    def _enum(self, name: str) -> CType:
        integer = self.typedefs.get(f"enum {name}")
        if not integer:
            raise Unsupported(f"the enumeration {name}")
        return self.parse(integer)

    def _basic(self, words: list[str]) -> CType:
        if "void" in words:
            return Void()
        if "_Bool" in words:
            return BOOL
        signed = "unsigned" not in words
        if "char" in words:
            return Integer(1, signed)
        if "short" in words:
            return Integer(2, signed)
        longs = words.count("long")
        size = 8 if longs == 2 else self.pointer if longs == 1 else 4
        return Integer(size, signed)


def laid_out(name: str, members: list[tuple[str, CType]], union: bool) -> Record:
    """Return a record with its members placed as the ABI does, without bit-fields or packing."""
    offset, align, size = 0, 1, 0
    fields = []
    for member, kind in members:
        align = max(align, kind.align)
        offset = 0 if union else -(-offset // kind.align) * kind.align
        fields.append(Field(member, kind, offset))
        offset += kind.size
        size = max(size, offset)
    return Record(name, tuple(fields), -(-size // align) * align, align, union)
