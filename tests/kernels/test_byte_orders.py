# SPDX-License-Identifier: GPL-2.0-only
"""Both byte orders are judged: a bug of one is found, replayed and refuted there alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel.ports.mips.files import MMU
from model.machines import BIG, LITTLE, ORDERS
from model.ports import layout
from proofs.desk import Options
from proofs.kernel_runner import LayoutProof, Session
from slatcheck.document.result import Check, Document, Finding, Location, Verdict
from slatcheck.judge.code import kept, lemmas
from slatcheck.judge.code.task import CodeOutcome, CodeTask
from slatcheck.judge.code.trees import prove_layout
from slatcheck.judge.judging import Request, check
from slatcheck.judge.replay import replay, replay_file
from support import cache as keeping
from tests.kernels.copies import edit, share

SMALL = "mips32-4k"
LEAF = "kvm_mips_flush_gpa_pte"
PROVED = (LEAF, "kvm_mmu_free_memory_caches")
LOOP = "for (i = i_min; i <= i_max; ++i) {"
#: The last page of a table is left mapped; a brace opens in each arm.
SHORT = f"""#ifdef CONFIG_CPU_LITTLE_ENDIAN
	{LOOP.replace("<=", "<")}
#else
	{LOOP}
#endif"""
BUG = "stale-mapping/kvm_mips_flush_gpa_pt/"


