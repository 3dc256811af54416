# SPDX-License-Identifier: GPL-2.0-only
"""The commands export and run: bad input is reported in one line, and nothing is written for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from impl.kernel.executor import EVENTS, SUBJECTS
from model.ports import layout
from model.rules import RULES
from slatcheck import cli
from slatcheck.export import running
from slatcheck.export.c_form import CODES, COMPILED, SUBJECT_NAMES
from slatcheck.export.kunit_form import BOOKS
from tests.slatcheck.explain.test_explain_command import replay_data

ROOT = Path(__file__).resolve().parents[3]


def refused(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.startswith("slatcheck: ") and said.err.count("\n") == 1
    assert says in said.err


@pytest.mark.parametrize("form", ["c", "kunit"])
def test_the_built_in_table_is_no_c(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "replay.json"
    file.write_text(json.dumps(replay_data()))
    refused(["export", str(file), "--as", form], "export it --as pytest", capsys)


def test_a_kernels_finding_needs_a_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "replay.json"
    file.write_text(json.dumps(replay_data() | {"implementation": "kernel", "quirks": []}))
    for form in ("pytest", "c", "kunit"):
        refused(["export", str(file), "--as", form], "--kernel", capsys)
        arguments = ["export", str(file), "--as", form, "--kernel", str(tmp_path)]
        refused(arguments, "no kernel tree", capsys)


def test_a_finding_that_does_not_show_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "leak/*/ #include </etc/passwd> /*\n\x1b[2J/any"
    changes: tuple[dict[str, object], ...] = ({"quirks": []}, {"fingerprint": evil})
    for change in changes:
        file = tmp_path / "replay.json"
        file.write_text(json.dumps(replay_data() | change))
        refused(["export", str(file), "--as", "pytest"], "does not show", capsys)


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"schema": "slatcheck-replay/1"}'])
def test_damaged_files_are_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / "replay.json", tmp_path / "out.py"
    file.write_text(text)
    refused(["export", str(file), "--as", "pytest", "-o", str(output)], str(file), capsys)
    assert not output.exists()


MARK = " * slatcheck-run: c mips32-4k\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"int main(void) { return 0; }", "no line 'slatcheck-run"),
        (2 * MARK.encode(), "no line 'slatcheck-run"),
        (b" * slatcheck-run: sh mips32-4k\n", "no line 'slatcheck-run"),
        (b" * slatcheck-run: c mips32-5k\n", "unknown layout 'mips32-5k'"),
        (b" * slatcheck-run: c ../../etc\n", "no line 'slatcheck-run"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b" " * (1 << 20) + b" ", "too large"),
    ],
)
def test_files_that_were_not_exported_are_not_run(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "one.c"
    file.write_bytes(content)
    refused(["run", str(file), "--kernel", str(tmp_path)], says, capsys)


def test_run_needs_a_file_and_a_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "one.c"
    refused(["run", str(file), "--kernel", str(tmp_path)], "cannot read", capsys)
    file.write_text(MARK)
    refused(["run", str(file)], "--kernel", capsys)
    refused(["run", str(file), "--kernel", str(tmp_path)], "no kernel tree", capsys)
    arguments = ["run", str(file), "--kernel", str(tmp_path), "--layout", "mips32-5k"]
    refused(arguments, "unknown layout", capsys)
    arguments = ["run", str(file), "--kernel", str(tmp_path), "--program", str(tmp_path)]
    refused(arguments, "it is a folder", capsys)


def test_numbers_of_the_runner_have_its_names() -> None:
    text = (ROOT / "impl/kernel/runner/slat.h").read_text()
    for kind, names in (("slat_code", CODES), ("slat_subject", SUBJECT_NAMES)):
        body = text.partition(f"enum {kind} {{")[2].partition("}")[0]
        found = [name.strip() for name in body.split(",") if name.strip()]
        assert tuple(name for name in found if name != "SU_COUNT") == names
    assert (len(CODES), len(SUBJECT_NAMES)) == (len(EVENTS), len(SUBJECTS))


def test_the_table_of_the_documentation_is_what_is_refused() -> None:
    lines = (ROOT / "docs/export.md").read_text().splitlines()
    start = lines.index("| rule | `pytest` | `c` | `kunit` |") + 2
    rows = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        name, *forms = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name] = tuple(forms)
    assert rows == {
        f"[{one.name}](rules/{one.name}.md)": (
            "yes",
            "no" if one.name in COMPILED else "yes",
            "no" if one.name in BOOKS else "yes",
        )
        for one in RULES
    }


@pytest.mark.parametrize(
    ("name", "order", "text"),
    [
        ("mips32-4k", "big", "mips32-4k"),
        ("mips32-4k", "little", "mips32-4k:le"),
        ("riscv64-sv39x4", "little", "riscv64-sv39x4"),
    ],
)
def test_only_an_unusual_byte_order_is_told(name: str, order: str, text: str) -> None:
    assert running.called(layout(name), order) == text
    assert running.named(text) == (layout(name), order)
