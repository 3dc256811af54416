# SPDX-License-Identifier: GPL-2.0-only
"""Rarer constructs of C: each means what compiled code makes of it, or is refused."""

from __future__ import annotations

import re

import pytest

from proofs.paths import Unsupported
from tests.proofs.c.compiled import MIPS32, X86_64, Function, Target, results
from tests.proofs.c.interpreted import Compared

GIVEN = (0, 1, 2, 3, -1, 77)

#: Functions of one number that have the same result on every target.
MEANT = {
    "a member of what a condition chooses":
        "struct s { int b, c; }; int f(int a) { struct s x = { 1, 2 }, y = { 3, 4 }; "
        "return (a ? x : y).c; }",
    "a member of what a function returns":
        "struct s { int b, c; }; static struct s g(int a) { struct s x = { a, a + 1 }; return x; } "
        "int f(int a) { return g(a).c; }",
    "a record within a record":
        "struct s { int b, c; }; struct t { int d; struct s e; }; "
        "int f(int a) { struct t x = { 1, { a, 3 } }; struct s y = x.e; y.b++; "
        "return y.b * 10 + x.e.b; }",
    "an array within a record":
        "struct s { int v[3], w; }; int f(int a) { struct s x = { { 1, 2, 3 }, a }, y = x; "
        "y.v[1] = 9; return x.v[1] * 100 + y.v[1] * 10 + y.w; }",
    "arrays of arrays":
        "int f(int a) { int v[2][3] = { { 1, 2, 3 }, { 4, 5, a } }; return v[1][2] + v[0][1]; }",
    "a pointer into a record":
        "struct s { int b, c; }; int f(int a) { struct s x = { 1, 2 }, *p = &x; int *q = &p->c; "
        "*q = a; return x.c * 10 + p->b; }",
    "a pointer to a pointer":
        "int f(int a) { int b = 1, *p = &a, **q = &p; **q += 2; *q = &b; *p = 9; "
        "return a * 10 + b; }",
    "pointers that are moved":
        "int f(int a) { int v[4] = { 1, 2, 3, a }, *p = v; p += 3; p -= 1; p++; --p; "
        "return *p * 10 + *(p + 1) + (p - v); }",
    "pointers as truths":
        "int f(int a) { int *p = a ? &a : 0; _Bool b = p; return b * 10 + !p + (p ? 4 : 0); }",
    "addresses that are invented":
        "int f(int a) { int *p = (int *)8; return (p == (int *)8) * 10 + (int)(long)p + a; }",
    "an address as a number":
        "int f(int a) { int v[2] = { 1, a }; unsigned long q = (unsigned long)v; q += sizeof(int); "
        "return *(int *)q; }",
    "a statement expression": "int f(int a) { return ({ int b = a; b++; b * 2; }) + 1; }",
    "a statement expression without a value": "int f(int a) { ({ a++; ; }); return a; }",
    "a comma": "int f(int a) { return (a++, a * 2); }",
    "an extension": "int f(int a) { return __extension__ (a + 1); }",
    "sizes": "struct s { char b; short c; }; int f(int a) { return sizeof(struct s) * 100 "
        "+ sizeof a * 10 + _Alignof(short) + sizeof(char[3]); }",
    "enumerators":
        "enum e { A = 4, B, C = -2 }; int f(int a) { enum e x = B; "
        "return x * 10 + C + a; }",
    "a literal of a record":
        "struct s { int b, c; }; int f(int a) { return (struct s){ a, 5 }.b; "
        "}",
    "compound assignment":
        "int f(int a) { unsigned char b = 250; b += a; short c = 3; c <<= 2; c |= a & 1; a ^= b; "
        "return a * 7 + c + b; }",
    "bits that are turned": "int f(int a) { unsigned b = ~a; return -(b >> 3) ^ +a; }",
    "a switch that falls through":
        "int f(int a) { int s = 0; switch (a) { case 1: s += 1; case 2: case 3: s += 10; break; "
        "default: s = 5; } return s; }",
    "a switch in a switch":
        "int f(int a) { switch (a & 1) { case 0: switch (a) { case 2: return 7; } break; "
        "case 1: return 8; } return 9; }",
    "a switch without a case that fits":
        "int f(int a) { switch (a) { case 99: return 1; } return 2; "
        "}",
    "loops within loops":
        "int f(int a) { int s = 0; for (int i = 0; i < 3; i++) { int j = 0; while (1) { "
        "if (j++ == i) break; if (j == 2) continue; s += j; } } return s * 10 + (a & 3); }",
    "a loop that tests at its end":
        "int f(int a) { int n = 0; do n += 2; while (n < 7); return n + a; "
        "}",
    "once": "int f(int a) { do { if (a) break; a = 4; } while (0); return a; }",
    "a call for its effect": "static void g(int *p) { if (*p > 2) return; *p += 5; } "
        "int f(int a) { g(&a); return a; }",
    "a function that calls itself": "static int g(int n) { return n > 0 ? n + g(n - 1) : 0; } "
        "int f(int a) { return g(a & 3); }",
}  # fmt: skip


