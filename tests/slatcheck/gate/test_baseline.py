# SPDX-License-Identifier: GPL-2.0-only
"""Baselines: written, reviewed, read again, refused where they are damaged or have expired."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.ports import permitted_layouts
from slatcheck import cli
from slatcheck.document.result import Verdict
from slatcheck.errors import InputError
from slatcheck.gate import baseline
from slatcheck.gate.baseline import Baseline, Entry
from tests.slatcheck.gate.test_acceptance import (
    HELD,
    MARK,
    MILD,
    ONE,
    OTHER,
    check,
    document,
    finding,
)

TODAY = date(2026, 6, 1)


def made(folder: Path) -> Path:
    """Write a baseline of two findings, one of them reviewed, and return its path."""
    found = Baseline("6.12.1", (ONE, OTHER), ("differential", "proof"))
    found.known[MARK] = Entry(MARK, (ONE, OTHER), "told upstream", date(2027, 1, 31))
    found.known[MILD] = Entry(MILD, (ONE,))
    path = folder / "known.toml"
    path.write_text(baseline.render(found))
    return path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    found = baseline.read(made(tmp_path), TODAY)
    assert found.kernel == "6.12.1"
    assert (found.layouts, found.evidence) == ((ONE, OTHER), ("differential", "proof"))
    assert found.known == {
        MARK: Entry(MARK, (ONE, OTHER), "told upstream", date(2027, 1, 31)),
        MILD: Entry(MILD, (ONE,)),
    }
    assert baseline.render(replace(found, name="")) == made(tmp_path).read_text()


def test_a_file_is_as_a_reviewer_sees_it(tmp_path: Path) -> None:
    assert (
        made(tmp_path).read_text()
        == f"""\
# Findings that are known. 'slatcheck check --baseline FILE' fails on every other one.
# Write down why each is accepted; one with a date under 'expires' is refused from that day on.

schema = "slatcheck-baseline/1"
kernel = "6.12.1"
evidence = ["differential", "proof"]
layouts = ["{ONE}", "{OTHER}"]

[[finding]]
fingerprint = "{MILD}"
rule = "collateral-change"
layouts = ["{ONE}"]
reason = "unreviewed"

