# SPDX-License-Identifier: GPL-2.0-only
"""The command line: exit statuses, one line for bad input, files written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from impl.kernel.errors import TreeError, UnsupportedError
from model.layout import Layout
from model.operations import Kind, Op, to_json
from model.ports import layout, layouts, permitted_layouts
from slatcheck import cli, commands, memory_ranges
from slatcheck.commands import delivery
from slatcheck.document.result import Check, Document, Finding, Location, Verdict
from slatcheck.errors import InputError
from slatcheck.judge import judging
from slatcheck.judge import replay as replays
from slatcheck.progress import Progress

HEAVY = (
    "hypothesis", "unicorn", "z3", "rich.console", "jsonschema_rs", "tree_sitter",
    "impl.kernel.build", "impl.kernel.tree", "slatcheck.judge.judging",
)  # fmt: skip
MARK = "leak/kvm_mips_free_gpa_pt/pte-table"


def document(verdict: Verdict = Verdict.HOLDS, kind: str = "differential") -> Document:
    checks = [Check("multilevel/f/leak", kind, "mips32-4k", "f", verdict, cases=10)]
    finding = Finding(
        MARK, "leak", "unsafe", ["mips32-4k"], "mips32-4k", "kvm_mips_free_gpa_pt", "pte-table",
        {}, "", [to_json(Op(Kind.CREATE)), to_json(Op(Kind.DESTROY))], [], ["pte table"],
        Location("kvm_mips_free_gpa_pt"), 0, "multilevel", step=1,
    )  # fmt: skip
    found = [finding] if verdict is Verdict.VIOLATED else []
    return Document(
        {"name": "slatcheck", "version": "0.1.0"}, None, [layout("mips32-4k")], checks, found
    )


class Gate:
    """Stands in for judging.check: returns what it is given, and keeps the request."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answer: Document | BaseException = document()
        self.requests: list[judging.Request] = []
        monkeypatch.setattr(judging, "check", self.check)

    def check(self, request: judging.Request, report: Callable[[Progress], None]) -> Document:
        self.requests.append(request)
        report(Progress(1, 2, "mips32-4k", 0))
        report(Progress(1, 2, "mips32-4k", 0))
        report(Progress(2, 2, "mips64-4k", 3))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the only line on stderr; nothing may be on stdout."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("slatcheck: ")
    assert err.count("\n") == 1
    return err


# Start


