# SPDX-License-Identifier: GPL-2.0-only
"""Real trees in git repositories, for tests of revisions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.kernels.copies import edit, share_what_is_read

MMU = "arch/mips/kvm/mmu.c"
NOBODY = {
    **os.environ,
    "GIT_AUTHOR_NAME": "nobody",
    "GIT_AUTHOR_EMAIL": "nobody@localhost",
    "GIT_COMMITTER_NAME": "nobody",
    "GIT_COMMITTER_EMAIL": "nobody@localhost",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


class Repository:
    """A git repository with a real tree in it, at its top or in a folder."""

    def __init__(self, top: Path, tree: Path, within: str = "") -> None:
        self.top = top
        self.tree = top / within
        self.tree.mkdir(parents=True, exist_ok=True)
        share_what_is_read(tree, self.tree)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("as it was")

    def git(self, *args: str, check: bool = True) -> str:
        """Run git in the repository and return what it prints."""
        done = subprocess.run(
            ["git", "-C", str(self.top), *args],
            env=NOBODY, capture_output=True, text=True, check=check,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        """Commit the work tree and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def reset(self) -> None:
        """Go back to the first commit; everything else is forgotten."""
        self.git("bisect", "reset", check=False)
        self.git("tag", "--delete", "good", check=False)
        first = self.git("rev-list", "--max-parents=0", "HEAD")
        self.git("reset", "--quiet", "--hard", first)
        self.git("clean", "--quiet", "-d", "--force", "-x")

    def change(self, old: str, new: str, function: str = "", file: str = MMU) -> None:
        """Replace the first place of ``old`` in a file, or in it from a function's name on."""

        def changed(text: str) -> str:
            at = text.index(old, text.index(f"{function}(") if function else 0)
            return text[:at] + new + text[at + len(old) :]

        edit(self.tree, file, changed)
