# SPDX-License-Identifier: GPL-2.0-only
"""A small tree in git that is recognised as Linux with KVM for MIPS: nothing in it is compiled."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kernels.repository import NOBODY

FILE = "arch/mips/kvm/mmu.c"
FUNCTION = "bool kvm_unmap_gfn_range(void)\n{\n\treturn flush(start, end);\n}\n"
_FILES = {
    "Makefile": "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 1\n",
    "include/linux/unrelated.h": "",
    "arch/mips/kvm/mips.c": "",
    "virt/kvm/kvm_main.c": "",
    "arch/mips/include/asm/pgtable.h": "",
    FILE: "/* nothing yet */\n",
}


def git(top: Path, *args: str) -> str:
    """Run git in a folder and return what it prints."""
    done = subprocess.run(
        ["git", "-C", str(top), *args], env=NOBODY, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def write(top: Path, name: str, text: str) -> None:
    """Write a file of the tree."""
    file = top / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def commit(top: Path, subject: str) -> str:
    """Commit all there is and return the commit."""
    git(top, "add", "--all")
    git(top, "commit", "--quiet", "--message", subject)
    return git(top, "rev-parse", "HEAD")


def small(top: Path) -> Path:
    """Return a tree without its function, in git."""
    for name, text in _FILES.items():
        write(top, name, text)
    git(top, "init", "--quiet", "--initial-branch=main")
    commit(top, "as it was")
    return top