@pytest.fixture(scope="module")
def planted(kernel_trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of a real tree with a bug that little-endian kernels alone have."""
    folder = tmp_path_factory.mktemp("orders") / "linux"
    share(kernel_trees["6.12"], folder)

    def change(text: str) -> str:
        at = text.index(LOOP, text.index(f"static bool {LEAF}("))
        return text[:at].rstrip("\t") + SHORT + text[at + len(LOOP) :]

    edit(folder, MMU, change)
    return folder


@pytest.fixture(scope="module")
def searched(planted: Path) -> Document:
    """Give what runs show of it."""
    return check(Request((layout(SMALL),), planted, max_ops=1_500, jobs=1), lambda _: None)


def of_bug(document: Document) -> list[Finding]:
    return [one for one in document.findings if one.fingerprint.startswith(BUG)]


# --- runs ------------------------------------------------------------------------------------


def test_checks_of_both_byte_orders_say_of_which_they_are(searched: Document) -> None:
    ids = {
        order: {one.id for one in searched.checks if one.byte_order == order} for order in ORDERS
    }
    assert ids[BIG] == ids[LITTLE] != set()
    assert len(searched.checks) == 2 * len(ids[BIG])
    document = searched.to_json()
    assert {one["byte_order"] for one in document["checks"]} == set(ORDERS)


def test_a_bug_of_one_byte_order_is_told_of_it_alone(searched: Document) -> None:
    assert of_bug(searched)
    for one in of_bug(searched):
        assert one.byte_orders == [LITTLE]
    both = [one for one in searched.findings if one.byte_orders == list(ORDERS)]
    assert {one.rule for one in both} >= {"unlocked-access", "collateral-change"}
    violated = {
        one.byte_order
        for one in searched.checks
        if one.verdict is Verdict.VIOLATED and one.finding.startswith(BUG)
    }
    assert violated == {LITTLE}


def test_a_replay_file_says_in_which_byte_order_to_run(
    searched: Document, planted: Path, tmp_path: Path
) -> None:
    one = of_bug(searched)[0]
    content = replay_file(one, SMALL)
    assert content["byte_order"] == LITTLE
    for order, shown in ((LITTLE, True), (BIG, False)):
        file = tmp_path / f"{order}.json"
        file.write_text(json.dumps(content | {"byte_order": order}))
        again = replay(file, planted, None)
        assert {check.byte_order for check in again.checks} == {order}
        marks = {found.fingerprint: found.byte_orders for found in again.findings}
        assert (marks.get(one.fingerprint) == [order]) == shown


@pytest.mark.parametrize("order", ORDERS)
def test_one_byte_order_alone_may_be_asked_for(order: str, planted: Path) -> None:
    request = Request((layout(SMALL),), planted, max_ops=200, jobs=1, byte_orders={SMALL: (order,)})
    assert {one.byte_order for one in check(request, lambda _: None).checks} == {order}


def test_the_built_in_table_has_none() -> None:
    request = Request((layout(SMALL),), max_ops=100, jobs=1)
    assert {one.byte_order for one in check(request, lambda _: None).checks} == {""}
    assert request.orders(layout(SMALL)) == (BIG,)


def test_of_a_tree_all_that_kconfig_permits_are_judged(planted: Path) -> None:
    request = Request((layout(SMALL),), planted)
    assert request.orders(layout(SMALL)) == ORDERS
    one = replace(request, byte_orders={SMALL: (LITTLE,)})
    assert one.orders(layout(SMALL)) == (LITTLE,)
    assert one.orders(layout("mips64-4k")) == ORDERS


# --- the proof -------------------------------------------------------------------------------


class Counted(Session):
    """Proofs of a few functions, and how often they were asked for."""

    runs = 0

    def run(self, only: Iterable[str] = ()) -> LayoutProof:
        Counted.runs += 1
        return super().run(PROVED)


def proved(monkeypatch: pytest.MonkeyPatch, tree: Path, known: Iterable[str] = ()) -> CodeOutcome:
    monkeypatch.setattr(lemmas, "Session", Counted)
    monkeypatch.setattr(Counted, "runs", 0)
    task = CodeTask(
        tree.resolve(), SMALL, None, Options(), keeping.folder(), {LITTLE: tuple(known)},
        orders=ORDERS,
    )  # fmt: skip
    # What is kept of a whole layout must not stand in for these few functions, nor they for it.
    monkeypatch.setattr(kept.Kept, "load", lambda self: None)
    monkeypatch.setattr(kept.Kept, "save", lambda self, outcome, files: None)
    return prove_layout(task)


def test_equal_text_shares_the_proof(
    kernel_trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = proved(monkeypatch, kernel_trees["6.12"])
    assert Counted.runs == 1
    told = {(one.id, one.byte_order): one.verdict for one in outcome.checks}
    assert len(told) == len(outcome.checks)
    ids = {name for name, _ in told}
    assert set(told) == {(name, order) for name in ids for order in ORDERS}
    assert told[f"c/{LEAF}/exact", BIG] is told[f"c/{LEAF}/exact", LITTLE] is Verdict.HOLDS
    assert outcome.findings == []


def test_another_text_is_proved_anew_and_refuted_there_alone(
    planted: Path, searched: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [one.fingerprint for one in of_bug(searched)]
    outcome = proved(monkeypatch, planted, known)
    assert Counted.runs == 2
    verdicts = {(one.id, one.byte_order): one for one in outcome.checks}
    assert {one.verdict for one in outcome.checks if one.byte_order == BIG} == {Verdict.HOLDS}
    exact: Check = verdicts[f"c/{LEAF}/exact", LITTLE]
    assert exact.verdict is Verdict.VIOLATED
    assert exact.finding in known
    other = verdicts["c/kvm_mmu_free_memory_caches/accounting", LITTLE]
    assert other.verdict is Verdict.HOLDS


def finding(mark: str, *orders: str) -> Finding:
    """Return a finding that was shown in some byte orders."""
    rule, entry, trigger = mark.split("/")
    return Finding(
        mark, rule, "unsafe", [SMALL], SMALL, entry, trigger, {}, "said", [],
        [], [], Location(entry), 0, "kernel", byte_orders=list(orders),
    )  # fmt: skip


def test_what_both_byte_orders_show_is_one_finding_of_both() -> None:
    total = CodeOutcome(SMALL)
    total.add(CodeOutcome(SMALL, findings=[finding("a/f/any", BIG)], reproved=["f"]))
    total.add(
        CodeOutcome(
            SMALL,
            findings=[finding("a/f/any", LITTLE), finding("b/f/any", LITTLE)],
            reproved=["f", "g"],
        )
    )
    told = {one.fingerprint: one.byte_orders for one in total.findings}
    assert told == {"a/f/any": [BIG, LITTLE], "b/f/any": [LITTLE]}
    assert total.reproved == ["f", "g"]
