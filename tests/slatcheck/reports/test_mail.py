# SPDX-License-Identifier: GPL-2.0-only
"""The form mail: what a mail program reads, and what a maintainer does."""

from __future__ import annotations

import email
import email.policy
import shlex
import subprocess
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import assume, given

from impl.kernel.ports import open_tree
from slatcheck import cli
from slatcheck.document.result import Document, Location
from slatcheck.errors import InputError
from slatcheck.reports import forms
from slatcheck.reports import json as json_report
from tests.integrations.programs import parsed
from tests.slatcheck.gate import trees
from tests.slatcheck.reports.documents import documents, holding
from tests.slatcheck.reports.test_reports import document, finding, full

WIDTH = 72
MARK = "stale-mapping/kvm_unmap_gfn_range/ends-at-top"


def written(found: Document, subject: str = MARK, tree: Path | None = None) -> EmailMessage:
    """Return a mail as Python's mail reader has it."""
    text = forms.render("mail", found, None, forms.Asked(tree, subject))
    assert text.isascii()
    for line in text.splitlines():
        # A tag is not to be wrapped; the name of a finding, after its option, cannot be.
        whole = line.startswith("Fixes: ") or line.lstrip().startswith("--")
        assert len(line) <= WIDTH or whole or " " not in line.strip(), line
        assert line == line.rstrip() and "\t" not in line
    message = email.message_from_string(text, policy=email.policy.default)
    assert not message.defects
    assert not message.is_multipart()
    assert isinstance(message, EmailMessage)
    return message


def body(message: EmailMessage) -> str:
    told: str = message.get_content()
    return told


def commands(text: str) -> list[list[str]]:
    """Return the commands in a mail, as a shell splits them."""
    joined = text.replace("\\\n", " ")
    lines = (line for line in joined.splitlines() if line.startswith("    "))
    return [shlex.split(line) for line in lines if line.split()[0] in ("slatcheck", "git")]


def test_what_where_and_how_are_told() -> None:
    message = written(full())
    assert message["Subject"] == "[BUG] KVM: MIPS: kvm_unmap_gfn_range(): stale mapping"
    assert message["To"] is None and message["Cc"] is None
    assert "scripts/get_maintainer.pl -f arch/mips/kvm/mmu.c" in message["Comments"]
    assert message.get_content_type() == "text/plain"
    text = body(message)
    assert "kvm_unmap_gfn_range, arch/mips/kvm/mmu.c:441" in text
    assert "  3. kvm_unmap_gfn_range(): unmap [0xfffff, 0x100000)" in text
    assert "    + gfn 0xfffff: as before" in text
    assert "mips32-16k: CONFIG_32BIT CONFIG_PAGE_SIZE_16KB CONFIG_CPU_MIPS32_R5" in text
    assert "Byte order: big-endian." in text and "P5600" in text
    assert "Looked at as well, without this: mips64-4k." in text
    assert "The history of the tree was not available." in text


def test_the_commands_are_what_slatcheck_takes() -> None:
    told = [one[1:] for one in commands(body(written(full()))) if one[0] == "slatcheck"]
    assert [one[0] for one in told] == ["check", "replay", "export", "run"]
    contexts = [parsed(one) for one in told]
    assert contexts[0].params["seed"] == 7
    assert contexts[0].params["patterns"] == ("mips32-4k",)
    assert contexts[1].params["finding"] == contexts[2].params["finding"] == MARK
    (bisect,) = [
        one[3:] for one in commands(body(written(full()))) if one[:3] == ["git", "bisect", "run"]
    ]
    assert bisect[0] == "slatcheck"
    assert parsed(bisect[1:]).params["bisect"] == MARK


@given(found=documents())
def test_no_text_of_a_tree_breaks_out_of_the_mail(found: Document) -> None:
    assume(found.findings and found.kernel is not None)
    for one in found.findings:
        try:
            message = written(found, one.fingerprint)
        except InputError:
            continue
        assert set(message.keys()) == {
            "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Comments",
        }  # fmt: skip
        assert "\nFrom " not in body(message)


