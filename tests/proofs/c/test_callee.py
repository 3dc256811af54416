# SPDX-License-Identifier: GPL-2.0-only
"""Calls through pointers to functions, and records without a name within others."""

from __future__ import annotations

from random import Random

import pytest

from proofs.c.types import Array, Record
from proofs.paths import Unsupported
from tests.proofs.c.compiled import TARGETS, X86_64, Target, results
from tests.proofs.c.interpreted import Case, Compared, together
from tests.proofs.c.test_syntax import unit

TWO = "static int g(int a) { return a + 1; } static int u(int a) { return a * 10; } "
HANDLER = (
    "static int g(int a, void *data) { return a + *(int *)data; } "
    "static int u(int (*handler)(int, void *), int a) { int b = 5; return handler(a, &b); } "
)

CASES = (
    Case(TWO + "int f(int a) { int (*p)(int) = g; return p(a); }", (4,), 5),
    Case(TWO + "int f(int a) { int (*p)(int) = &u; return (*p)(a) + p(1); }", (4,), 50),
    Case(TWO + "int f(int a) { int (*p)(int) = g; p = u; return p(p(a)); }", (4,), 400),
    Case(TWO + "int f(int a) { int (*p)(int) = a > 3 ? (g) : u; return p(a); }", (3,), 30),
    Case(
        TWO + "int f(int a) { int (*p)(int); if (a > 3) p = g; else p = u; return p(a); }", (4,), 5
    ),
    Case(TWO + "typedef int T(int); int f(int a) { T *p = g; return (p)(a); }", (4,), 5),
    Case(TWO + "int f(int a) { return (a ? (g) : u)(a); }", (0,), 0),
    Case(TWO + "int f(int a) { return (*&g)(a) + (&u)(a); }", (2,), 23),
    Case(HANDLER + "int f(int a) { return u(g, a); }", (4,), 9),
    Case(HANDLER + "int f(int a) { return u(&g, a) - u(g, 1); }", (4,), 3),
    Case(
        TWO + "struct s { int b; int (*call)(int); }; "
        "int f(int a) { struct s x = { 3, u }, y = x; return y.call(a) + x.b; }",
        (4,),
        43,
    ),
    Case(
        TWO + "struct s { int (*call)(int); }; "
        "int f(int a) { struct s x = { g }, *p = &x; p->call = u; return p->call(a); }",
        (4,),
        40,
    ),
)  # fmt: skip

REFUSED = (
    "int f(int a) { int (*p)(int) = 0; return p(a); }",
    "int f(int a) { int (*p)(int) = (int (*)(int))(long)a; return p(a); }",
    "int f(int a) { int (*p)(int); return p(a); }",
    TWO + "int f(int a) { int (*p)(int) = g; return (int)(long)p; }",
    TWO + "int f(int a) { int (*p)(int) = g; p++; return p(a); }",
    TWO + "int (*glob)(int) = g; int f(int a) { return glob(a); }",
    "int g(int a); int f(int a) { int (*p)(int) = g; return p(a); }",
    TWO + "int f(int a) { int (*p)(int) = g; return (**p)(a); }",
    "struct s { int a; union { struct { int b, c; }; long d; }; }; "
    "int f(int a) { struct s x = { 0 }; x.b = a; x.c = 2; return x.b * 10 + x.c; }",
    # Of a pointer to a record without a name, the compiler does not say to which.
    "struct s { struct { int b; } *p; }; "
    "int f(int a) { struct s x; x.p = (void *)&a; return x.p->b; }",
)

NESTED = (
    Case(
        "struct s { int a; struct { int b; struct { long c; char d; } in; } out; int e; }; "
        "int f(int a) { struct s x = { 1, { 2, { a, 4 } }, 5 }, y = x; "
        "y.out.in.d += 1; return y.out.in.c * 100 + y.out.in.d * 10 + x.out.in.d + y.e; }",
        (3,),
        359,
    ),
    Case(
        "struct s { struct { int a, b; } v[2]; }; "
        "int f(int a) { struct s x = { { { 1, 2 }, { 3, 4 } } }; return x.v[a].a * 9 + x.v[1].b; }",
        (1,),
        31,
    ),
    Case(
        "typedef struct { struct { unsigned long low, high; } pair; } T; "
        "static T g(T t) { t.pair.low++; return t; } "
        "int f(int a) { T x = { { a, 2 } }; x = g(x); return x.pair.low * 10 + x.pair.high; }",
        (3,),
        42,
    ),
)  # fmt: skip


def compare(cases: tuple[Case, ...], target: Target) -> None:
    """Compare what compiled code and the interpreter make of units."""
    text, functions = together([one.text for one in cases])
    compared = Compared(text, functions, target)
    wanted = [(number, one.given) for number, one in enumerate(cases)]
    compiled = results(text, functions, target, wanted)
    for case, function, made in zip(cases, functions, compiled, strict=True):
        expected = case.expected
        if isinstance(expected, tuple):
            expected = expected[target.pointer == 8]
        assert made == expected % (1 << 64), case.text
        assert compared.result(function, case.given, symbolic=False) == made, case.text


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("cases", [CASES, NESTED], ids=["pointers to functions", "nested records"])
def test_a_construct_means_what_the_standard_says(cases: tuple[Case, ...], target: Target) -> None:
    compare(cases, target)


def test_which_function_is_called_may_be_open() -> None:
    text, functions = together([one.text for one in CASES])
    compared = Compared(text, functions, X86_64)
    rng = Random(2024)
    wanted = [
        (number, (rng.choice((-7, -1, 0, 1, 2, 3, 4, 77)),))
        for number in range(len(CASES))
        for _ in range(8)
    ]
    compiled = results(text, functions, X86_64, wanted)
    for (number, given), expected in zip(wanted, compiled, strict=True):
        found = compared.result(functions[number], given, symbolic=True)
        assert found == expected, (CASES[number].text, given)


@pytest.mark.parametrize("text", REFUSED)
def test_a_pointer_to_nothing_known_is_not_called(text: str) -> None:
    source, functions = together([text])
    compared = Compared(source, functions, X86_64)
    with pytest.raises((Unsupported, AssertionError)):
        compared.result(functions[0], (1,), symbolic=False)
        pytest.fail(text)


def test_what_a_pointer_can_be_to_is_reached() -> None:
    found = unit(
        TWO + "int h(int a) { return a; } int f(int a) { int (*p)(int) = g; return p(a); }"
    )
    assert set(found.functions) == {"f", "g"}


def test_nested_records_without_a_name_are_laid_out() -> None:
    text = "struct s { char a; struct { int b; struct { long c; char d; } in[2]; } out; int e; };"
    kind = unit(f"{text} int f(void) {{ return sizeof(struct s); }}").types.parse("struct s")
    assert isinstance(kind, Record)
    assert (kind.size, [one.offset for one in kind.fields]) == (56, [0, 8, 48])
    out = kind.fields[1].type
    assert isinstance(out, Record)
    assert [one.offset for one in out.fields] == [0, 8]
    within = out.fields[1].type
    assert isinstance(within, Array)
    assert isinstance(within.of, Record)
    assert (within.count, [one.offset for one in within.of.fields]) == (2, [0, 8])


def test_unnamed_records_of_one_form_are_told_apart() -> None:
    text = "struct s { struct { int a; } x; struct { long a; } y; };"
    kind = unit(f"{text} int f(void) {{ return sizeof(struct s); }}").types.parse("struct s")
    assert isinstance(kind, Record)
    sizes = [one.type.size for one in kind.fields]
    assert sizes == [4, 8]
