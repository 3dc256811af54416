# SPDX-License-Identifier: GPL-2.0-only
"""Random C functions without undefined behaviour, over all integer types, records and pointers.

A unit comes from its seed alone. Nothing in it depends on the width of the target but the width
of ``long`` itself, so one unit serves all targets. No two side effects meet in one expression:
what an expression changes in its middle is read nowhere else in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from tests.proofs.c.compiled import Function

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGERS = (
    "_Bool", "char", "signed char", "unsigned char", "short", "unsigned short", "int",
    "unsigned int", "long", "unsigned long", "long long", "unsigned long long",
    "u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64", "bool", "enum colour", "enum side",
    "mix_t",
)  # fmt: skip
PRELUDE = """
typedef unsigned char u8; typedef signed char s8; typedef unsigned short u16; typedef short s16;
typedef unsigned int u32; typedef int s32; typedef unsigned long long u64; typedef long long s64;
typedef _Bool bool;
enum colour { RED, GREEN = 5, BLUE };
enum side { LEFT = -3, MIDDLE, RIGHT = 70000 };
typedef enum { ONE = 1, MANY = 1ul << 20 } mix_t;
__attribute__((noinline)) static u64 mix(u64 h, u64 x) { return h * 31 + x; }
"""
ENUMERATORS = ("RED", "GREEN", "BLUE", "LEFT", "MIDDLE", "RIGHT", "ONE", "MANY")
CONSTANTS = (
    "0", "1", "2", "3", "7", "8", "31", "63", "127", "128", "255", "256", "32767", "65535",
    "0x7fffffff", "0x80000000", "0xffffffff", "0xffffffffu", "1u", "1ul", "1l", "~0ul",
    "1ull << 40",
    "0x7fffffffffffffffll", "0x8000000000000000ull", "-1", "-2", "-128", "-32769", "-1ll", "'a'",
    "'\\xff'", "0123", "10000000000ll", "-10000000000ll",
)  # fmt: skip


# Types


@dataclass(frozen=True)
class Scalar:
    """An integer type as C writes it."""

    text: str

    def declare(self, name: str) -> str:
        """Return a declaration of ``name``."""
        return f"{self.text} {name}"


@dataclass(frozen=True)
class Record:
    """A structure and its members."""

    text: str
    members: tuple[tuple[str, Type], ...]

    def declare(self, name: str) -> str:
        """Return a declaration of ``name``."""
        return f"{self.text} {name}"


@dataclass(frozen=True)
class Array:
    """``count`` elements, a power of two."""

    of: Scalar | Record | Array
    count: int

    def declare(self, name: str) -> str:
        """Return a declaration of ``name``."""
        return self.of.declare(f"{name}[{self.count}]")


@dataclass(frozen=True)
class Pointer:
    """A pointer that always points to an object."""

    to: Scalar | Record

    def declare(self, name: str) -> str:
        """Return a declaration of ``name``."""
        return self.to.declare(f"*{name}")


Type = Scalar | Record | Array | Pointer


@dataclass(frozen=True)
class Variable:
    """A variable in scope; ``aliased`` where a pointer may point to it, ``fixed`` where it counts
    the turns of a loop and is not to be changed.
    """

    name: str
    type: Type
    aliased: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class Helper:
    """A function that others call; ``out`` parameters are pointers through which it writes."""

    name: str
    parameters: tuple[Type, ...]
    result: Type


@dataclass(frozen=True)
class Program:
    """A translation unit and its functions to call."""

    seed: int
    text: str
    functions: tuple[Function, ...]


@dataclass
class Shape:
    """How large functions are, and whether they can be executed on open parameters."""

    statements: int = 5
    depth: int = 3
    symbolic: bool = False
    parameters: int = 4


@dataclass
class Unit:
    """What the functions of a unit share."""

    rng: Random
    shape: Shape
    records: list[Record] = field(default_factory=list)
    pure: list[Helper] = field(default_factory=list)
    impure: list[Helper] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    numbers: int = 0

    def fresh(self, prefix: str) -> str:
        """Return a name that nothing else in the unit has."""
        self.numbers += 1
        return f"{prefix}{self.numbers}"

    def scalar(self) -> Scalar:
        """Return one of the integer types."""
        return Scalar(self.rng.choice(INTEGERS))


# Places and values


class Body:
    """The body of one function, written statement by statement."""

    def __init__(self, unit: Unit, result: Type) -> None:
        self.unit = unit
        self.rng = unit.rng
        self.result = result
        self.scope: list[Variable] = []
        self.banned: set[str] = set()
        self.labels: list[str] = []
        self.loops = 0
        self.room = unit.shape.statements
        self.effect: str | None = None

    def chance(self, probability: float) -> bool:
        """Return true with a probability."""
        return self.rng.random() < probability

    # What can be read and written

    def visible(self, *kinds: type) -> list[Variable]:
        """Return the variables of some kinds of type that may be named here."""
        return [
            one for one in self.scope if isinstance(one.type, kinds) and one.name not in self.banned
        ]

    def part(self, writable: bool = False) -> tuple[str, Scalar | Record] | None:
        """Return a place: a variable or a part of one, None where there is none."""
        found = self.visible(Scalar, Record, Array, Pointer)
        found = [one for one in found if not (writable and one.fixed)]
        if not found:
            return None
        one = self.rng.choice(found)
        return self._part(one.name, one.type)

    def _part(self, text: str, kind: Type) -> tuple[str, Scalar | Record]:
        if isinstance(kind, Array):
            return self._part(self._element(text, kind), kind.of)
        if isinstance(kind, Pointer):
            if isinstance(kind.to, Record) and self.chance(0.6):
                name, inner = self.rng.choice(kind.to.members)
                return self._part(f"{text}->{name}", inner)
            followed = self.rng.choice([f"*{text}", f"{text}[0]", f"(*{text})"])
            return self._part(f"({followed})", kind.to)
        if isinstance(kind, Record) and self.chance(0.8):
            name, inner = self.rng.choice(kind.members)
            return self._part(f"{text}.{name}", inner)
        return text, kind

    def _element(self, text: str, kind: Array) -> str:
        if self.chance(0.5) or isinstance(kind.of, Array | Record):
            return f"{text}[{self.rng.randrange(kind.count)}]"
        index = f"({self.leaf()}) & {kind.count - 1}"
        return self.rng.choice(
            [f"{text}[{index}]", f"(*({text} + ({index})))", f"({index})[{text}]"]
        )

    def place(self, writable: bool = False) -> tuple[str, Scalar] | None:
        """Return a place of an integer, None where none was found."""
        for _ in range(4):
            found = self.part(writable)
            if found is not None and isinstance(found[1], Scalar):
                return found[0], found[1]
        return None

    def record_place(self, kind: Record, writable: bool = False) -> str | None:
        """Return a place of a record, None where none was found."""
        for _ in range(8):
            found = self.part(writable)
            if found is not None and found[1] == kind:
                return found[0]
        return None

    # Expressions

    def constant(self) -> str:
        """Return a constant."""
        if self.chance(0.15):
            return self.rng.choice(ENUMERATORS)
        if self.chance(0.15):
            measured = [self.unit.scalar().text, *[one.text for one in self.unit.records]]
            measured += [one.name for one in self.visible(Array, Pointer)]
            return f"sizeof({self.rng.choice(measured)})"
        return f"({self.rng.choice(CONSTANTS)})"

    def leaf(self) -> str:
        """Return an expression without operators, or the effect that waits for its place."""
        if self.effect is not None and self.chance(0.7):
            text, self.effect = self.effect, None
            return text
        names = self.visible(Scalar)
        if names and self.chance(0.75):
            return self.rng.choice(names).name
        return self.constant()

    def value(self, depth: int) -> str:
        """Return an expression of some integer type."""
        if depth <= 0 or self.chance(0.15):
            found = self.place() if self.chance(0.7) else None
            return found[0] if found and self.effect is None else self.leaf()
        make: Callable[[int], str] = self.rng.choice(_VALUES)(self)
        return make(depth - 1)

    def unary(self, depth: int) -> str:
        return f"({self.rng.choice('-~!+')}({self.value(depth)}))"

    def cast(self, depth: int) -> str:
        return f"(({self.unit.scalar().text})({self.value(depth)}))"

    def arithmetic(self, depth: int) -> str:
        sign = self.rng.choice(["+", "-", "*", "&", "|", "^"])
        return f"({self.value(depth)} {sign} {self.value(depth)})"

    def shift(self, depth: int) -> str:
        sign = self.rng.choice(["<<", ">>"])
        kind, mask = self.rng.choice([
            ("", "31"), ("", "31"), ("(int)", "31u"), ("(u64)", "63"), ("(s64)", "63"),
            ("(long)", "(sizeof(long) * 8 - 1)"), ("(s8)", "31"), ("(unsigned long)", "31"),
        ])  # fmt: skip
        amount = self.value(depth) if self.chance(0.6) else str(self.rng.randrange(32))
        return f"({kind}({self.value(depth)}) {sign} (({amount}) & {mask}))"

    def division(self, depth: int) -> str:
        sign = self.rng.choice("/%")
        by = f"({self.value(depth)})"
        divisor = self.rng.choice([
            f"(({by} & 63) + 1)", f"(-(int)(({by} & 63) | 2))", f"({by} | 1u)",
            f"((u64){by} | 1)", f"((unsigned long){by} | 1)", f"((u8){by} + 1)", "3", "7", "16",
            "1000",
        ])  # fmt: skip
        # A signed -1 is left out as a divisor: INT_MIN / -1 is not defined.
        kind = "(u64)" if "| 1" in divisor else self.rng.choice(["", "", "(int)", "(s64)"])
        return f"({kind}({self.value(depth)}) {sign} {divisor})"

    def comparison(self, depth: int) -> str:
        sign = self.rng.choice(["==", "!=", "<", "<=", ">", ">="])
        return f"({self.value(depth)} {sign} {self.value(depth)})"

    def logical(self, depth: int) -> str:
        sign = self.rng.choice(["&&", "||"])
        return f"({self.value(depth)} {sign} {self.value(depth)})"

    def conditional(self, depth: int) -> str:
        return f"({self.value(depth)} ? {self.value(depth)} : {self.value(depth)})"

    def comma(self, depth: int) -> str:
        return f"((void)({self.value(depth)}), {self.value(depth)})"

    def call(self, depth: int) -> str:
        """A call of a helper that only computes."""
        scalars = [one for one in self.unit.pure if isinstance(one.result, Scalar)]
        if not scalars:
            return self.arithmetic(depth)
        one = self.rng.choice(scalars)
        return f"{one.name}({', '.join(self.argument(kind, depth) for kind in one.parameters)})"

    def argument(self, kind: Type, depth: int) -> str:
        """Return an argument for a parameter of a type."""
        if isinstance(kind, Record):
            return self.record(kind, depth)
        if isinstance(kind, Pointer):
            return self.pointer(kind.to) or f"&({kind.to.text}){{0}}"
        return self.value(depth)

    def statement_expression(self, depth: int) -> str:
        kind, name = self.unit.scalar(), self.unit.fresh("t")
        first = f"{kind.text} {name} = {self.value(depth)};"
        sign = self.rng.choice(["+=", "^=", "-=", "="])
        return f"({{ {first} {name} {sign} {self.value(depth)}; {name}; }})"

    def expected(self, depth: int) -> str:
        return f"__builtin_expect(!!({self.value(depth)}), {self.rng.randrange(2)})"

    def literal(self, depth: int) -> str:
        if self.chance(0.3):
            return f"({self.unit.scalar().text}){{ {self.value(depth)} }}"
        return self.member(depth)

    def member(self, depth: int) -> str:
        """Return a member of a record that is a value: a literal or the result of a call."""
        kind = self.rng.choice(self.unit.records)
        return self._scalar_of(self.record(kind, depth), kind)

    def _scalar_of(self, text: str, kind: Type) -> str:
        while not isinstance(kind, Scalar):
            if isinstance(kind, Array):
                text, kind = f"{text}[{self.rng.randrange(kind.count)}]", kind.of
            else:
                assert isinstance(kind, Record)
                name, inner = self.rng.choice(kind.members)
                text, kind = f"{text}.{name}", inner
        return text

    def compared_pointers(self, depth: int) -> str:
        found = self.visible(Pointer)
        arrays = [one for one in self.visible(Array) if isinstance(one.type, Array)]
        if arrays and self.chance(0.5):
            one = self.rng.choice(arrays)
            assert isinstance(one.type, Array)
            a, b = (f"&{one.name}[{self.rng.randrange(one.type.count)}]" for _ in "ab")
            sign = self.rng.choice(["-", "<", "<=", "==", "!=", ">"])
            return f"({a} {sign} {b})"
        if not found:
            return self.comparison(depth)
        one = self.rng.choice(found)
        assert isinstance(one.type, Pointer)
        other = self.pointer(one.type.to) or one.name
        text = self.rng.choice(
            [f"{one.name} {self.rng.choice(['==', '!='])} {other}", f"!{one.name}"]
        )
        return self.rng.choice(
            [
                f"({text})",
                f"({one.name} ? {self.value(depth)} : 1)",
                f"({one.name} && {self.value(depth)})",
                f"({one.name} != 0)",
            ]
        )

    # Records and pointers

    def record(self, kind: Record, depth: int) -> str:
        """Return an expression of a record type."""
        makers = [one for one in self.unit.pure if one.result == kind]
        if makers and depth > 0 and self.chance(0.5):
            one = self.rng.choice(makers)
            given = ", ".join(self.argument(part, depth - 1) for part in one.parameters)
            return f"{one.name}({given})"
        found = self.record_place(kind) if self.effect is None and self.chance(0.6) else None
        if found is not None:
            return found
        return f"(({kind.text}){self.initialiser(kind, depth - 1)})"

    def initialiser(self, kind: Type, depth: int) -> str:
        """Return an initialiser in braces, or an expression for an integer."""
        if isinstance(kind, Scalar):
            return self.value(depth)
        if isinstance(kind, Array):
            count = self.rng.randrange(1, kind.count + 1)
            parts = [self.initialiser(kind.of, depth - 1) for _ in range(count)]
            if self.chance(0.2):
                parts = [f"[{count - 1}] = {parts[-1]}"]
            return f"{{ {', '.join(parts)} }}"
        assert isinstance(kind, Record)
        members = list(kind.members)
        if self.chance(0.3):
            chosen = self.rng.sample(members, self.rng.randrange(1, len(members) + 1))
            inside = [f".{name} = {self.initialiser(one, depth - 1)}" for name, one in chosen]
        else:
            count = self.rng.randrange(1, len(members) + 1)
            inside = [self.initialiser(one, depth - 1) for _, one in members[:count]]
        return f"{{ {', '.join(inside)} }}"

    def pointer(self, to: Scalar | Record) -> str | None:
        """Return a pointer to an object of a type that may be named here, None for none."""
        found = [one.name for one in self.visible(Pointer) if one.type == Pointer(to)]
        for one in self.scope:
            if one.aliased and one.name not in self.banned:
                found += self._inside(one.name, one.type, to)
        if not found:
            return None
        text = self.rng.choice(found)
        if self.chance(0.2):
            word = self.rng.choice(["void *", "unsigned long", "char *", "u8 *"])
            return f"({to.text} *)({word})({text})"
        return text

    def _inside(self, text: str, kind: Type, to: Scalar | Record) -> list[str]:
        """Return pointers to the parts of a place that have a type."""
        if kind == to:
            return [f"&{text}"]
        if isinstance(kind, Record):
            return [
                one
                for name, inner in kind.members
                for one in self._inside(f"{text}.{name}", inner, to)
            ]
        if isinstance(kind, Array):
            if kind.of == to:
                index = self.rng.randrange(kind.count)
                return [f"{text} + {index}", f"&{text}[{index}]", f"({text} + {kind.count}) - 1"]
            return self._inside(f"{text}[{self.rng.randrange(kind.count)}]", kind.of, to)
        return []

    # Effects within expressions

    @contextmanager
    def effectful(self) -> Iterator[None]:
        """Let the expressions within change one variable that they do not name elsewhere."""
        chosen = [one for one in self.visible(Scalar, Pointer) if not one.fixed]
        if chosen and self.effect is None and self.chance(0.35):
            before = set(self.banned)
            one = self.rng.choice(chosen)
            if one.aliased or isinstance(one.type, Pointer):
                self.banned |= {each.name for each in self.scope if isinstance(each.type, Pointer)}
            if isinstance(one.type, Pointer):
                self.banned |= {each.name for each in self.scope if each.aliased}
            self.banned.add(one.name)
            self.effect = self._effect(one)
            yield
            self.effect, self.banned = None, before
        else:
            yield

    def _effect(self, one: Variable) -> str:
        text, kind = one.name, one.type
        if isinstance(kind, Pointer):
            text, inner = f"(*{one.name})", kind.to
            if isinstance(inner, Record):
                name = next((name for name, part in inner.members if isinstance(part, Scalar)), "")
                if not name:
                    return "0"
                text = f"{one.name}->{name}"
            address = f"&{text}"
        else:
            address = f"&{text}" if one.aliased else ""
        changes = [
            f"{text}++",
            f"{text}--",
            f"++{text}",
            f"--{text}",
            f"({text} = {self.value(1)})",
        ]
        sign = self.rng.choice(["+", "-", "*", "&", "|", "^"])
        changes += [f"({text} {sign}= {self.value(1)})", f"({text} <<= {self.rng.randrange(9)})"]
        changes.append(f"({{ {text} {sign}= {self.value(1)}; {text}; }})")
        helpers = [
            each for each in self.unit.impure
            if isinstance(each.parameters[0], Pointer) and isinstance(each.result, Scalar)
            and isinstance(kind, Scalar) and each.parameters[0].to == kind and address
        ]  # fmt: skip
        for each in helpers[:2]:
            rest = [self.argument(part, 1) for part in each.parameters[1:]]
            changes += [f"{each.name}({', '.join([address, *rest])})"] * 3
        return self.rng.choice(changes)

    # Statements

    def block(self, depth: int, count: int | None = None) -> str:
        """Return statements in braces."""
        mark = len(self.scope)
        amount = self.rng.randrange(1, 3) if count is None else count
        inside = " ".join(self.statement(depth) for _ in range(amount))
        del self.scope[mark:]
        return f"{{ {inside} }}"

    def statement(self, depth: int) -> str:
        """Return a statement."""
        if depth <= 0:
            return self.assignment(0)
        make: Callable[[int], str] = self.rng.choice(_STATEMENTS)(self)
        return make(depth - 1)

    def size(self) -> int:
        return self.rng.randrange(1, self.unit.shape.depth + 1)

    def assignment(self, depth: int) -> str:
        with self.effectful():
            found = self.place(writable=True)
            if found is None:
                return ";"
            text, kind = found
            sign = self.rng.choice(["=", "=", "+=", "-=", "*=", "&=", "|=", "^="])
            if self.chance(0.1):
                amount = self.rng.choice([f"(({self.value(1)}) & 31)", str(self.rng.randrange(32))])
                if kind.text in ("long long", "s64", "u64", "unsigned long long"):
                    amount = f"(({self.value(1)}) & 63)"
                return f"{text} {self.rng.choice(['<<=', '>>='])} {amount};"
            if self.chance(0.1):
                by = self.rng.choice([f"((({self.value(1)}) & 63) + 1)", "5", "8"])
                return f"{text} {self.rng.choice(['/=', '%='])} {by};"
            return f"{text} {sign} {self.value(self.size())};"

    def stepped(self, depth: int) -> str:
        found = self.place(writable=True)
        if found is None:
            return ";"
        text = found[0] if found[0].replace("_", "").isalnum() else f"({found[0]})"
        return self.rng.choice([f"{text}++;", f"{text}--;", f"++{text};", f"--{text};"])

    def record_assignment(self, depth: int) -> str:
        kind = self.rng.choice(self.unit.records)
        found = self.record_place(kind, writable=True)
        return f"{found} = {self.record(kind, 2)};" if found else self.assignment(depth)

    def declaration(self, depth: int) -> str:
        """Return a declaration with its initialiser, or with assignments on both ways."""
        name = self.unit.fresh("v")
        kind = self.kind()
        if isinstance(kind, Pointer):
            to = self.pointer(kind.to)
            if to is None:
                kind = kind.to
            else:
                self.scope.append(Variable(name, kind))
                return f"{kind.declare(name)} = {to};"
        aliased = self.chance(0.5)
        if isinstance(kind, Scalar) and self.chance(0.3):
            text = f"{kind.declare(name)}; if ({self.value(2)}) {name} = {self.value(1)}; "
            text += f"else {{ {name} = {self.value(1)}; }}"
        else:
            with self.effectful():
                value = self.initialiser(kind, 2)
                if isinstance(kind, Record) and self.effect is None and self.chance(0.5):
                    value = self.record(kind, 2)
            text = f"{kind.declare(name)} = {value};"
        self.scope.append(Variable(name, kind, aliased))
        return text

    def kind(self) -> Type:
        """Return a type for a variable."""
        plain: Scalar | Record = self.unit.scalar()
        chosen = self.rng.random()
        if chosen < 0.25:
            plain = self.rng.choice(self.unit.records)
        if chosen < 0.05 or 0.25 <= chosen < 0.4:
            count = self.rng.choice([1, 2, 4])
            return Array(Array(plain, 2) if self.chance(0.2) else plain, count)
        if 0.4 <= chosen < 0.6:
            aliased = [one.type for one in self.scope if one.aliased]
            plains = [one for one in aliased if isinstance(one, Scalar | Record)]
            return Pointer(self.rng.choice(plains)) if plains else plain
        return plain

    def retarget(self, depth: int) -> str:
        found = [one for one in self.visible(Pointer) if not one.fixed]
        if not found:
            return self.declaration(depth)
        one = self.rng.choice(found)
        assert isinstance(one.type, Pointer)
        # A pointer of an inner block must not outlive it, so only what is as old is pointed to.
        older = {each.name for each in self.scope[: self.scope.index(one)]}
        before = set(self.banned)
        self.banned |= {each.name for each in self.scope} - older
        to, other = self.pointer(one.type.to), self.pointer(one.type.to)
        self.banned = before
        if to is None:
            return self.assignment(depth)
        if other is not None and self.chance(0.4):
            to = f"{self.value(1)} ? {to} : {other}"
        return f"{one.name} = {to};"

    def walk(self, depth: int) -> str:
        """Return a walk over an array with a pointer."""
        found = [(one, one.type) for one in self.scope if isinstance(one.type, Array)]
        found = [(one, kind) for one, kind in found if isinstance(kind.of, Scalar)]
        if not found:
            return self.assignment(depth)
        one, kind = self.rng.choice(found)
        if kind.count < 2:
            return self.assignment(depth)
        assert isinstance(kind.of, Scalar)
        name, count, text = self.unit.fresh("q"), kind.count, kind.of.text
        inner = self.value(1)
        forward = f"{text} *{name} = {one.name}; "
        moves = [
            f"*{name}++ = {inner}; *{name} += {inner}; {name}--; ++*{name};",
            f"{name} += {count - 1}; {name}[-1] ^= {inner}; *--{name} -= 1; (*{name})++;",
            f"while ({name} < {one.name} + {count}) "
            f"{{ *{name} += {name} - {one.name}; {name}++; }}",
            f"{name} = &{name}[{count}] - 1; do {{ (*{name})--; }} while ({name}-- != {one.name});",
            f"++*{name}++; ++{name}; {name} -= 2; {name} += (unsigned char)1; *{name} |= 5;",
        ]
        return f"{{ {forward}{self.rng.choice(moves)} }}"

    def choice(self, depth: int) -> str:
        with self.effectful():
            condition = self.value(2)
        if self.chance(0.2):
            return f"if ({condition}) {self.statement(0)}"
        text = f"if ({condition}) {self.block(depth)}"
        if self.chance(0.6):
            text += f" else {self.choice(depth - 1) if self.chance(0.2) else self.block(depth)}"
        return text

    def jump(self, depth: int) -> str:
        """Return a conditional way out of a loop, to a label or out of the function."""
        ways = ["break;", "continue;"] * 2 if self.loops else []
        ways += [f"goto {label};" for label in self.labels]
        if not ways or self.chance(0.2):
            ways = [self.returning()]
        return f"if ({self.value(2)}) {self.rng.choice(ways)}"

    def returning(self) -> str:
        """Return a return."""
        if isinstance(self.result, Record):
            return f"return {self.record(self.result, 2)};"
        return f"return {self.value(2)};"

    def loop(self, depth: int) -> str:
        if self.loops >= 2:
            return self.choice(depth)
        self.loops += 1
        name, turns = self.unit.fresh("i"), self.rng.randrange(1, 5)
        mark = len(self.scope)
        self.scope.append(Variable(name, Scalar("int"), fixed=True))
        text = self._loop(name, turns, depth)
        del self.scope[mark:]
        self.loops -= 1
        return text

    def _loop(self, name: str, turns: int, depth: int) -> str:
        kind = self.rng.choice(["int", "long", "u8", "unsigned long", "short"])
        body = self.block(depth)
        also = "" if self.unit.shape.symbolic else self.rng.choice(["", "", f" && {self.value(1)}"])
        return self.rng.choice([
            f"for ({kind} {name} = 0; {name} < {turns}{also}; {name}++) {body}",
            f"for ({kind} {name} = {turns}; {name}; --{name}) {body}",
            f"{{ {kind} {name}; for ({name} = 0;; ++{name}) "
            f"{{ if ({name} >= {turns}) break; {body} }} }}",
            f"{{ {kind} {name} = {turns}; while ({name}-- > 0{also}) {body} }}",
            f"{{ {kind} {name} = {turns}; while ({name}) {{ {name} -= 1; {body} }} }}",
            f"{{ {kind} {name} = 0; do {body} while (++{name} < {turns}{also}); }}",
            f"{{ int {name} = 1; do {body} while (0); }}",
        ])  # fmt: skip

    def switch(self, depth: int) -> str:
        kind, mask = self.rng.choice([("", "7"), ("(s8)", "3"), ("(u64)", "3"), ("(char)", "-1")])
        subject = f"{kind}(({self.value(2)}) & {mask})"
        if self.chance(0.2):
            subject = self.value(2)
        labels = self.rng.sample(["0", "1", "2", "3", "RED + 4", "GREEN", "-1", "'a'", "7"], 4)
        labels.insert(self.rng.randrange(5), "default")
        kept, self.loops = self.loops, 0  # a continue belongs to the loop outside, break to us
        inside = []
        for label in labels:
            word = "default:" if label == "default" else f"case {label}:"
            after = self.rng.choice(["break;", "break;", ""])
            if kept and self.chance(0.15):
                after = "continue;"
            inside.append(f"{word} {self.block(depth, self.rng.randrange(3))} {after}")
        self.loops = kept
        return f"switch ({subject}) {{ {' '.join(inside)} }}"

    def forward(self, depth: int) -> str:
        label = self.unit.fresh("out")
        self.labels.append(label)
        inside = self.block(depth, 3)
        self.labels.pop()
        if f"goto {label};" not in inside:
            inside = f"if ({self.value(1)}) goto {label}; {inside}"
        return f"{inside} {label}: {self.statement(0)}"

    def impure_call(self, depth: int) -> str:
        """Return a call that writes through a pointer."""
        ready = []
        for one in self.unit.impure:
            out = one.parameters[0]
            assert isinstance(out, Pointer)
            to = self.pointer(out.to)
            if to is not None:
                ready.append((one, to))
        if not ready:
            return self.record_assignment(depth)
        one, to = self.rng.choice(ready)
        given = ", ".join([to, *[self.argument(kind, 1) for kind in one.parameters[1:]]])
        if isinstance(one.result, Scalar) and self.chance(0.5):
            name = self.unit.fresh("r")
            self.scope.append(Variable(name, one.result))
            return f"{one.result.declare(name)} = {one.name}({given});"
        return f"{one.name}({given});"

    def digest(self) -> str:
        """Return statements that return a number which depends on all variables in scope."""
        name = self.unit.fresh("h")
        leaves = [leaf for one in self.scope for leaf in self._leaves(one.name, one.type)]
        mixed = " ".join(f"{name} = mix({name}, {leaf});" for leaf in leaves)
        return f"u64 {name} = 0; {mixed} return {name};"

    def _leaves(self, text: str, kind: Type) -> list[str]:
        if isinstance(kind, Scalar):
            return [text]
        if isinstance(kind, Pointer):
            return []
        if isinstance(kind, Array):
            parts = [(f"{text}[{number}]", kind.of) for number in range(kind.count)]
            return [leaf for where, inner in parts for leaf in self._leaves(where, inner)]
        return [
            leaf for name, part in kind.members for leaf in self._leaves(f"{text}.{name}", part)
        ]


Maker = Callable[[Body], Callable[[int], str]]
_VALUES: tuple[Maker, ...] = (
    *[lambda body: body.arithmetic] * 4, *[lambda body: body.cast] * 3,
    *[lambda body: body.shift] * 2, *[lambda body: body.comparison] * 2,
    *[lambda body: body.call] * 2, *[lambda body: body.unary] * 2,
    lambda body: body.division, lambda body: body.logical, lambda body: body.conditional,
    lambda body: body.comma, lambda body: body.statement_expression, lambda body: body.expected,
    lambda body: body.literal, lambda body: body.compared_pointers,
)  # fmt: skip
_STATEMENTS: tuple[Maker, ...] = (
    *[lambda body: body.assignment] * 4, *[lambda body: body.declaration] * 4,
    *[lambda body: body.choice] * 3, *[lambda body: body.loop] * 2,
    *[lambda body: body.impure_call] * 2, lambda body: body.stepped, lambda body: body.jump,
    lambda body: body.record_assignment, lambda body: body.retarget, lambda body: body.walk,
    lambda body: body.switch, lambda body: body.forward,
)  # fmt: skip


# Units


def _record(unit: Unit, number: int) -> str:
    """Add a record type; returns its definition."""
    rng = unit.rng
    name = f"rec{number}"
    members: list[tuple[str, Type]] = []
    for at in range(rng.choice([1, 2, 2, 3])):
        kind: Type = unit.scalar()
        if unit.records and rng.random() < 0.3:
            kind = rng.choice(unit.records)
        if rng.random() < 0.2:
            assert isinstance(kind, Scalar | Record)
            kind = Array(kind, rng.choice([2, 4]))
        members.append((f"m{at}", kind))
    inside = " ".join(f"{kind.declare(name)};" for name, kind in members)
    if rng.random() < 0.5:
        unit.records.append(Record(f"{name}_t", tuple(members)))
        return f"typedef struct {{ {inside} }} {name}_t;"
    unit.records.append(Record(f"struct {name}", tuple(members)))
    return f"struct {name} {{ {inside} }};"


def _begin(unit: Unit, parameters: Sequence[Type], result: Type) -> tuple[Body, str]:
    body = Body(unit, result)
    given = []
    for kind in parameters:
        name = unit.fresh("p")
        body.scope.append(Variable(name, kind, aliased=unit.rng.random() < 0.5))
        given.append(kind.declare(name))
    return body, ", ".join(given) or "void"


def _pure(unit: Unit, number: int) -> str:
    """Add a function that only computes, sometimes with many returns."""
    rng = unit.rng
    result = rng.choice(unit.records) if rng.random() < 0.4 else unit.scalar()
    kinds: list[Type] = [
        rng.choice(unit.records) if rng.random() < 0.3 else unit.scalar()
        for _ in range(rng.randrange(1, 4))
    ]
    body, given = _begin(unit, kinds, result)
    parts = []
    for _ in range(rng.randrange(4)):
        condition = body.value(2)
        parts.append(rng.choice([
            f"if ({condition}) {body.returning()}", body.assignment(1),
            f"if ({condition}) {body.assignment(1)} else {body.assignment(1)}",
        ]))  # fmt: skip
        parts.append(body.declaration(1) if body.chance(0.2) else "")
    text = f"static inline {result.declare(f'pure{number}')}({given})"
    text += f" {{ {' '.join(parts)} {_end(body)} }}"
    unit.pure.append(Helper(f"pure{number}", tuple(kinds), result))
    return text


def _end(body: Body) -> str:
    if isinstance(body.result, Record):
        return body.returning()
    return body.digest() if body.chance(0.6) else body.returning()


def _impure(unit: Unit, number: int) -> str:
    """Add a function that writes through its first parameter."""
    rng = unit.rng
    to = rng.choice(unit.records) if rng.random() < 0.4 else unit.scalar()
    kinds: list[Type] = [Pointer(to), *[unit.scalar() for _ in range(rng.randrange(3))]]
    result = unit.scalar()
    body, given = _begin(unit, kinds, result)
    inside = " ".join(body.statement(2) for _ in range(rng.randrange(1, 3)))
    body.scope = body.scope[: len(kinds)]
    text = f"static {result.declare(f'impure{number}')}({given})"
    first = body.scope[0].name
    last = body._part(first, kinds[0])[0]
    change = f"{last} = {body.value(1)};" if not isinstance(to, Record) else ";"
    unit.impure.append(Helper(f"impure{number}", tuple(kinds), result))
    return f"{text} {{ {inside} {change} {body.returning()} }}"


def _function(unit: Unit, number: int) -> tuple[str, Function]:
    """Return a function to call."""
    rng = unit.rng
    kinds = [unit.scalar() for _ in range(rng.randrange(1, unit.shape.parameters + 1))]
    result = unit.scalar() if rng.random() < 0.25 else Scalar("unsigned long long")
    body, given = _begin(unit, kinds, result)
    inside = [body.declaration(0) for _ in range(rng.randrange(3))]
    inside += [body.statement(unit.shape.depth) for _ in range(unit.shape.statements)]
    name = f"test_{number}"
    text = f"{result.declare(name)}({given}) {{ {' '.join(inside)} {body.digest()} }}"
    return text, Function(name, tuple(kind.text for kind in kinds), result.text)


def program(seed: int, count: int, shape: Shape | None = None) -> Program:
    """Return the unit of a seed, with ``count`` functions to call."""
    unit = Unit(Random(seed), shape or Shape())
    unit.records.append(Record("pte_t", (("pte", Scalar("unsigned long")),)))
    parts = [PRELUDE, "typedef struct { unsigned long pte; } pte_t;"]
    parts += [_record(unit, number) for number in range(4)]
    for number in range(4):
        parts += [_pure(unit, number), _impure(unit, number)]
    functions = []
    for number in range(count):
        text, function = _function(unit, number)
        parts.append(text)
        functions.append(function)
    return Program(seed, "\n".join(parts) + "\n", tuple(functions))


def arguments(rng: Random, function: Function) -> tuple[int, ...]:
    """Return numbers to call a function with, edges of the types among them."""
    found = []
    for _ in function.parameters:
        bits = rng.choice([1, 4, 8, 16, 32, 64])
        edge = rng.choice([0, 1, -1, 1 << (bits - 1), -(1 << (bits - 1)), (1 << bits) - 1])
        found.append(rng.choice([edge, rng.randrange(-9, 10), rng.getrandbits(64)]))
    return tuple(found)
