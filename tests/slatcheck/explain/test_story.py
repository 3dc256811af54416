# SPDX-License-Identifier: GPL-2.0-only
"""Stories: what is shown is what the judge says, and a golden one for a planted bug."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from model.operations import Kind, Op, to_json
from model.ports import layout
from model.rules import rule
from slatcheck import cli
from slatcheck.document.result import Verdict
from slatcheck.explain import page, svg, terminal
from slatcheck.explain import record as records
from slatcheck.explain.story import difference, headline, reason
from slatcheck.explain.strip import Frame, Gap, Mark, differing
from slatcheck.explain.teller import tell
from slatcheck.judge.judging import Request, check
from slatcheck.judge.replay import replay as run_again
from slatcheck.judge.replay import replay_file
from slatcheck.judge.traces import REPLAY_SCHEMA, Trace, load
from tests.kernels.copies import edit, share
from tests.slatcheck.explain.stories import CASES, story, trace

GOLDEN = Path(__file__).with_name("hull.txt")


def without_lines(text: str) -> str:
    """Return a story without the line numbers of the built-in table's source."""
    return re.sub(r"((?:table|as_in_kernel)\.py):\d+", r"\1:N", text)


def test_golden_story_of_a_planted_bug() -> None:
    assert without_lines(terminal.render(story("hull"))) == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_story_says_what_the_judge_says(name: str) -> None:
    told = story(name)
    symptom = told.symptom
    assert told.shown == (name != "sound")
    if symptom is None:
        assert "every promise was kept" in headline(told)
        return
    assert symptom.fingerprint == told.fingerprint
    assert told.rule == rule(symptom.rule)
    text = terminal.render(told)
    assert told.rule.statement in " ".join(text.split())
    assert told.fingerprint in text
    expected, actual = difference(told)
    for line in (*expected, *actual):
        assert " ".join(line.split()) in " ".join(text.split())


@pytest.mark.parametrize("name", CASES)
def test_the_strip_has_every_frame_that_differs_and_marks_it(name: str) -> None:
    for step in story(name).steps:
        frames = {one.gfn: one for one in step.strip.columns if isinstance(one, Frame)}
        wrong = differing(step.maps)
        assert len([gfn for gfn in wrong if gfn not in frames]) == step.strip.left_out
        assert {gfn for gfn, one in frames.items() if one.mark.broken} <= set(wrong)
        edges = [(c.gfn, c.gfn) if isinstance(c, Frame) else (c.first, c.last)
                 for c in step.strip.columns]  # fmt: skip
        for (_, above), (below, _) in pairwise(edges):
            assert below == above + 1
        for gap in step.strip.columns:
            if isinstance(gap, Gap):
                assert not any(gap.first <= gfn <= gap.last for gfn in wrong)


REASONS = {
    "hull": "frame 0x11 lies between its lowest bit (frame 0x10) and its highest (frame 0x12)",
    "beyond": "beyond the reach of 40 bits",
    "truncated": "those of GPA 0x0",
    "next": "Frame 0x2 is the end of the range, which does not belong to it",
    "top": "The range ends at the top of the reach",
    "four": "each of the slots 0x0..0x1ff holds the empty marker of another level",
    "pfn": "no place for the bits 0x400000",
    "leak": "",
    "sound": "",
}


@pytest.mark.parametrize("name", CASES)
def test_what_to_look_at_is_worked_out_of_the_run(name: str) -> None:
    said = reason(story(name))
    assert REASONS[name] in said and bool(REASONS[name]) == bool(said)


def test_an_operation_that_was_stopped_shows_the_table_as_it_stood() -> None:
    told = story("four")
    last = told.steps[-1]
    assert last.stopped and last.events[-1].fatal
    assert last.snapshot is not None and last.snapshot_is.startswith("as it stood")
    assert "did not end" in terminal.render(told)


def test_a_machine_that_was_lost_shows_the_table_before() -> None:
    recording = records.record(trace("hull"), None, None, Path("x"))
    lost = recording.steps[-1]._replace(snapshot=None, stopped=True, lines=())
    told = tell(replace(recording, steps=[*recording.steps[:-1], lost]), "again")
    last = told.steps[-1]
    assert last.snapshot == recording.steps[-2].snapshot and last.pages is None
    assert {one.mark for one in last.strip.columns if isinstance(one, Frame)} == {Mark.UNKNOWN}
    assert "before the operation: the machine stopped in it" in terminal.render(told)
    assert "before the operation: the machine stopped in it" in svg.render(told, 2)
    assert "not known: the machine stopped" in page.render(told)