@pytest.mark.parametrize(
    "arguments", [["--help"], ["check", "--help"], ["layouts", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from slatcheck import cli; status = cli.run(sys.argv[1:]); "
        "lazy = [m for m in sys.modules if type(sys.modules[m]).__name__ == '_LazyModule']; "
        f"print([m for m in {HEAVY!r} if m in sys.modules and m not in lazy], status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in commands.NAMES:
        assert cli.run([name, "--help"]) == 0
    assert "--memory 0+256M --memory 0x1fc00000" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-option"],
        ["no-such-command"],
        ["check", "--format", "xml"],
        ["check", "--seed", "-1"],
        ["check", "--max-ops", "0"],
        ["check", "--jobs", "many"],
        ["check", "--evidence", "hearsay"],
        ["replay"],
        ["diff", "model@mips32-4k"],
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    assert "--help'" in one_line(capsys)


# layouts


def test_layouts_show_what_the_array_cost(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["layouts", "mips32-16k", "--memory", "0+256M", "--memory", "0x1fc00000"]
    assert cli.run(arguments) == 0
    row = capsys.readouterr().out.splitlines()[-1]
    assert "130052" in row
    assert "131072 (128 KiB)" in row
    assert "98304 (96 KiB)  pgd 1, pte 5" in row
    assert cli.run([*arguments, "--format", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["layouts"]
    assert one["memory"]["linear"] == {
        "entries": 32513, "requested": 130052, "allocated": 131072, "order": 3,
    }  # fmt: skip
    assert one["memory"]["table"]["allocated"] == 98304


def test_layouts_lists_all_and_why_some_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layouts", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["layouts"]
    assert [one["name"] for one in found] == [one.name for one in layouts()]
    fields = [
        "bits", "levels", "page_shift", "pmd_shift", "pud_shift", "pgdir_shift", "ptrs_per_pgd",
        "ptrs_per_pud", "ptrs_per_pmd", "ptrs_per_pte", "pte_size", "pgd_order", "reach_bits",
        "cache_min",
    ]  # fmt: skip
    for one, model in zip(found, layouts(), strict=True):
        assert list(one["geometry"]) == fields
        assert one["permitted"] == model.permitted == ("refusal" not in one)
    assert cli.run(["layouts"]) == 0
    text = capsys.readouterr().out
    assert all(one.name in text for one in layouts())
    assert f"44 layouts, {len(permitted_layouts())} of them permitted with KVM" in text
    assert "CPU_MIPS32_R5_XPA depends on !PAGE_SIZE_4KB: mips32-4k-xpa" in text


def test_layouts_can_be_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layouts", "mips32-*", "mips64-4k", "--permitted", "--format", "json"]) == 0
    found = [one["name"] for one in json.loads(capsys.readouterr().out)["layouts"]]
    assert found == [
        one.name
        for one in permitted_layouts()
        if one.name.startswith("mips32-") or one.name == "mips64-4k"
    ]


def test_memory_beyond_the_reach_is_shown_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layouts", "mips32-4k", "--memory", "4G+1M"]) == 0
    assert "beyond the reach of 32 bits" in capsys.readouterr().out
    assert cli.run(["layouts", "mips32-4k", "--memory", "4G+1M", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["layouts"][0]["memory"]["table"] is None


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("0+256M", 0, (256 << 20) - 1),
        ("0x0-0xfffffff", 0, 0xFFFFFFF),
        ("4k-8KiB", 4096, 8192),
        ("1_000+0x10", 1000, 1015),
        ("0x1b+1", 0x1B, 0x1B),
        ("0x1fc00123", 0x1FC00000, 0x1FC03FFF),
        ("0-0xffffffffffffffff", 0, (1 << 64) - 1),
    ],
)
def test_ranges_of_memory(text: str, first: int, last: int) -> None:
    assert memory_ranges.parse(text).of(layout("mips32-16k")) == (first, last)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "-", "1-", "+5", "5-4", "5+0", "0x", "1..2", "-5-4", "1-2-3", "1X", "0+17E",
        "0x10000000000000000", "0xffffffffffffffff+2", "9" * 5000, "1\n2", "٣",
    ],
)  # fmt: skip
def test_bad_ranges_are_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layouts", "mips32-4k", f"--memory={text}"]) == 2
    assert "range" in one_line(capsys)


# Names


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["layouts", "mips32-4"], "mips32-4k"),
        (["layouts", "arm*"], "'slatcheck layouts' lists them all"),
        (["check", "--layout", "mips64-4k-va4"], "mips64-4k-va48"),
        (["check", "--layout", "mips32-8k*"], "Kconfig refuses"),
        (["check", "--quirk", "notifier-end"], "notifier-end-inclusive"),
        (["check", "--quirk", "no-reach-check", "--kernel", "."], "leave --kernel out"),
        (["rule", "stale-maping"], "did you mean stale-mapping"),
        (["rule", ""], "'slatcheck rule' lists them all"),
    ],
)
def test_unknown_names_are_one_line(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(arguments) == 2
    assert hint in one_line(capsys)


def names(chosen: tuple[Layout, ...]) -> list[str]:
    return [one.name for one in chosen]


def test_check_takes_the_permitted_layouts_and_any_named_in_full(fake: Gate) -> None:
    assert cli.run(["check"]) == 0
    assert cli.run(["check", "--layout", "mips32-*", "--layout", "mips32-4k"]) == 0
    assert cli.run(["check", "--layout", "mips32-8k"]) == 0
    everything, narrow, refused = (names(one.layouts) for one in fake.requests)
    assert everything == names(permitted_layouts())
    assert narrow == [name for name in everything if name.startswith("mips32-")]
    assert refused == ["mips32-8k"]


def test_check_hands_its_options_on(fake: Gate, tmp_path: Path) -> None:
    arguments = "check --seed 5 --max-ops 9 --jobs 2 --cc clang --evidence differential"
    assert cli.run([*arguments.split(), "--kernel", str(tmp_path)]) == 0
    assert cli.run(["check", "--quirk", "no-reach-check", "--quirk", "no-reach-check"]) == 0
    first, second = fake.requests
    assert (first.seed, first.max_ops, first.jobs, first.cc) == (5, 9, 2, "clang")
    assert (first.kernel, first.evidence) == (tmp_path, frozenset({"differential"}))
    assert second.quirks == ("no-reach-check",)


# Verdicts and failures


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.HOLDS, 0),
        (Verdict.VIOLATED, 1),
        (Verdict.UNKNOWN, 3),
        (Verdict.VACUOUS, 3),
        (Verdict.UNSUPPORTED, 3),
        (Verdict.ERROR, 4),
    ],
)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_exit_status_says_the_verdict(
    verdict: Verdict, status: int, format_: str, fake: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.answer = document(verdict)
    assert cli.run(["check", "--format", format_]) == status
    out, err = capsys.readouterr()
    assert verdict.value in out
    assert err == "[1/2] mips32-4k, 0 findings so far\n[2/2] mips64-4k, 3 findings so far\n"


@pytest.mark.parametrize(
    ("problem", "status", "message"),
    [
        (InputError("wrong\nand bad\x1b[2J"), 2, r"slatcheck: wrong and bad\x1b[2J"),
        (TreeError("no kernel tree"), 2, "slatcheck: no kernel tree"),
        (UnsupportedError("too new"), 3, "slatcheck: unsupported: too new"),
        (
            ModuleNotFoundError("No module named 'unicorn'", name="unicorn"),
            2,
            "'unicorn' is missing: install slatcheck again",
        ),
        (KeyboardInterrupt(), 130, "slatcheck: interrupted"),
        (ValueError("oops"), 4, "slatcheck: internal error: ValueError: oops ('slatcheck --trace"),
        (BrokenPipeError(errno.EPIPE, "a worker died"), 4, "internal error"),
        (ModuleNotFoundError("No module named 'x'", name="x"), 4, "internal error"),
    ],
)
def test_failures_are_one_line(
    problem: BaseException,
    status: int,
    message: str,
    fake: Gate,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake.answer = problem
    assert cli.run(["check"]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err.splitlines()[2]
    assert len(err.splitlines()) == 3


def test_traceback_shows_where_the_tool_failed(
    fake: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.answer = ValueError("oops")
    assert cli.run(["--traceback", "check"]) == 4
    assert "raise self.answer" in capsys.readouterr().err


def test_report_that_breaks_its_schema_is_an_error_but_not_lost(
    fake: Gate, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fake.answer = document(Verdict.HOLDS, kind="guess")
    assert cli.run(["check", "--format", "json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["checks"][0]["kind"] == "guess"
    assert "internal error: InvalidReportError" in err
    assert cli.run(["check", "--format", "json", "--output", str(tmp_path / "out")]) == 4
    assert json.loads((tmp_path / "out").read_text())["verdict"] == "holds"


def test_text_report_that_fails_leaves_the_document(
    fake: Gate, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from slatcheck.reports import text

    monkeypatch.setattr(text, "render", lambda document, replay: 1 // 0)
    assert cli.run(["check"]) == 4
    assert json.loads(capsys.readouterr().out)["verdict"] == "holds"


# Files


def test_output_is_written_whole(fake: Gate, tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    assert cli.run(["check", "--format", "json", "--output", str(link)]) == 0
    assert json.loads(target.read_text())["verdict"] == "holds"
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "report.json"]


@pytest.mark.parametrize("name", [".", "missing/report", "file/report"])
@pytest.mark.parametrize("command", ["check", "layouts", "rule", "replay x", "diff a b"])
def test_unwritable_output_is_told_before_the_work(
    name: str, command: str, fake: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    assert cli.run([*command.split(), "--output", str(tmp_path / name)]) == 2
    assert "cannot write" in one_line(capsys)
    assert fake.requests == []
    assert (tmp_path / "file").read_text() == "kept"


def test_failure_while_writing_keeps_old_file_and_report(
    fake: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report"
    target.write_text("old")

    def full(self: Path, other: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    assert cli.run(["check", "--output", str(target)]) == 2
    out, err = capsys.readouterr()
    assert "verdict: holds" in out
    assert "No space left on device" in err
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_output_to_a_device_is_no_replacement(fake: Gate) -> None:
    assert cli.run(["check", "--output", os.devnull]) == 0
    assert not Path(os.devnull).is_file()


def test_replay_files_are_named_after_fingerprints(
    fake: Gate,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replays, "replay_file", lambda one, name: {"of": one.rule, "on": name})
    fake.answer = document(Verdict.VIOLATED)
    folder = tmp_path / "new folder"
    tree = tmp_path / "linux"
    command = ["check", "--replay-dir", str(folder), "--kernel", str(tree), "--cc", "clang"]
    assert cli.run(command) == 1
    (file,) = folder.iterdir()
    assert file.name == "leak.kvm_mips_free_gpa_pt.pte-table.json"
    assert json.loads(file.read_text()) == {"of": "leak", "on": "mips32-4k"}
    wanted = f"slatcheck replay '{file}' --kernel {tree} --cc clang"
    assert wanted in capsys.readouterr().out


def test_replay_folder_is_checked_before_the_work(
    fake: Gate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    for name in ("file", "missing/folder"):
        assert cli.run(["check", "--replay-dir", str(tmp_path / name)]) == 2
        assert "cannot" in one_line(capsys)
    assert fake.requests == []


def test_file_names_stay_in_their_folder() -> None:
    assert delivery.file_name("../..\0/x y/é") == "_._.x_y._.json"
    assert "/" not in delivery.file_name("a/b/c")
    assert len(delivery.file_name("a" * 999)) < 255


def test_replay_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[tuple[Path, Path | None, str | None, str | None]] = []

    def replay(path: Path, kernel: Path | None, cc: str | None, finding: str | None) -> Document:
        seen.append((path, kernel, cc, finding))
        return document(Verdict.VIOLATED)

    monkeypatch.setattr(replays, "replay", replay)
    file = tmp_path / "f.json"
    assert cli.run(["replay", str(file), "--kernel", str(tmp_path), "--cc", "gcc"]) == 1
    assert seen == [(file, tmp_path, "gcc", None)]
    assert f"slatcheck replay {file} --kernel {tmp_path} --cc gcc" in capsys.readouterr().out


def test_closed_stdout_does_not_change_the_status() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from slatcheck import cli; cli.main()"
    with os.fdopen(write, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code, "layouts"],
            stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_stdout_is_no_pass() -> None:
    code = "import sys; from slatcheck import cli; cli.main()"
    with Path("/dev/full").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code, "layouts"],
            stdout=stdout, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "slatcheck: cannot write the report: No space left on device\n"


def test_report_can_be_printed_anywhere() -> None:
    code = "from slatcheck.commands import delivery; delivery._to_stdout('1 page \\u2014 x')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "1 page \\u2014 x"


# rule


def test_rule_explains_one_and_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["rule"]) == 0
    assert capsys.readouterr().out.count("\n") == 24
    assert cli.run(["rule", "stale-mapping"]) == 0
    text = capsys.readouterr().out
    for part in ("(unsafe)", "kvm_unmap_gfn_range", "ends-at-top", "docs/rules/stale-mapping.md"):
        assert part in text
    assert cli.run(["rule", "stale-mapping", "--format", "json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["rules"]
    assert one["page"] == "docs/rules/stale-mapping.md"
    assert {"op": "unmap", "function": "kvm_unmap_gfn_range"} in one["operations"]
