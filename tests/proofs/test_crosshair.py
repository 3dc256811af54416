# SPDX-License-Identifier: GPL-2.0-only
"""CrossHair confirms every contract, refutes planted bugs, and says what it does not know."""

from __future__ import annotations

import ast
import inspect
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from proofs import crosshair, pure
from proofs.crosshair import (
    CONFIRMED,
    CONTRACTS,
    REFUTED,
    ROOT,
    UNKNOWN,
    CheckedContract,
    check,
    judge,
)

INDEX = "impl/multilevel/index.py"
LAYOUT = "model/layout.py"
RANGES = "model/ranges.py"


@dataclass(frozen=True)
class Bug:
    """A piece of a file replaced by another, and the contracts that it breaks."""

    path: str
    old: str
    new: str
    breaks: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.old.strip()} -> {self.new.strip()}"


BUGS = (
    Bug(INDEX, "span % entries", "span % (entries + 1)",
        ("slot_lies_in_the_table", "slots_number_the_spans", "level_selects_the_same_slot")),
    Bug(INDEX, "gpa // span % entries", "(gpa + 1) // span % entries",
        ("slots_of_all_levels_make_the_address", "first_frame_below_a_slot")),
    Bug(INDEX, "return gpa // page_size", "return (gpa + 1) // page_size",
        ("frame_of_its_first_byte", "address_lies_in_its_frame")),
    Bug(INDEX, "return gfn * page_size", "return gfn * page_size + 1",
        ("frame_of_its_first_byte", "address_lies_in_its_frame")),
    Bug(INDEX, "(last == entries - 1)", "(last >= entries - 2)",
        ("whole_table_is_first_and_last_slot",)),
    Bug(INDEX, "(first == 0) &", "", ("whole_table_is_first_and_last_slot",)),
    Bug(INDEX, "base + index * (", "base + (index + 1) * (",
        ("first_frame_below_a_slot", "slots_follow_one_another")),
    Bug(LAYOUT, "(self.entries - 1)", "(self.entries - 2)", ("level_selects_the_same_slot",)),
    Bug(LAYOUT, "or self.bits)) - 1", "or self.bits - 1)) - 1",
        ("truncation_is_the_remainder", "truncation_spares_what_is_in_reach")),
    Bug(RANGES, "min(last, top)", "max(last, top)", ("clip_keeps_what_is_not_above",)),
    Bug(RANGES, "if first <= last else None", "if first < last else None",
        ("clip_keeps_what_is_not_above",)),
    Bug(RANGES, "size + size - 1)", "size + size)",
        ("split_cuts_at_multiples_only", "split_cuts_long_ranges")),
    Bug(RANGES, "first = end + 1", "first = end + 2",
        ("split_cuts_at_multiples_only", "split_cuts_long_ranges")),
    Bug(RANGES, "[1] + 1 == frame", "[1] + 2 == frame",
        ("coalesce_covers_just_the_frames", "coalesce_leaves_gaps")),
    Bug(RANGES, "sorted(set(frames))", "set(frames)", ("coalesce_leaves_gaps",)),
    Bug(RANGES, "run.last + 1 == frame and ", "",
        ("maplets_say_what_the_entries_say",)),
    Bug(RANGES, " and value == run.value + step * length", "",
        ("maplets_say_what_the_entries_say",)),
    Bug(RANGES, "in (0, unit)", "== unit", ("maplets_are_the_fewest",)),
)  # fmt: skip


def copied(folder: Path) -> Path:
    """Return a folder with a copy of the rooms that the contracts speak of."""
    for room in ("model", "impl", "proofs"):
        ignored = shutil.ignore_patterns("__pycache__", "kernel")
        shutil.copytree(ROOT / room, folder / room, ignore=ignored)
    return folder


def planted(folder: Path, bug: Bug) -> Path:
    """Return a folder with a copy of the project with the bug in it."""
    path = copied(folder) / bug.path
    text = path.read_text(encoding="utf-8")
    assert text.count(bug.old) == 1, f"'{bug.old}' is not once in {bug.path}"
    path.write_text(text.replace(bug.old, bug.new), encoding="utf-8")
    return folder


def written(folder: Path, body: str, paths: int = 20) -> list[CheckedContract]:
    """Check a module with a line that gives it ``example``, and ``body``."""
    module = folder / "written.py"
    module.write_text(f"from proofs.pure import example\n\n\n{body}", encoding="utf-8")
    return check("written", paths=paths, folders=[folder])


def test_every_contract_is_confirmed() -> None:
    found = check()
    assert [(one.name, one.message) for one in found if one.verdict != CONFIRMED] == []
    assert [one.name for one in found] == crosshair.contracts(pure)


def test_every_function_of_the_module_is_a_contract() -> None:
    tree = ast.parse(inspect.getsource(pure))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [one.name for one in functions if one.name != "example"] == crosshair.contracts(pure)