@pytest.mark.parametrize("target", [X86_64, MIPS32], ids=str)
def test_a_construct_means_what_compiled_code_makes_of_it(target: Target) -> None:
    texts = [
        re.sub(r"\b(f|g|s|t|e|A|B|C)\b", rf"\g<1>{number}", text)
        for number, text in enumerate(MEANT.values())
    ]
    functions = [Function(f"f{number}", ("int",), "int") for number in range(len(texts))]
    source = "\n".join(texts)
    compared = Compared(source, functions, target)
    calls = [(number, (given,)) for number in range(len(texts)) for given in GIVEN]
    for (number, given), made in zip(calls, results(source, functions, target, calls), strict=True):
        one = functions[number]
        assert compared.result(one, given, symbolic=False) == made, (texts[number], given)


REFUSED = {
    "an initialiser of a union":
        "union u { int b; short c; }; int f(int a) { union u x = { a }; return x.b; }",
    "a jump out of a statement expression":
        "int f(int a) { a += ({ if (a) goto out; 1; }); out: return a; }",
    "is called too deep": "static int g(int n) { return g(n + 1); } int f(int a) { return g(a); }",
    "a loop takes more than": "int f(int a) { for (;;) ; return a; }",
    "another type than it was written as": "int f(int a) { long long b = a; return *(int *)&b; }",
    "a part of a number": "int f(int a) { char *p = (char *)&a; p[1] = 5; return a; }",
}  # fmt: skip
"""Functions that are refused whatever the argument is, and a part of what is said."""

OPEN = {
    "is a large array": "int f(int a) { int v[70] = { 0 }; v[a & 63] = 1; return v[3]; }",
    "an array within an array": "int f(int a) { int v[2][2] = { { 0 } }; return v[a & 1][0]; }",
    "a loop of which no end is known": "int f(int a) { int s = 0; while (a-- > 0) s++; return s; }",
    "an address and a number that is not known":
        "int f(int a) { int b = 1; unsigned long q = (unsigned long)&b; q += a; "
        "return *(int *)q; }",
}  # fmt: skip
"""Functions that are refused where the argument is open."""

ONE = Function("f", ("int",), "int")


@pytest.mark.parametrize("why", REFUSED)
def test_what_is_not_understood_is_refused(why: str) -> None:
    compared = Compared(REFUSED[why], [ONE], X86_64)
    with pytest.raises(Unsupported, match=why):
        compared.called(ONE, compared.arguments(ONE, (5,)))


@pytest.mark.parametrize("why", OPEN)
def test_what_an_open_argument_leaves_unknown_is_refused(why: str) -> None:
    compared = Compared(OPEN[why], [ONE], X86_64)
    with pytest.raises(Unsupported, match=why):
        compared.called(ONE, compared.open(ONE))
    assert compared.called(ONE, compared.arguments(ONE, (0,)))
