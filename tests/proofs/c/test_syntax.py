# SPDX-License-Identifier: GPL-2.0-only
"""Trees are reduced to what functions mean, and their types are laid out as the compiler does."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from proofs.c.interpreter import Interpreter
from proofs.c.syntax import Unit, reduced
from proofs.c.types import Array, Integer, Record
from proofs.c.values import int_of
from proofs.paths import Unsupported, explore
from tests.proofs.c.compiled import TARGETS, X86_64, Target, accepts, declared, tree
from tests.proofs.c.interpreted import Bare

SEED = 77


def unit(source: str, *wanted: str, target: Target = X86_64) -> Unit:
    return reduced(declared(tree(source, target)), target.pointer, wanted or ["f"])


# Digests

SOURCE = """
enum colour { RED, GREEN };
typedef struct { int a; unsigned long b; } pair;
struct other { int unused; };
static int scale = 3;
static int g(pair *p, int by)
{
	p->a += by;
	return p->a;
}
int f(int a, enum colour c)
{
	pair p = { a, 2 };
	int i, sum = 0;
	for (i = 0; i < 3; i++)
		sum += g(&p, i) * scale;
	if (sum > GREEN)
		goto out;
	switch (c) {
	case RED:
		return 1;
	default:
		break;
	}
out:
	return sum + (int)sizeof(p);
}
"""


def digests(source: str) -> dict[str, str]:
    """Return what tells whether anything has changed that ``f`` can reach."""
    found = unit(source)
    return {
        "declarations": found.declarations,
        **{name: one.digest for name, one in found.functions.items()},
    }


SAME = (
    ("int i, sum", "/* a comment */ int i, // and one more\n\n\tsum"),
    ("\nint f(", "\n\n\n\n\nint f("),
    ("\n\tif (sum", " if\n\n\n(sum"),
    ("static int g(", "int before(int a) { return a; }\nstatic int g("),
    ("static int g(", "static int g(pair *p, int by);\nstatic int g("),
    ("struct other { int unused; };", ""),
    ("struct other { int unused; };", "struct more { struct { int a; } b; };"),
    ("sum += g(", "sum += (g)("),
    ("return sum + (int)sizeof(p);", "return (sum + (int)sizeof(p));"),
)


@pytest.mark.parametrize(("old", "new"), SAME)
def test_what_changes_no_meaning_changes_no_digest(old: str, new: str) -> None:
    assert old in SOURCE
    assert digests(SOURCE.replace(old, new)) == digests(SOURCE)


def test_the_order_of_functions_changes_no_digest() -> None:
    start, end = SOURCE.index("static int g("), SOURCE.index("int f(")
    moved = SOURCE[:start] + "static int g(pair *p, int by);\n" + SOURCE[end:] + SOURCE[start:end]
    assert digests(moved) == digests(SOURCE)


OTHER = (
    ("i < 3", "i < 4", "f"),
    ("i < 3", "i <= 3", "f"),
    ("i++", "i--", "f"),
    ("p->a += by", "p->a -= by", "g"),
    ("int i, sum", "long i, sum", "f"),
    ("{ a, 2 }", "{ 2, a }", "f"),
    ("goto out", "return 1", "f"),
    ("case RED", "case GREEN", "f"),
    ("default:\n\t\tbreak;", "default:\n\t\treturn 2;", "f"),
    ("(int)sizeof", "(char)sizeof", "f"),
    ("sizeof(p)", "sizeof(a)", "f"),
    ("GREEN }", "GREEN = 7 }", "declarations"),
    ("unsigned long b; } pair", "unsigned long b, c; } pair", "declarations"),
    ("scale = 3", "scale = 4", "declarations"),
    ("int by)\n{", "long by)\n{", "g"),
)


@pytest.mark.parametrize(("old", "new", "where"), OTHER)
def test_an_edit_changes_the_digest_of_what_it_edits(old: str, new: str, where: str) -> None:
    assert SOURCE.count(old) == 1
    before, after = digests(SOURCE), digests(SOURCE.replace(old, new))
    assert before[where] != after[where]


def test_only_what_is_reached_is_kept() -> None:
    found = unit(SOURCE + "int more(void) { return f(1, RED); }\n")
    assert set(found.functions) == {"f", "g"}
    assert set(found.globals) == {"scale"}
    assert found.enumerators == {"RED": 0, "GREEN": 1}
    assert not any("other" in tag for tag in found.members)
    assert "more" in unit(SOURCE + "int more(void) { return f(1, RED); }\n", "more").functions


# Layout


class Records:
    """Random records, each of a name of its own."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.named: list[str] = []
        self.text = [
            "enum plain { P1, P2 }; enum wide { W1 = 1ull << 40 }; enum minus { M1 = -1, M2 };",
            "typedef unsigned char u8; typedef enum { T1, T2 = 3 } kind_t; struct unknown;",
        ]

    def add(self) -> None:
        """Make one more record."""
        name = f"r{len(self.named)}"
        word = self.rng.choice(["struct", "struct", "union"])
        inside = self.members(3)
        if self.rng.random() < 0.5:
            self.text.append(f"typedef {word} {{ {inside} }} {name};")
            self.named.append(name)
        else:
            self.text.append(f"{word} {name} {{ {inside} }};")
            self.named.append(f"{word} {name}")

    def members(self, depth: int) -> str:
        """Return the members of a record."""
        return " ".join(self.member(f"m{at}", depth) for at in range(self.rng.randrange(1, 6)))

    def member(self, name: str, depth: int) -> str:
        """Return a member."""
        kind = self.rng.choice([
            "_Bool", "char", "u8", "short", "unsigned int", "long", "unsigned long long",
            "const int", "enum plain", "enum wide", "enum minus", "kind_t", "void *",
            "struct unknown *",
            *self.named[-5:],
        ])  # fmt: skip
        if depth and self.rng.random() < 0.15:
            kind = self.rng.choice(["struct", "union"]) + f" {{ {self.members(depth - 1)} }}"
        if self.rng.random() < 0.05:
            kind = f"enum {{ {name}x{self.rng.getrandbits(60)} = -1 }}"
        star = self.rng.choice(["", "", "", "*"])
        counts = self.rng.choice(["", "", "", "[3]", "[2][2]", "[0]"])
        # An array of pointers to what has no name is refused.
        return f"{kind} {star}{name}{'' if star and '{' in kind else counts};"