@pytest.mark.parametrize("name", crosshair.contracts(pure))
def test_a_contract_promises_more_than_its_precondition(name: str) -> None:
    # CrossHair takes every assert for a precondition that stands before the first other statement.
    tree = ast.parse(inspect.getsource(getattr(pure, name)))
    body = tree.body[0]
    assert isinstance(body, ast.FunctionDef)
    kinds = [isinstance(statement, ast.Assert) for statement in body.body[1:]]
    assert kinds[:2] == [True, False] or kinds == [True, True]


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_planted_bug_is_refuted(bug: Bug, tmp_path: Path) -> None:
    found = check(names=bug.breaks, folders=[planted(tmp_path, bug)])
    assert {one.name: one.verdict for one in found} == dict.fromkeys(bug.breaks, REFUTED)
    assert all(f"when calling {one.name}(" in one.message for one in found)


def test_every_contract_refutes_a_planted_bug() -> None:
    assert {name for bug in BUGS for name in bug.breaks} == set(crosshair.contracts(pure))


UNFINISHED = """\
@example([1, 2])
def sums_do_not_depend_on_order(numbers: list[int]) -> None:
    assert all(number >= 0 for number in numbers)
    assert sum(numbers) == sum(reversed(sorted(numbers)))
"""
EMPTY = """\
@example(1)
def nothing_is_below_itself(number: int) -> None:
    assert number < number
    assert number == 7
"""
SILENT = """\
@example(1)
def promises_nothing(number: int) -> None:
    return None
"""
FATAL = """\
import os

@example(1)
def first(number: int) -> None:
    assert number > 0
    assert number >= 1

@example(1)
def deadly(number: int) -> None:
    assert number > 0
    os._exit(3)

@example(1)
def later(number: int) -> None:
    assert number > 0
    assert number >= 1
"""


def test_what_could_not_be_walked_to_the_end_is_unknown(tmp_path: Path) -> None:
    (found,) = written(tmp_path, UNFINISHED)
    assert (found.verdict, found.message) == (UNKNOWN, "Not confirmed.")


def test_an_empty_contract_is_unknown(tmp_path: Path) -> None:
    (found,) = written(tmp_path, EMPTY)
    assert found.verdict == UNKNOWN
    assert "precondition" in found.message


def test_what_crosshair_sees_no_contract_in_is_unknown(tmp_path: Path) -> None:
    (found,) = written(tmp_path, SILENT)
    assert (found.verdict, found.message) == (UNKNOWN, "CrossHair sees no contract")


def test_contracts_that_a_dead_process_left_are_unknown(tmp_path: Path) -> None:
    found = written(tmp_path, FATAL)
    assert [(one.name, one.verdict) for one in found] == [
        ("first", CONFIRMED),
        ("deadly", UNKNOWN),
        ("later", UNKNOWN),
    ]


def test_contracts_that_took_too_long_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosshair, "WHOLE_SECONDS", 5.0)
    (found,) = written(tmp_path, UNFINISHED, paths=1_000_000)
    assert (found.verdict, found.message) == (UNKNOWN, "not finished after 5 s")


@pytest.mark.parametrize("body", ["", "import nothing_of_this_name\n"], ids=["empty", "broken"])
def test_a_module_without_contracts_is_no_pass(tmp_path: Path, body: str) -> None:
    with pytest.raises(RuntimeError, match="no contracts in 'written'"):
        written(tmp_path, body)


def test_a_name_that_no_contract_has_is_no_pass() -> None:
    with pytest.raises(RuntimeError, match="no contract 'split_cuts_nothing'"):
        check(names=["clip_keeps_what_is_not_above", "split_cuts_nothing"])


@pytest.mark.parametrize(
    ("messages", "verdict"),
    [
        ([("CONFIRMED", "Confirmed over all paths.")], CONFIRMED),
        ([("CANNOT_CONFIRM", "Not confirmed.")], UNKNOWN),
        ([("PRE_UNSAT", "Unable to meet precondition.")], UNKNOWN),
        ([("SYNTAX_ERR", "")], UNKNOWN),
        ([("EXEC_ERR", "NotDeterministic: other paths")], UNKNOWN),
        ([("CONFIRMED", ""), ("CANNOT_CONFIRM", "")], UNKNOWN),
        ([("CONFIRMED", ""), ("EXEC_ERR", "AssertionError: ")], REFUTED),
        ([("POST_FAIL", "false when calling f(1)")], REFUTED),
        ([], UNKNOWN),
    ],
)
def test_only_what_is_confirmed_throughout_is_confirmed(
    messages: list[tuple[str, str]], verdict: str
) -> None:
    assert judge(messages)[0] == verdict


def test_asserts_count_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONOPTIMIZE", "1")
    (found,) = check(names=["clip_keeps_what_is_not_above"])
    assert found.verdict == CONFIRMED


@pytest.mark.parametrize("path", [INDEX, LAYOUT, RANGES, "proofs/pure.py", "proofs/crosshair.py"])
def test_the_key_changes_with_each_source(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosshair, "ROOT", copied(tmp_path))
    before = crosshair.content_key()
    assert crosshair.content_key() == before
    source = tmp_path / path
    source.write_text(source.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert crosshair.content_key() != before


def test_the_key_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = crosshair.content_key(CONTRACTS)
    monkeypatch.setattr(crosshair, "version", lambda name: f"other {name}")
    assert crosshair.content_key(CONTRACTS) != before
