# SPDX-License-Identifier: GPL-2.0-only
"""Loops that carry state are refused, and callees are replaced by their contracts."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from impl.multilevel import table
from impl.multilevel.runtime import ConcreteRuntime
from model.operations import Kind, Op
from model.ports import layout
from proofs.paths import Unsupported
from proofs.ports.mips.table import program as multilevel
from proofs.python_source import PythonProgram, check_loops

# Loops

HEAD = "def f(rt, frame, table, start, end, other, seen, acc=0):\n"
GOOD: dict[str, str] = {
    "result only": "for i in rt.loop(frame):\n    frame.result = False\n",
    "result read and written": (
        "for i in rt.loop(frame):\n    frame.result = frame.result and i > start\n"
    ),
    "locals of a turn": (
        "for i in rt.loop(frame):\n    a = rt.load(0, table, i)\n    b = a\n"
        "    rt.store(0, a, i, b)\n"
    ),
    "written on both ways": (
        "for i in rt.loop(frame):\n    if i:\n        a = 1\n    else:\n        a = 2\n"
        "    rt.store(0, table, i, a)\n"
    ),
    "written or left": (
        "for i in rt.loop(frame):\n    if i:\n        a = 1\n    else:\n        continue\n"
        "    rt.store(0, table, i, a)\n"
    ),
    "returned from": "for i in rt.loop(frame):\n    if i:\n        return i\nreturn 0\n",
    "read after an attempt": (
        "for _ in rt.attempts():\n    page = rt.pgd()\n    if page:\n        break\n"
        "rt.pte_load(page)\n"
    ),
    "an ordinary loop": (
        "for i in range(3):\n    acc = acc + i\n    other[i] = acc\nelse:\n    acc = 3\n"
        "return acc\n"
    ),
    "the same name before": "i = 3\nrt.pte_load(i)\nfor i in rt.loop(frame):\n    rt.pte_load(i)\n",
    "bits": "for bit in rt.set_bits(acc):\n    rt.pte_load(bit + start)\n",
}
BAD: dict[str, str] = {
    "an accumulator": "for i in rt.loop(frame):\n    acc += i\n",
    "an accumulator, written out": "for i in rt.loop(frame):\n    acc = acc + i\n",
    "an accumulator over bits": "for i in rt.set_bits(start):\n    acc = acc + i\n",
    "an accumulator over attempts": "for _ in rt.attempts():\n    acc = acc + 1\n    break\n",
    "another attribute": "for i in rt.loop(frame):\n    frame.level = i\n",
    "an attribute of another": "for i in rt.loop(frame):\n    other.result = True\n",
    "an attribute of a part": "for i in rt.loop(frame):\n    other.frame.result = True\n",
    "an attribute added to": "for i in rt.loop(frame):\n    frame.level += 1\n",
    "an item": "for i in rt.loop(frame):\n    seen[i] = True\n",
    "an item deleted": "for i in rt.loop(frame):\n    del seen[i]\n",
    "read before write": (
        "for i in rt.loop(frame):\n    rt.store(0, table, i, acc)\n    acc = i\n"
    ),
    "written on one way only": (
        "for i in rt.loop(frame):\n    if i:\n        a = i\n    rt.pte_load(a)\n"
    ),
    "written on one way only, the other": (
        "for i in rt.loop(frame):\n    if i:\n        pass\n    else:\n        a = i\n"
        "    rt.pte_load(a)\n"
    ),
    "a parameter changed": (
        "for i in rt.loop(frame):\n    rt.store(0, table, i, start)\n    start = 0\n"
    ),
    "read in a condition before write": (
        "for i in rt.loop(frame):\n    if acc:\n        return 1\n    acc = i\n"
    ),
    "read in an inner loop": (
        "for i in rt.loop(frame):\n    for j in range(3):\n        acc = acc + j\n"
    ),
    "a local after it": "for i in rt.loop(frame):\n    a = i\nreturn a\n",
    "a local after it, in an inner function": (
        "for i in rt.loop(frame):\n    a = i\ndef g():\n    return a\nreturn g()\n"
    ),
    "a walrus": "for i in rt.loop(frame):\n    rt.pte_load((a := i))\n",
    "an else": "for i in rt.loop(frame):\n    pass\nelse:\n    frame.result = True\n",
    "a global": "global acc2\nfor i in rt.loop(frame):\n    global acc2\n    acc2 = i\n",
    "in an inner function": (
        "def g(acc):\n    for i in rt.loop(frame):\n        acc = acc + i\nreturn g(0)\n"
    ),
    "several at once": "for i in rt.loop(frame):\n    acc, a = i, acc\n",
}
GAPS: dict[str, str] = {
    "the loop's variable after it": "for i in rt.loop(frame):\n    pass\nreturn i\n",
    "a container that grows": ("for i in rt.loop(frame):\n    seen.append(i)\nreturn len(seen)\n"),
    "a comprehension over the slots": "return [i for i in rt.loop(frame)]\n",
    "any slot": "return any(rt.load(0, table, i) for i in rt.loop(frame))\n",
    "numbered turns": "for n, i in enumerate(rt.loop(frame)):\n    rt.store(0, table, i, n)\n",
    "slots kept in a variable": (
        "slots = rt.loop(frame)\nfor i in slots:\n    acc = acc + i\nreturn acc\n"
    ),
    "slots as a list": "for i in list(rt.loop(frame)):\n    acc = acc + i\nreturn acc\n",
    "the next slot": "return next(rt.loop(frame))\n",
    "the loop under another name": (
        "turns = rt.loop\nfor i in turns(frame):\n    acc = acc + i\nreturn acc\n"
    ),
    "the result of another frame": (
        "for i in rt.loop(other):\n    frame.result = False\nreturn frame.result\n"
    ),
    "written in one case of a match": (
        "a = 0\nfor i in rt.loop(frame):\n    match i:\n        case 0:\n            a = 1\n"
        "    rt.pte_load(a)\n"
    ),
    "captured by a match": (
        "for i in rt.loop(frame):\n    rt.pte_load(acc)\n    match i:\n        case acc:\n"
        "            pass\n"
    ),
    "hidden by a comprehension": (
        "for i in rt.loop(frame):\n    rt.fill([0 for acc in seen])\n    rt.pte_load(acc)\n"
        "    acc = i\n"
    ),
    "read earlier in a loop around it": (
        "while True:\n    rt.pte_load(acc)\n    for i in rt.loop(frame):\n        acc = i\n"
    ),
    "an inner function that keeps state": (
        "def count():\n    nonlocal acc\n    acc = acc + 1\n"
        "for i in rt.loop(frame):\n    count()\nreturn acc\n"
    ),
}


def function(body: str) -> str:
    """Return a module with one function of this body."""
    return HEAD + "".join(f"    {line}\n" for line in body.splitlines())


@pytest.mark.parametrize("name", GOOD)
def test_loop_without_state_is_accepted(name: str) -> None:
    check_loops(function(GOOD[name]))


@pytest.mark.parametrize("name", BAD)
def test_loop_with_state_is_refused(name: str) -> None:
    with pytest.raises(Unsupported):
        check_loops(function(BAD[name]))
    with pytest.raises(Unsupported):
        PythonProgram("bad", function(BAD[name]), {}, {})


@pytest.mark.parametrize("name", GAPS)
def test_loop_with_hidden_state_is_refused(name: str) -> None:
    compile(function(GAPS[name]), name, "exec")
    with pytest.raises(Unsupported):
        check_loops(function(GAPS[name]))


def test_refusal_says_where() -> None:
    with pytest.raises(Unsupported, match=r"f, line 2: a loop carries 'acc'"):
        check_loops(function(BAD["an accumulator"]))


def test_the_table_is_accepted() -> None:
    check_loops(inspect.getsource(table))
    assert multilevel().name == table.__name__


# Binding

SOURCE = """
from impl.multilevel.index import gfn_of

