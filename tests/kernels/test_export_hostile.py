# SPDX-License-Identifier: GPL-2.0-only
"""Programs that strangers wrote: all they can do to the outside is to print and to end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from impl.kernel.symbols import Symbols
from slatcheck import cli
from slatcheck.document.result import Verdict
from slatcheck.export import program, running


@pytest.fixture(scope="module")
def tree(kernel_trees: Mapping[str, Path]) -> Path:
    return kernel_trees["6.12"]


HEAD = "/*\n * slatcheck-run: c mips32-16k\n */\n"
BODY = '#include "arch/mips/kvm/mmu.c"\n#include "mips_slice.h"\n#include "reproduce.h"\n'
MAIN = 'int main(void) { about("x", 1); %s return 0; }\n'
HOSTILE = {
    "says nothing": (BODY + "int main(void) { return 0; }\n", "UNDECIDED"),
    "another system call": (
        BODY + MAIN % '__asm__ volatile("li $2, 4001\\n\\tsyscall" ::: "$2", "memory");',
        "it made system call 4001, which is not answered",
    ),
    "prints without end": (
        BODY + MAIN % 'for (;;) slat_say("more\\n");',
        "it printed more than 1048576 bytes",
    ),
    "writes what it may not read": (
        BODY
        + MAIN
        % '__asm__ volatile("li $2, 4004\\n\\tli $4, 1\\n\\tli $5, 16\\n\\tli $6, 64\\n\\tsyscall"'
        ' ::: "$2", "$4", "$5", "$6", "memory");',
        "it printed from where nothing is",
    ),
}


def test_a_program_that_prints_goes_on(tree: Path, tmp_path: Path) -> None:
    """On a slow machine it may take long before it is too much; little at a time is no excuse."""
    path = tmp_path / "program.c"
    path.write_text(HEAD + BODY + "int main(void) { return 0; }\n")
    image = running.build(running.read(path), tree, None)
    process = program.Process(image, Symbols(image.elf))
    process.restart()
    seen = []
    for _ in range(program.MOST_OUTPUT >> 10):
        seen.append(process._progress())
        process._printed += bytes(1 << 10)
    assert len(set(seen)) == program.BLOCKS


@pytest.mark.parametrize("name", HOSTILE)
def test_a_program_can_print_and_end_and_nothing_else(
    name: str, tree: Path, tmp_path: Path
) -> None:
    text, says = HOSTILE[name]
    path = tmp_path / "hostile.c"
    path.write_text(HEAD + text)
    verdict, ran = running.run(running.build(running.read(path), tree, None))
    assert verdict is Verdict.UNKNOWN
    assert says in (ran.fault or ran.output)
    assert len(ran.output) <= program.MOST_OUTPUT


def test_a_program_without_end_is_ended(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from impl.kernel import machine

    monkeypatch.setattr(machine, "SECONDS", 0.5)
    path = tmp_path / "hostile.c"
    path.write_text(HEAD + BODY + MAIN % 'for (;;) __asm__ volatile("");')
    verdict, ran = running.run(running.build(running.read(path), tree, None))
    assert (verdict, ran.fault) == (Verdict.UNKNOWN, "it does not end")


@pytest.mark.parametrize(
    "text",
    [
        '#include "/etc/passwd"\n',
        '__asm__(".incbin \\"/etc/passwd\\"");\n',
    ],
)
def test_a_file_reaches_nothing_but_the_tree_and_the_shim(
    text: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "hostile.c"
    path.write_text(HEAD + text + BODY + MAIN % "")
    assert cli.run(["run", str(path), "--kernel", str(tree)]) == 3
    said = capsys.readouterr()
    assert said.err.startswith("slatcheck: unsupported: ") and "root:" not in said.err + said.out