def test_with_several_causes_one_has_to_be_chosen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json_report.render(full()))
    mail = ["report", str(file), "--format", "mail"]
    for more in ([], ["--cause", "no-such"], ["--finding", "no-such"]):
        assert cli.run([*mail, *more]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert all(cause.id in err for cause in full().causes)
    (about,) = [cause.id for cause in full().causes if MARK in cause.findings]
    for option, name in (("--cause", about), ("--finding", MARK)):
        assert cli.run([*mail, option, name]) == 1
        assert capsys.readouterr().out.startswith("Subject: [BUG] KVM: MIPS: ")
    assert cli.run([*mail, "--cause", MARK, "--finding", MARK]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_the_only_cause_need_not_be_chosen() -> None:
    found = full()
    found.findings = [finding()]
    assert body(written(found, ""))


@pytest.mark.parametrize(("found", "why"), [(holding(), "no finding"), (full(), "built-in")])
def test_there_must_be_something_to_write_about(found: Document, why: str) -> None:
    if why == "built-in":
        found.kernel = None
    with pytest.raises(InputError, match=why):
        written(found, "")


# Since when


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return trees.small(tmp_path / "linux")


def about(tree: Path, line: int = 2) -> Document:
    """Return a document about a line of the tree's only function."""
    place = Location("kvm_unmap_gfn_range", trees.FILE, line)
    found = document(findings=(replace(finding(), location=place),))
    found.kernel = {"version": "6.12.1", "digest": open_tree(tree).digest()}
    return found


def test_the_commit_of_the_lines_is_named(tree: Path) -> None:
    trees.write(tree, trees.FILE, f"/* nothing yet */\n{trees.FUNCTION}")
    broke = trees.commit(
        tree, 'KVM: MIPS: "Unmap" a range, with a subject longer than one line has'
    )
    trees.write(tree, trees.FILE, f"/* more */\n{trees.FUNCTION}")
    trees.commit(tree, "something else")
    text = body(written(about(tree), tree=tree))
    subject = 'KVM: MIPS: "Unmap" a range, with a subject longer than one line has'
    assert f'\nFixes: {broke[:12]} ("{subject}")\n' in text
    assert "It was not bisected" in " ".join(text.split())
    assert "something else" not in text


def test_a_line_within_a_function_is_looked_at_alone(tree: Path) -> None:
    trees.write(tree, trees.FILE, f"/* nothing yet */\n{trees.FUNCTION}")
    whole = trees.commit(tree, "the function")
    trees.write(
        tree, trees.FILE, f"/* nothing yet */\n{trees.FUNCTION}".replace("end)", "end - 1)")
    )
    line = trees.commit(tree, "the line")
    text = body(written(about(tree, 4), tree=tree))
    assert f'Fixes: {line[:12]} ("the line")' in text
    text = body(written(about(tree), tree=tree))
    assert f'Fixes: {whole[:12]} ("the function")' in text
    assert f'{line[:12]} ("the line")' in text


def test_a_history_that_begins_with_the_line_names_no_commit(tree: Path, tmp_path: Path) -> None:
    trees.write(tree, trees.FILE, trees.FUNCTION)
    trees.commit(tree, "the function")
    trees.write(tree, "include/linux/unrelated.h", "int x;\n")
    trees.commit(tree, "unrelated")
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{tree}", str(shallow)], check=True
    )
    text = body(written(about(shallow, 1), tree=shallow))
    assert "Fixes:" not in text
    assert "The history at hand begins with these lines" in text


def test_another_tree_than_the_one_judged_tells_nothing(tree: Path) -> None:
    found = about(tree)
    trees.write(tree, trees.FILE, f"\n{trees.FUNCTION}")
    trees.commit(tree, "changed since")
    text = body(written(found, tree=tree))
    assert "Fixes:" not in text and "The history of the tree was not available." in text