def _claims(name: str, kind: Record) -> Iterator[str]:
    """Yield what the compiler is to confirm of a record."""
    yield f"sizeof({name}) == {kind.size}"
    yield f"_Alignof({name}) == {kind.align}"
    for one in kind.fields:
        yield f"__builtin_offsetof({name}, {one.name}) == {one.offset}"
        if one.type.size:
            yield f"sizeof((({name} *)0)->{one.name}) == {one.type.size}"


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_records_are_laid_out_as_the_compiler_does(target: Target) -> None:
    print(f"seed {SEED}")
    made = Records(Random(SEED))
    for _ in range(120):
        made.add()
    text = "\n".join(made.text)
    sizes = " + ".join(f"sizeof({name})" for name in made.named)
    parsed = unit(f"{text}\nunsigned long f(void) {{ return {sizes}; }}\n", target=target).types
    claims = []
    for name in made.named:
        kind = parsed.parse(name)
        assert isinstance(kind, Record), name
        claims += list(_claims(name, kind))
    assert len(claims) > 600
    asserts = "\n".join(f'_Static_assert({one}, "{one}");' for one in claims)
    assert not accepts(f"{text}\n{asserts}\n", target)


def test_a_wrong_claim_is_not_accepted() -> None:
    text = "struct s { char a; int b; };"
    assert accepts(f'{text} _Static_assert(sizeof(struct s) == 5, "");', X86_64)
    assert not accepts(f'{text} _Static_assert(sizeof(struct s) == 8, "");', X86_64)


