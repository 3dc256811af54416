# SPDX-License-Identifier: GPL-2.0-only
"""The judge: silent where the map is shown, and each deviation under the name of its rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impl.interface import Capabilities, Event, Outcome, Run
from impl.multilevel import QUIRKS, MultiLevel, Quirk
from model.entry import Entry
from model.layout import Layout
from model.operations import ENOMEM, U64, Answer, Kind, Op
from model.ports import layout
from model.ports.mips.functions import FUNCTIONS
from slatcheck.judge.side_by_side import ModelImplementation
from slatcheck.search.differential import AS_BEFORE, Judge, Symptom, plan
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.mips import layouts, permitted_layouts

ALL = frozenset(Kind)
ONE = layout("mips64-4k")
SOURCES = st.randoms(use_true_random=True)


class Fake:
    """Shows what the abstract map predicts, but for the last operation, which it tampers with."""

    name = "fake"

    def __init__(self, tamper: Callable[[Outcome], Outcome], fatal: bool = False) -> None:
        self.layout = ONE
        self.capabilities = Capabilities(ALL)
        self.tamper = tamper
        self.fatal = fatal

    def run(self, ops: Sequence[Op]) -> Run:
        """Predict ``ops`` and change what the last of them shows."""
        outcomes = ModelImplementation(self.layout).run(ops).outcomes
        outcomes[-1] = self.tamper(outcomes[-1])
        return Run(outcomes, len(ops) - 1 if self.fatal else None)


def drawn(one: Layout, source: Random, operations: int) -> list[Op]:
    return Decoder(one, ALL).decode(source.randbytes(HEADER + BLOCK * operations))


@settings(max_examples=60)
@given(st.sampled_from(layouts()), SOURCES)
def test_the_map_itself_has_no_symptom(one: Layout, source: Random) -> None:
    ops = drawn(one, source, 60)
    verdict = Judge(one, pages=False).examine(ModelImplementation(one), ops)
    assert verdict.symptoms == []
    assert sum(verdict.compared.values()) == len(ops)


def raw(pfn: int, writable: bool = True, young: bool = True, dirty: bool = True) -> int:
    return ONE.entry.encode(Entry(pfn, writable, young, dirty))


def page(frame: int, pfn: int | None = None, write: bool = True, writable: bool = True) -> Op:
    """Return a fault that maps ``frame``, to a PFN that follows from it."""
    found = 0x10 + frame if pfn is None else pfn
    return Op(Kind.FAULT, frame << ONE.page_shift, pfn=found, write=write, writable=writable)


BEGIN = [Op(Kind.CREATE), page(0), page(1), page(2)]
FAST_WRITE = Op(Kind.FAULT_FAST, 3 << ONE.page_shift, write=True)


def changes(found: dict[int, int]) -> Callable[[Outcome], Outcome]:
    """Return a tampering that shows ``found`` beside or instead of the true changes."""
    return lambda outcome: outcome._replace(changes=outcome.changes | found)


def without(*frames: int) -> Callable[[Outcome], Outcome]:
    """Return a tampering that leaves ``frames`` as they were."""
    return lambda outcome: outcome._replace(
        changes={f: r for f, r in outcome.changes.items() if f not in frames}
    )


def result(value: int) -> Callable[[Outcome], Outcome]:
    return lambda outcome: outcome._replace(result=value)


def shows(**fields: object) -> Callable[[Outcome], Outcome]:
    return lambda outcome: outcome._replace(**fields)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """A deviation at the last operation, and the rule that must name it."""

    title: str
    rule: str
    op: Op
    tamper: Callable[[Outcome], Outcome]
    imprecise: bool = False
    trigger: str = "any"
    before: tuple[Op, ...] = ()
    stops: bool = True

    def __str__(self) -> str:
        return self.title


OVER_TOP = Op(Kind.FLUSH, ONE.top, ONE.frames)
TOP = page(ONE.top, pfn=9)
CASES = (
    Case("unmap missed", "stale-mapping", Op(Kind.UNMAP, 0, 2), without(1),
        trigger="next-page-mapped"),
    Case("flush missed", "stale-mapping", Op(Kind.FLUSH, 0, 1), without(0, 1)),
    Case("clean missed", "stale-mapping", Op(Kind.MKCLEAN, 0, 1), without(0)),
    Case("age missed", "stale-mapping", Op(Kind.MKOLD, 1, 1), without(1)),
    Case("masked log missed", "stale-mapping", Op(Kind.LOG_DIRTY_MASKED, 0, 0, mask=5),
        without(2), trigger="mask-with-holes"),
    Case("slot missed", "stale-mapping", Op(Kind.FLUSH_SLOT, 0, 2), without(0),
        trigger="next-page-mapped"),
    Case("all missed", "stale-mapping", Op(Kind.FLUSH_ALL), without(0), trigger="whole-range"),
    Case("missed wins over more", "stale-mapping", Op(Kind.FLUSH, 0, 0),
        lambda o: o._replace(changes={1: 0})),
    Case("dropped outside", "collateral-change", Op(Kind.FLUSH, 0, 0), changes({1: 0}), True),
    Case("aged outside", "collateral-change", Op(Kind.MKOLD, 0, 0),
        changes({1: raw(0x11, young=False)}), True),
    Case("cleaned outside", "collateral-change", Op(Kind.LOG_DIRTY_MASKED, 0, 0, mask=5),
        changes({1: raw(0x11, dirty=False)}), True, "mask-with-holes"),
    Case("another frame outside", "wrong-entry", Op(Kind.FLUSH, 0, 0), changes({1: raw(0x12)})),
    Case("write dropped outside", "wrong-entry", Op(Kind.FLUSH, 0, 0),
        changes({1: raw(0x11, writable=False)})),
    Case("appeared outside", "wrong-entry", Op(Kind.FLUSH, 0, 0), changes({8: raw(1)})),
    Case("V kept when old", "wrong-entry", Op(Kind.MKOLD, 0, 0),
        changes({0: raw(0x10, young=False) | ONE.entry.valid})),
    Case("cleaned instead of aged", "wrong-entry", Op(Kind.MKOLD, 0, 0),
        changes({0: raw(0x10, dirty=False)})),
    Case("another PFN", "wrong-entry", page(3), changes({3: raw(0x14)})),
    Case("a global bit", "wrong-entry", page(3),
        changes({3: raw(0x13) | dict(ONE.entry.named)["global"]})),
    Case("not installed", "wrong-entry", page(3), without(3)),
    Case("another page changed too", "wrong-entry", page(3), changes({1: 0})),
    Case("change untold", "wrong-result", Op(Kind.MKOLD, 0, 0), result(0), stops=False),
    Case("clean untold", "wrong-result", Op(Kind.MKCLEAN, 0, 0), result(0), stops=False),
    Case("unmap untold", "wrong-result", Op(Kind.UNMAP, 2, 3), result(0), stops=False),
    Case("spurious age", "wrong-result", Op(Kind.AGE, 3, 4), result(1), True, stops=False),
    Case("spurious mkold", "wrong-result", Op(Kind.MKOLD, 3, 3), result(1), True, stops=False),
    Case("spurious mkclean", "wrong-result", Op(Kind.MKCLEAN, 3, 3), result(1), True, stops=False),
    Case("young untold", "wrong-result", Op(Kind.TEST_AGE, 0, 1), result(0), stops=False),
    Case("another raw entry", "wrong-result", Op(Kind.LOOKUP), result(raw(0x99)), stops=False),
    Case("success with another errno", "wrong-result", page(0), result(-22), stops=False),
    Case("dirty of a clean page", "wrong-result", page(3, write=False), shows(dirty=(3,)), True,
        stops=False),
    Case("old frame installed", "lost-invalidation", page(3)._replace(retries=1),
        changes({3: raw(0x13 ^ 1)}), trigger="invalidated"),
    Case("other frame in spite of retry", "wrong-entry", page(3)._replace(retries=1),
        changes({3: raw(0x77)}), trigger="invalidated"),
    Case("failed and installed", "oom-not-atomic", page(3)._replace(oom=1), result(-ENOMEM),
        trigger="no-memory"),
    Case("failed and linked", "oom-not-atomic", page(3)._replace(oom=1),
        shows(result=-ENOMEM, changes={}, dirty=(), tables=2), trigger="no-memory", stops=False),
    Case("dirty not reported", "dirty-unreported", page(3), shows(dirty=()), stops=False),
    Case("another page reported", "dirty-unreported", page(3), shows(dirty=(4,)), stops=False),
    Case("fast path not reported", "dirty-unreported", FAST_WRITE, shows(dirty=()),
        before=(page(3, write=False),), stops=False),
    Case("safe with tables", "unsafe-to-remove", Op(Kind.FLUSH, 0, 9),
        shows(result=1, tables=1, taken=1, held=1), stops=False),
    Case("unsafe after everything", "unsafe-to-remove", Op(Kind.FLUSH, 0, U64), result(0),
        trigger="whole-range", stops=False),
    Case("unbalanced pages", "accounting", Op(Kind.MKOLD, 0, 0), shows(taken=3, freed=1, held=1),
        True, stops=False),
    Case("acted beyond", "aliasing", Op(Kind.UNMAP, ONE.frames, ONE.frames + 1), changes({0: 0}),
        trigger="beyond-reach"),
    Case("aliasing before stale", "aliasing", OVER_TOP, without(ONE.top),
        trigger="beyond-reach", before=(TOP,)),
    Case("aliasing before wrong result", "aliasing",
        Op(Kind.LOOKUP, ONE.frames << ONE.page_shift), result(raw(0x10)), trigger="beyond-reach",
        stops=False),
    Case("aliasing before wrong entry", "aliasing", page(ONE.frames), changes({0: raw(1)}),
        trigger="beyond-reach"),
)  # fmt: skip


def symptoms(ops: list[Op], fake: Fake) -> list[Symptom]:
    return Judge(ONE).examine(fake, ops).symptoms


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_deviation_is_named_by_its_rule(case: Case) -> None:
    ops = [*BEGIN, *case.before, case.op]
    (found,) = symptoms(ops, Fake(case.tamper))
    assert (found.rule, found.imprecise) == (case.rule, case.imprecise)
    assert (found.entry, found.trigger) == (FUNCTIONS[case.op.kind], case.trigger)
    assert found.step == len(ops) - 1 and found.contract and found.said
    assert found.stops is case.stops
    assert found.fingerprint == f"{case.rule}/{FUNCTIONS[case.op.kind]}/{case.trigger}"


def test_an_entry_that_a_walk_returns_is_told_in_words() -> None:
    (found,) = symptoms([*BEGIN, Op(Kind.LOOKUP)], Fake(result(raw(0x99, dirty=False))))
    told = [ONE.entry.describe(one) for one in (raw(0x99, dirty=False), raw(0x10))]
    assert found.said == f"returned {told[0]}, not {told[1]}"
    (found,) = symptoms([*BEGIN, Op(Kind.LOOKUP)], Fake(result(0)))
    assert found.said == f"returned absent, not {told[1]}"


def test_entries_that_read_alike_are_told_by_their_bits() -> None:
    unnamed = next(1 << bit for bit in range(64) if ONE.entry.describe(raw(0x10)) ==
                   ONE.entry.describe(raw(0x10) ^ 1 << bit))  # fmt: skip
    other = raw(0x10) ^ unnamed
    (found,) = symptoms([*BEGIN, Op(Kind.LOOKUP)], Fake(result(other)))
    assert found.said == f"returned {other:#x}, not {raw(0x10):#x}"


def test_a_fault_that_is_refused_installs_nothing_and_is_not_said_to() -> None:
    ops = [*BEGIN, page(3, write=False, writable=False), Op(Kind.MKOLD, 3, 3)]
    fault = Op(Kind.FAULT, 3 << ONE.page_shift, write=True, answer=Answer.READ_ONLY)
    (found,) = symptoms([*ops, fault], Fake(without(3)))
    assert (found.rule, found.said) == ("wrong-entry", "the entry is as before")
    (found,) = symptoms([*BEGIN, page(3)], Fake(without(3)))
    assert found.said == "the entry was not installed"


def test_expected_and_actual_say_where_they_differ() -> None:
    (found,) = symptoms([*BEGIN, Op(Kind.FLUSH, 0, 0)], Fake(lambda o: o._replace(changes={1: 0})))
    assert found.expected == ((0, 0), (1, raw(0x11)))
    assert found.actual == ((0, AS_BEFORE), (1, 0))


def test_a_create_that_fails_without_cause_is_wrong() -> None:
    (found,) = symptoms([Op(Kind.CREATE)], Fake(result(-ENOMEM)))
    assert (found.rule, found.stops) == ("wrong-result", True)
    assert symptoms([Op(Kind.CREATE, oom=1)], Fake(shows())) == []


def event(name: str, fatal: bool) -> Event:
    return Event(name, "pte table", "said so", fatal, 1, "some_function", "some.c:3")


@pytest.mark.parametrize("case", [one for one in CASES if one.stops], ids=str)
def test_a_fatal_event_of_memory_safety_stands_over_all(case: Case) -> None:
    fatal = event("use-after-free", True)
    fake = Fake(lambda outcome: case.tamper(outcome)._replace(events=(fatal,)), fatal=True)
    (found,) = symptoms([*BEGIN, *case.before, case.op], fake)
    assert (found.rule, found.stops, found.said) == ("use-after-free", True, "said so")
    assert (found.function, found.where) == ("some_function", "some.c:3")


def test_an_event_that_is_not_about_operands_is_told_apart_by_its_subject() -> None:
    fake = Fake(shows(events=(event("unlocked-access", False),)))
    (found,) = symptoms([*BEGIN, Op(Kind.MKOLD, 9, 9)], fake)
    assert found.fingerprint == "unlocked-access/kvm_mips_mkold_gpa_pt/pte-table"
    assert not found.stops


def test_out_of_contract_only_events_are_judged_and_nothing_after() -> None:
    bad = Op(Kind.UNMAP, 1, 1)
    assert symptoms([*BEGIN, bad], Fake(changes({0: 0}))) == []
    (found,) = symptoms([*BEGIN, bad], Fake(shows(events=(event("bad-access", False),))))
    assert not found.contract and found.fingerprint.endswith("/out-of-contract")
    verdict = Judge(ONE).examine(Fake(changes({0: 0})), [*BEGIN, bad, Op(Kind.FLUSH, 0, 0)])
    assert Kind.FLUSH not in verdict.compared


def test_a_fault_may_fail_for_want_of_memory_where_an_allocation_fails() -> None:
    refused = shows(result=-ENOMEM, changes={}, dirty=())
    assert symptoms([*BEGIN, page(3)._replace(oom=1)], Fake(refused)) == []
    assert symptoms([*BEGIN, page(3)], Fake(refused)) != []
    # The fast path needs no memory.
    assert symptoms([*BEGIN, page(0)._replace(oom=1)], Fake(refused)) != []


@pytest.mark.parametrize("kind", [Kind.UNMAP, Kind.FLUSH])
@pytest.mark.parametrize("value", [0, 1])
def test_what_may_answer_either_way_is_not_judged(kind: Kind, value: int) -> None:
    assert symptoms([*BEGIN, Op(kind, 5, 6)], Fake(result(value))) == []


def test_a_refusal_by_the_environment_may_leave_the_entry_young() -> None:
    gpa = 3 << ONE.page_shift
    ops = [*BEGIN, page(3, write=False, writable=False), Op(Kind.MKOLD, 3, 3)]
    fault = Op(Kind.FAULT, gpa, write=True, answer=Answer.READ_ONLY)
    assert symptoms([*ops, fault], Fake(shows())) == []


@settings(max_examples=60)
@given(st.sampled_from(permitted_layouts()), st.sets(st.sampled_from(QUIRKS), max_size=3), SOURCES)
def test_a_plan_does_not_change_the_verdict(
    one: Layout, quirks: set[Quirk], source: Random
) -> None:
    table = MultiLevel(one, frozenset(quirks))
    judge, ops = Judge(one), drawn(one, source, 40)
    kept, expected = plan(one, ops, frozenset())
    assert kept == ops
    plain = judge.examine(table, ops)
    assert judge.examine(table, ops, expected) == plain
    # The same again without the operations that fail, as a search goes on.
    excluded = frozenset((s.entry, s.trigger) for s in plain.symptoms)
    kept, expected = plan(one, ops, excluded)
    assert judge.examine(table, kept, expected) == judge.examine(table, kept)


@settings(max_examples=40)
@given(st.sampled_from(permitted_layouts()), SOURCES)
def test_the_repaired_table_has_no_symptom(one: Layout, source: Random) -> None:
    ops = drawn(one, source, 60)
    assert Judge(one).examine(MultiLevel(one), ops).symptoms == []


def test_symptoms_of_one_shape_share_a_fingerprint() -> None:
    one = Symptom("stale-mapping", "kvm_unmap_gfn_range", "any", 3, True)
    assert one.fingerprint == replace(one, step=9, said="other words").fingerprint
    assert one.fingerprint != replace(one, contract=False).fingerprint