def one(rt):
    return 1

def two(rt):
    return one(rt) + gfn_of(rt, 4)

def three(rt):
    return two(rt) * 10
"""


def test_callees_are_replaced_in_callers() -> None:
    program = PythonProgram("small", SOURCE, {}, {})
    assert program.bind({})["three"](8) == 30
    changed = program.bind({"one": lambda rt: 5})
    assert changed["three"](8) == 70
    assert changed["two"](8) == 7
    assert changed["one"](8) == 1, "what is bound is the program's own"
    assert program.bind({"two": lambda rt: rt})["three"](8) == 80
    assert program.bind({"gfn_of": lambda rt, n: 0})["three"](8) == 10
    assert program.bind({})["three"](8) == 30, "nothing is left of other bindings"


def test_recursion_meets_the_contract() -> None:
    seen: list[tuple[Any, ...]] = []

    def contract(rt: Any, *args: Any) -> bool:
        seen.append(args)
        return True

    class Around(ConcreteRuntime):
        pass

    where = layout("mips64-4k")
    rt = Around(where, frozenset(), table)
    rt.private = True
    rt.changes.root = table.kvm_pgd_alloc(rt)
    rt.begin(Op(Kind.FAULT, 0, pfn=3, writable=True), True)
    assert table.kvm_mips_map_page(rt, 0, False) == 0
    functions = multilevel().bind({"flush_level": contract})
    assert functions["kvm_mips_flush_gpa_table"](rt, 0, rt.pgd(), 0, where.word_mask) is True
    assert [args[0] for args in seen] == [1]
    assert seen[0][2:] == (0, where.word_mask)
    assert not list(rt.memory.live[rt.pgd()].items(rt.memory.live.__contains__))
