# SPDX-License-Identifier: GPL-2.0-only
"""The tie between proof and C, without a tree: which quirks are found, what the report says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

import slatcheck
from impl.interface import Event, Outcome, Run
from impl.multilevel import QUIRKS, MultiLevel, quirk
from impl.quirk import Quirk
from model.operations import Kind
from model.ports import layout
from slatcheck.display import words
from slatcheck.document.result import Document
from slatcheck.judge.tie import Tie, chosen, tie
from slatcheck.reports import text
from tests.mips import permitted_layouts


class _Executor:
    """As much of an executor as a tie asks for, of a tree without instrumented points."""

    symbols = None

    def coverage(self) -> tuple[set[int], set[int]]:
        return set(), set()


class _Table(MultiLevel):
    """The built-in table in the place of the tree's C."""

    executor = _Executor()


def tied(name: str, quirks: frozenset[Quirk]) -> Tie:
    return tie(cast(Any, _Table(layout(name), quirks)), seed=3)


def names(*quirks: str) -> frozenset[Quirk]:
    return frozenset(quirk(name) for name in quirks)


@pytest.mark.parametrize(
    "has",
    [
        (),
        ("no-reach-check",),
        ("notifier-end-inclusive", "dirty-mask-hull"),
        ("notifier-end-inclusive", "no-reach-check", "flush-all-unlocked"),
    ],
    ids=",".join,
)
def test_the_quirks_of_a_tree_are_found(has: tuple[str, ...]) -> None:
    found = tied("mips32-4k", names(*has))
    assert (found.quirks, found.parting) == (has, "")
    assert all(found.operations.values())
    assert sum(found.operations.values()) >= 2_500


def test_a_quirk_that_ends_every_sequence_hides_no_repair() -> None:
    found = tied("mips32-64k", frozenset())
    assert quirk("pgd-init-by-eight").bites(layout("mips32-64k"))
    assert (found.quirks, found.parting) == ((), "")
    assert sum(found.operations.values()) >= 2_500


def test_the_same_seed_ties_the_same() -> None:
    every = frozenset(one for one in QUIRKS if one.bites(layout("mips64-4k")))
    assert tied("mips64-4k", every) == tied("mips64-4k", every)


class _Lies(_Table):
    """A tree one of whose functions says no where it must say yes, or breaks a rule."""

    event: Event | None = None

    def run(self, ops: Any) -> Run:
        run = super().run(ops)
        for step, (op, outcome) in enumerate(zip(ops, run.outcomes, strict=False)):
            if op.kind is Kind.MKCLEAN and outcome.result:
                lie = outcome._replace(result=0)
                if self.event:
                    lie = Outcome(0, {}, events=(self.event,))
                    return Run([*run.outcomes[:step], lie], step)
                run.outcomes[step] = lie
        return run


def test_what_no_quirk_explains_parts_them() -> None:
    found = tie(cast(Any, _Lies(layout("mips32-4k"))), seed=3)
    assert "kvm_mips_mkclean_gpa_pt (mkclean " in found.parting
    assert found.parting.endswith("the result: the C shows 0x0, the table 0x1")
    assert 0 < sum(found.operations.values()) < 2_500


def test_a_rule_that_only_the_c_breaks_parts_them() -> None:
    lies = _Lies(layout("mips32-4k"))
    lies.event = Event("bad-access", "null pointer", "", True)
    found = tie(cast(Any, lies), seed=3)
    assert found.parting.endswith("events: the C shows bad-access, the table none")


def test_a_fault_of_the_machine_is_told_where_it_happened() -> None:
    lies = _Lies(layout("mips32-4k"))
    lies.event = Event("runaway", "fault", "", True)
    found = tie(cast(Any, lies), seed=3)
    assert "kvm_mips_mkclean_gpa_pt (mkclean " in found.parting
    assert found.parting.endswith("events: the C shows runaway, the table none")


def test_one_layout_of_each_number_of_levels_is_tied() -> None:
    assert [(one.name, one.levels) for one in chosen(permitted_layouts())] == [
        ("mips32-4k", 2),
        ("mips64-4k", 3),
        ("mips64-4k-va48", 4),
    ]
    assert chosen([]) == []


TIES = (
    Tie("mips32-4k", ("no-reach-check",), {"kvm_age_gfn": 1200}, "", {"kvm_age_gfn": (1, 2)}),
    Tie(
        "mips64-4k",
        ("no-reach-check", "dirty-mask-hull"),
        {"kvm_age_gfn": 34},
        "sequence 2, step 7, kvm_age_gfn (age): the result: the C shows 0x0, the table 0x1",
        {"kvm_age_gfn": (2, 3), "kvm_mips_mkold_pte": (0, 4)},
    ),
)


def document(*ties: Tie) -> Document:
    data = json.loads(json.dumps([asdict(one) for one in ties]))
    return Document(
        {"name": "slatcheck", "version": "0"}, {"version": "6", "tie": data}, [], [], []
    )


def test_the_report_says_how_far_the_tie_goes() -> None:
    lines = text.render(document(*TIES), verbose=True).splitlines()
    start = lines.index("how the proof and this tree are tied")
    assert [" ".join(line.split()) for line in lines[start + 3 : start + 6]] == [
        "function operations that agreed points of the C reached",
        "kvm_age_gfn 1,234 3/5",
        "kvm_mips_mkold_pte 0/4",
    ]
    said = " ".join(" ".join(lines[start:]).split())
    assert "differs from the proved table by no-reach-check, dirty-mask-hull" in said
    assert "- the tie ends on mips64-4k: sequence 2, step 7, kvm_age_gfn (age): the result" in said
    assert "ends on mips32-4k" not in said
    assert max(map(len, lines)) <= words.WIDTH


def test_the_report_does_not_pretend_a_tie() -> None:
    without = Document({}, {"version": "6"}, [], [], [])
    for verbose in (False, True):
        told = text.render(document(), verbose=verbose)
        assert "not at all: the tree could not be built" in told
        assert "tied" not in text.render(without, verbose=verbose)


def test_the_short_report_says_in_what_the_tree_differs() -> None:
    said = " ".join(text.render(document(*TIES)).split())
    assert "differs from the proved table by no-reach-check, dirty-mask-hull" in said
    assert "- the tie ends on mips64-4k: sequence 2, step 7, kvm_age_gfn (age): the result" in said
    assert "1,234" not in said


def test_the_schema_knows_ties_and_nothing_more() -> None:
    schema = json.loads((Path(slatcheck.__file__).parent / "document/schema.json").read_text())
    data = document(*TIES).to_json()
    jsonschema.validate(data, schema)
    data["kernel"]["tie"][0]["coverage"]["kvm_age_gfn"] = [1]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)