[[finding]]
fingerprint = "{MARK}"
rule = "stale-mapping"
layouts = "all"
reason = "told upstream"
expires = 2027-01-31
"""
    )


def test_an_expired_entry_is_refused_from_its_day_on(tmp_path: Path) -> None:
    path = made(tmp_path)
    baseline.read(path, date(2027, 1, 30))
    with pytest.raises(InputError, match="expired on 2027-01-31: mend it, or review it"):
        baseline.read(path, date(2027, 1, 31))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema =", "schema", "is damaged: "),
        ("slatcheck-baseline/1", "slatcheck-baseline/2", "no baseline of this version"),
        ('schema = "slatcheck-baseline/1"', "", "no baseline of this version"),
        ('kernel = "6.12.1"', "", 'damaged at the whole: "kernel" is a required property'),
        ("2027-01-31", '"soon"', "damaged at finding/1/expires"),
        ("2027-01-31", "2027-01-31T10:00:00", "damaged at finding/1/expires"),
        (f'["{ONE}"]', '["mips128"]', "damaged at finding/0/layouts"),
        (f'["{ONE}"]', "[]", "damaged at finding/0/layouts"),
        ('reason = "unreviewed"', "", 'damaged at finding/0: "reason"'),
        ('rule = "stale-mapping"', 'rule = "leak"', "is no finding of the rule leak"),
        (MILD, MARK, "is there twice"),
        ("fingerprint = ", "finger = ", '"fingerprint" is a required property'),
        ("[[finding]]", "[finding]", "is damaged: "),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    path = made(tmp_path)
    text = path.read_text().replace(old, new)
    if said == "is there twice":
        text = text.replace("collateral-change", "stale-mapping")
    path.write_text(text)
    assert cli.run(["check", "--baseline", str(path)]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert said in err and "known.toml" in err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00", b"[" * 5000, b""])
def test_what_is_no_text_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "known.toml"
    path.write_bytes(content)
    assert cli.run(["check", "--baseline", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert cli.run(["check", "--baseline", str(tmp_path / "none")]) == 2
    assert "cannot read" in capsys.readouterr().err


EVERY = [one.name for one in permitted_layouts()]


@given(st.sets(st.sampled_from(EVERY), min_size=1))
def test_patterns_mean_what_they_stand_for(names: set[str]) -> None:
    found = Baseline("6.12", tuple(EVERY), ())
    found.known[MARK] = Entry(MARK, tuple(one for one in EVERY if one in names))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known.toml"
        path.write_text(baseline.render(found))
        assert baseline.read(path).known == found.known


def test_a_pattern_means_no_layout_that_the_file_does_not_name(tmp_path: Path) -> None:
    path = made(tmp_path)
    path.write_text(
        path.read_text().replace(f'layouts = ["{ONE}"]\nreason', 'layouts = ["mips32-*"]\nreason')
    )
    assert baseline.read(path, TODAY).known[MILD].layouts == (ONE,)


# From a run


def test_everything_found_is_known_and_unreviewed() -> None:
    run = document(
        [HELD, check("c/g/x", Verdict.HOLDS, OTHER)], finding(MARK, ONE), finding(MILD, ONE)
    )
    run.layouts = document([], layouts=(ONE, OTHER)).layouts
    found = baseline.of_document(run)
    assert (found.kernel, found.layouts) == ("6.12", (ONE, OTHER))
    assert found.known == {MARK: Entry(MARK, (ONE,)), MILD: Entry(MILD, (ONE,))}


def test_reasons_stay_and_what_is_gone_leaves(tmp_path: Path) -> None:
    old = baseline.read(made(tmp_path), TODAY)
    run = document([HELD], finding(MARK, ONE))
    found = baseline.of_document(run, old)
    assert found.known == {MARK: old.known[MARK]}, "the other layout was not run, so it stays"
    found = baseline.of_document(document([HELD]), old)
    assert found.known == {MARK: replace(old.known[MARK], layouts=(OTHER,))}


def test_what_was_not_judged_stays_as_it_is(tmp_path: Path) -> None:
    old = baseline.read(made(tmp_path), TODAY)
    spoilt = document([check("kernel/build/geometry", Verdict.UNSUPPORTED)])
    assert baseline.of_document(spoilt, old).known == old.known


# The commands, on the built-in table with a bug switched on

QUIRK = ["--quirk", "dirty-mask-hull", "--layout", ONE, "--evidence", "differential"]
HULL = "collateral-change/kvm_arch_mmu_enable_log_dirty_pt_masked/mask-with-holes"


def test_a_gate_turns_green_against_the_baseline_and_red_for_what_is_new(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, known = tmp_path / "r.json", tmp_path / "known.toml"
    assert cli.run(["check", *QUIRK, "--format", "json", "--output", str(report)]) == 1
    assert cli.run(["baseline", str(report), "--output", str(known)]) == 0
    assert "2 findings are known, 2 of them unreviewed" in capsys.readouterr().err
    assert cli.run(["check", *QUIRK, "--baseline", str(known)]) == 0
    out = capsys.readouterr().out
    assert "0 new findings" in out and "2 findings as before" in out
    assert out.endswith("verdict: holds, except for what is accepted (2 checks)\n")
    more = ["--quirk", "notifier-end-inclusive"]
    assert cli.run(["check", *QUIRK, *more, "--baseline", str(known)]) == 1
    assert "+ collateral-change/kvm_age_gfn/next-page-mapped" in capsys.readouterr().out
    assert cli.run(["check", *QUIRK[2:], "--baseline", str(known)]) == 0
    out = capsys.readouterr().out
    assert "2 findings no longer found:" in out and f"    - {HULL}" in out
    assert out.endswith("verdict: holds\n")
    other = ["--layout", OTHER, "--evidence", "differential"]
    assert cli.run(["check", *other, "--baseline", str(known)]) == 0
    assert "0 findings no longer found" in capsys.readouterr().out


def test_a_baseline_is_written_again_with_its_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, known = tmp_path / "r.json", tmp_path / "known.toml"
    cli.run(["check", *QUIRK, "--format", "json", "--output", str(report)])
    cli.run(["baseline", str(report), "--output", str(known)])
    text = known.read_text().replace("unreviewed", "by design")
    known.write_text(text)
    assert cli.run(["baseline", str(report), "--output", str(known)]) == 0
    assert known.read_text() == text
    known.write_text("spoilt")
    assert cli.run(["baseline", str(report), "--output", str(known)]) == 2
    assert known.read_text() == "spoilt"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["baseline"], "give either a REPORT or a tree"),
        (["baseline", "x.json", "--kernel", "."], "give either a REPORT or a tree"),
        (["baseline", "no-such.json"], "cannot read no-such.json"),
        (["check", "--against", "HEAD"], "--against needs a tree"),
        (["check", "--kernel", ".", "--against", "x", "--baseline", "y"], "give one of them"),
        (["check", "--bisect", "new"], "--bisect new needs --baseline or --against"),
        (["check", "--bisect", "stale"], "is no fingerprint"),
        (["check", "--bisect", "stale-maping/kvm_age_gfn/any"], "did you mean stale-mapping"),
        (["check", "--bisect", "stale-mapping/kvm_aged_gfn/any"], "did you mean kvm_age_gfn"),
        (["check", "--bisect", "stale-mapping/kvm_age_gfn/truncate"], "did you mean truncated"),
    ],
)
def test_bad_options_end_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.run(arguments) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert said in err
