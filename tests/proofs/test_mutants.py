# SPDX-License-Identifier: GPL-2.0-only
"""Mutants: each is another program that compiles, and all rules are used."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from impl.multilevel import MultiLevel, index, table
from model.ports import layout
from proofs.mutants import Mutant, mutants_of
from slatcheck.search.campaign import DEFAULT_OPS, Search

SMALL = '''\
"""A module."""

from model.operations import U64

LIMIT = 4


def clip(rt, start: int, end: int) -> int:
    """Return an end, where 'a < b' is no comparison."""
    if start >= end:
        return rt.ulong(U64)
    return end - 1
'''


def text_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


TEXTS = {"table": text_of(table), "index": text_of(index)}
TABLE = mutants_of(TEXTS["table"])


@pytest.fixture(params=TEXTS)
def text(request: pytest.FixtureRequest) -> str:
    return TEXTS[request.param]


def test_there_are_many() -> None:
    assert len(TABLE) >= 100
    assert len(mutants_of(TEXTS["index"])) >= 20
    families = Counter(one.rule.partition("-")[0] for one in TABLE)
    assert set(families) >= {
        "arguments", "arithmetic", "assignment", "boolean", "break", "call", "compare",
        "condition", "continue", "off", "return", "statements", "truncation", "u64", "variable",
    }  # fmt: skip


def places(text: str) -> dict[str, slice]:
    """Return in which lines functions and constants stand."""
    found = {}
    for node in ast.parse(text).body:
        name = getattr(node, "name", "")
        if isinstance(node, ast.Assign):
            name = f"<module>.{ast.unparse(node.targets[0])}"
        found[name] = slice(node.lineno - 1, node.end_lineno)
    return found


def test_each_compiles_and_is_another_program(text: str) -> None:
    mutants = mutants_of(text)
    where = places(text)

    def meaning(source: str, name: str) -> str:
        program = ast.parse("\n".join(source.splitlines()[where[name]]))
        compile(program, "mutant", "exec")
        return ast.dump(program)

    original = {meaning(text, name) for name in where}
    changed = {meaning(one.source, one.function) for one in mutants}
    assert len(changed) == len(mutants) and not changed & original
    for one in mutants[::20]:
        compile(one.source, "mutant", "exec")


def test_all_but_the_change_stays_as_it_is(text: str) -> None:
    for one in mutants_of(text):
        assert one.before != one.after
        start = len(text) - len(one.before)
        at = text.find(one.before)
        while text[:at] + one.after + text[at + len(one.before) :] != one.source:
            at = text.find(one.before, at + 1)
            assert 0 <= at <= start, one
        assert one.source.count("\n") == text.count("\n")
        assert text.splitlines()[one.line - 1] != one.source.splitlines()[one.line - 1]


def test_names_are_stable(text: str) -> None:
    mutants = mutants_of(text)
    assert mutants == mutants_of(text)
    names = [one.name for one in mutants]
    assert len(set(names)) == len(names)
    for one in mutants:
        function, rule, number = one.name.rsplit(":", 2)
        assert (function, rule) == (one.function, one.rule) and number.isdigit()
    # What stands before a function, and after it, changes no name in it.
    more = mutants_of(f"{text}\n\ndef added(a: int) -> int:\n    return a + 1\n")
    assert [one.name for one in more][: len(names)] == names


def test_only_the_functions_asked_for() -> None:
    wanted = {"kvm_mips_flush_gpa_pte", "clip_end"}
    some = mutants_of(TEXTS["table"], wanted)
    assert {one.function for one in some} == wanted
    assert some == [one for one in TABLE if one.function in wanted]


def test_every_change_to_a_small_function() -> None:
    mutants = mutants_of(SMALL)
    assert {one.function for one in mutants} == {"<module>.LIMIT", "clip"}
    in_clip = {(one.before, one.after) for one in mutants if one.function == "clip"}
    assert in_clip == {
        ("start >= end", "True"),
        ("start >= end", "False"),
        ("start >= end", "start > end"),
        ("start >= end", "start < end"),
        ("start", "start + 1"),
        ("start", "start - 1"),
        ("start", "end"),
        ("end", "start"),
        ("return rt.ulong(U64)", "pass"),
        ("rt.ulong(U64)", "U64"),
        ("U64", "0"),
        ("end - 1", "end - 2"),
        ("end - 1", "end"),
        ("end - 1", "end + 1"),
    }


def test_the_table_knows_no_quirk() -> None:
    assert "quirk" not in TEXTS["table"]
    assert "rt.has(" not in TEXTS["table"]


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("def f(a: int):\n    return (a) < (3)\n", {"(a) <= (3)", "(a) >= (3)"}),
        ("def f(x):\n    return x is  not None\n", {"x is None"}),
        ("def f(a: bool, b: bool):\n    return (a) & (b)\n", {"(a) | (b)", "(not a)", "True"}),
        ("def f(a):\n    while a:\n        break\n", {"pass", "not a", "True", "False"}),
        ("def f(a: int):\n    return '–', a + 1\n", {"a + 2", "a", "a - 1"}),
        ("def f(rt):\n    rt.a(\n        1)\n    rt.b()\n", {"rt.b()\n    rt.a(\n        1)"}),
    ],
    ids=["brackets", "is not", "and without a stop", "loop", "not ASCII", "lines"],
)
def test_how_it_is_spelled(source: str, changes: set[str]) -> None:
    assert changes <= {one.after for one in mutants_of(source)}


def test_a_statement_of_several_lines_keeps_them() -> None:
    source = "def f(rt):\n    rt.a(\n        rt)\n    return 1\n"
    deleted = next(one for one in mutants_of(source) if one.rule == "call-deleted")
    assert deleted.source == "def f(rt):\n    pass\n\n    return 1\n"


CHOSEN = (
    "kvm_mips_flush_gpa_table:compare-eq-ge:0",
    "kvm_mips_flush_gpa_table:variable-start_gpa-end_gpa:0",
    "kvm_mips_flush_gpa_pte:call-deleted:0",
    "kvm_mips_walk_pgd:call-deleted:0",
    "map_page_fast_locked:condition-true:0",
    "notifier_last:off-by-one-less:0",
)


@pytest.mark.parametrize("name", CHOSEN)
def test_the_differential_engine_finds_it(name: str) -> None:
    assert hits(next(one for one in TABLE if one.name == name))


def hits(mutant: Mutant) -> set[str]:
    """Return the fingerprints that a short search finds."""
    changed = ModuleType("mutant")
    exec(compile(mutant.source, "mutant.py", "exec"), vars(changed))
    one = MultiLevel(layout("mips64-4k"), algorithm=changed)
    search = Search(one, 0, f"mutant/{mutant.name}", shrinking=False)
    return set(search.run(DEFAULT_OPS // 8).hits)