def test_anonymous_members_are_laid_out() -> None:
    text = "struct s { char a; union { int b; long c; }; int d; };"
    kind = unit(f"{text} int f(void) {{ return sizeof(struct s); }}").types.parse("struct s")
    assert isinstance(kind, Record)
    assert [one.offset for one in kind.fields] == [0, 8, 16]
    assert kind.size == 24


@pytest.mark.parametrize(
    "text",
    [
        "struct s { int a : 3; };",
        "struct s { char a; int b; } __attribute__((packed));",
        "struct s { char a; int b __attribute__((packed)); };",
        "struct s { int a; } __attribute__((aligned(16)));",
        "struct s { int a __attribute__((aligned(16))); };",
        "typedef long long low __attribute__((aligned(4))); struct s { int a; low b; };",
        "enum __attribute__((packed)) e { E1 }; struct s { enum e a; };",
        "enum e : char { E1 }; struct s { enum e a; };",
        "struct s { float a; };",
        "struct s { int a __attribute__((vector_size(16))); };",
        "struct s { int a __attribute__((mode(DI))); };",
        "#pragma pack(1)\nstruct s { char a; int b; };\n#pragma pack()\n",
    ],
)
def test_what_is_laid_out_in_another_way_is_refused(text: str) -> None:
    found = unit(f"{text}\nint f(void) {{ return sizeof(struct s); }}")
    with pytest.raises(Unsupported):
        found.types.parse("struct s")


def test_types_are_read() -> None:
    types = unit("int f(int a) { return a; }").types
    assert types.parse("const volatile unsigned short") == Integer(2, False)
    assert types.parse("long") == Integer(8, True)
    assert types.parse("_Bool") == Integer(1, False, True)
    assert types.parse("int[2][3]") == Array(Array(Integer(4, True), 3), 2)
    for text in ("nobody_t", "struct nobody", "enum nobody", "float", "__int128", "int[n]", ""):
        with pytest.raises(Unsupported):
            types.parse(text)


# What a compiler may write tomorrow


def _renamed(node: Any, old: str, new: str) -> Any:
    """Return a tree with one word for another wherever it is the whole of a value."""
    if isinstance(node, dict):
        return {name: _renamed(value, old, new) for name, value in node.items()}
    if isinstance(node, list):
        return [_renamed(one, old, new) for one in node]
    return new if node == old else node


@pytest.mark.parametrize(
    "word",
    [
        *["BinaryOperator", "UnaryOperator", "ConditionalOperator", "CompoundAssignOperator"],
        *["IfStmt", "ForStmt", "ReturnStmt", "DeclStmt", "CompoundStmt", "BreakStmt"],
        *["DeclRefExpr", "ImplicitCastExpr", "IntegerLiteral", "ArraySubscriptExpr"],
        *["MemberExpr", "InitListExpr", "CallExpr", "LValueToRValue", "IntegralCast", "<", "~"],
    ],
)
def test_what_is_not_known_is_refused_where_it_is_executed(word: str) -> None:
    source = """
        struct s { long b; };
        static int g(int a) { return a; }
        int f(int a)
        {
            int v[2] = { 1 };
            struct s x = { a };
            for (;;) {
                if (a < 3)
                    a += ~v[1];
                break;
            }
            return x.b + (g(a) ? 1 : 2);
        }
    """
    given = tree(source, X86_64)
    assert _called(given) == 3
    with pytest.raises(Unsupported):
        _called(_renamed(given, word, "Unheard"))


def _called(given: dict[str, Any]) -> int:
    """Return what ``f(1)`` is."""
    found: list[int] = []

    def run(_: object) -> None:
        one = int_of(1, Integer(4, True))
        value = Interpreter(reduced(declared(given), 8, ["f"]), Bare()).call("f", [one])
        found.append(value.term.data)

    explore(run)
    return found[0]