def test_a_repaired_table_breaks_no_promise() -> None:
    for name in CASES:
        repaired = replace(trace(name), quirks=())
        told = tell(records.record(repaired, None, None, Path("x")), "again")
        assert told.step is None and not any(step.broken for step in told.steps)
        for step in told.steps:
            assert not any(one.mark.broken for one in step.strip.columns if isinstance(one, Frame))
            assert step.wanted_after == step.after


def test_marks_say_what_is_broken() -> None:
    broken = {mark for mark in Mark if mark.broken}
    assert broken == {Mark.STALE, Mark.MISSING, Mark.STRANGE, Mark.WRONG}


def test_a_story_of_a_kernel_reads_the_tree_and_shows_the_finding(
    kernel_tree: Path, tmp_path: Path
) -> None:
    source = kernel_tree / "arch/mips/kvm/mmu.c"
    case = trace("hull")
    file = tmp_path / "replay.json"
    file.write_text(
        json.dumps(
            {
                "schema": REPLAY_SCHEMA,
                "fingerprint": case.fingerprint,
                "implementation": "kernel",
                "layout": case.layout.name,
                "quirks": [],
                "seed": 0,
                "trace": [to_json(op) for op in case.ops],
            }
        )
    )
    assert run_again(file, kernel_tree, None).verdict is Verdict.VIOLATED
    page = tmp_path / "story.html"
    arguments = ["explain", str(file), "--kernel", str(kernel_tree), "-o", str(page)]
    assert cli.run(arguments) == 1
    told = tell(records.record(load(file), kernel_tree, None, file), "again")
    assert told.shown
    lines = source.read_text().split("\n")
    excerpts = told.steps[-1].excerpts
    assert excerpts[0].function == "kvm_arch_mmu_enable_log_dirty_pt_masked"
    for excerpt in excerpts:
        if excerpt.where.startswith("arch/mips/kvm/mmu.c"):
            for line in excerpt.lines:
                assert line.text == lines[line.number - 1].expandtabs(8)
    assert "kvm_arch_mmu_enable_log_dirty_pt_masked(struct kvm" in page.read_text()


def test_replay_files_of_findings_are_read_by_the_same_reader(tmp_path: Path) -> None:
    request = Request((layout("mips64-4k"),), max_ops=800, jobs=1, quirks=("dirty-mask-hull",))
    document = check(request, lambda progress: None)
    report = tmp_path / "report.json"
    report.write_text(json.dumps(document.to_json()))
    for finding in document.findings:
        file = tmp_path / "replay.json"
        file.write_text(json.dumps(replay_file(finding, finding.shown_on)))
        one, other = load(file), load(report, finding.fingerprint)
        assert one.ops == other.ops and one.fingerprint == other.fingerprint
        assert one.alone and not other.alone


def test_headers_that_differ_from_the_model_are_a_finding_too(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "linux"
    share(kernel_trees["6.12"], folder)
    halved = "(PAGE_SIZE / sizeof(pte_t) / 2)"
    edit(
        folder,
        "arch/mips/include/asm/pgtable-64.h",
        lambda text: text.replace("(PAGE_SIZE / sizeof(pte_t))", halved),
    )
    case = Trace(
        "geometry/kvm_pgd_alloc/any", "kernel", layout("mips64-4k"), (), 0, (Op(Kind.CREATE),)
    )
    told = tell(records.record(case, folder, None, tmp_path), "again")
    assert told.shown and "ptrs_per_pte is 256, the model says 512" in headline(told)
    assert told.rule.statement in " ".join(terminal.render(told).split())


def test_a_story_names_the_first_broken_promise_where_the_finding_is_another() -> None:
    other = replace(trace("hull"), fingerprint="leak/kvm_mips_free_gpa_pt/any")
    told = tell(records.record(other, None, None, Path("x")), "again")
    assert not told.shown and told.step == 2
    assert "not the finding named" in headline(told)


def test_nothing_is_promised_of_operands_that_no_caller_can_pass() -> None:
    ops = (Op(Kind.CREATE), Op(Kind.FAULT, 0x1000, pfn=5), Op(Kind.UNMAP, 9, 1),
           Op(Kind.LOG_DIRTY_MASKED, 0, 0, 0), Op(Kind.LOOKUP, 0x1000))  # fmt: skip
    case = Trace("leak/any/any", "multilevel", layout("mips64-4k"), (), 0, ops)
    told = tell(records.record(case, None, None, Path("x")), "again")
    assert [step.in_contract for step in told.steps] == [True, True, False, False, True]
    assert not any(
        one.mark.broken for step in told.steps for one in step.strip.columns
        if isinstance(one, Frame)
    )  # fmt: skip
    assert "no caller in the kernel can pass these" in terminal.render(told)
