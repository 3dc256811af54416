# SPDX-License-Identifier: GPL-2.0-only
"""b4 itself runs slatcheck on the patches of a series, and shows what it reports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.programs import real
from tests.kernels.repository import MMU, NOBODY, Repository
from tests.kernels.test_against import FLUSH, LOOP, files

B4 = Path(sys.executable).with_name("b4")
ON = ("--layout", "mips32-4k", "--evidence", "differential", "--max-ops", "2000")
COMMAND = f"b4 {' '.join(ON)}"
#: What 'b4 review' does with the mails of a thread once it has them: no list is asked.
REVIEW = """
import argparse, email, json, sys
import b4
from b4.review import checks
b4.setup_config(argparse.Namespace(config=None))
perpatch, _ = checks.load_check_cmds()
mails = []
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        mails.append((name, email.message_from_binary_file(file, policy=b4.emlpolicy)))
told = checks.run_perpatch_checks(mails, perpatch, b4.git_get_toplevel())
store = checks.get_db()
for name, results in told.items():
    checks.store_results(store, name, results)
print(json.dumps(checks.get_cached_results(store, list(told))))
"""


class Reviewed(Repository):
    """A repository, and b4 with a home of its own."""

    def __init__(self, folder: Path, tree: Path) -> None:
        super().__init__(folder / "linux", tree)
        self.program = real(folder)
        self.env = {
            **NOBODY,
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "SLATCHECK_CACHE": str(folder / "kept"),
        }
        self.git("config", "user.name", "nobody")
        self.git("config", "user.email", "nobody@localhost")

    def b4(self, *args: str) -> str:
        """Run b4 in the repository and return all that it prints, without colours."""
        done = subprocess.run(
            [B4, *args], cwd=self.top, env=self.env, capture_output=True, text=True, check=True
        )
        return re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)

    def review(self, *mails: Path) -> Any:
        """Return what b4 keeps of the checks of mails, by their file."""
        done = subprocess.run(
            [sys.executable, "-c", REVIEW, *map(str, mails)],
            cwd=self.top, env=self.env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def patch(self, patch: bytes, *args: str, tree: Path | None = None) -> tuple[int, str, str]:
        """Run slatcheck b4 on a patch; return its status and what it prints on both ways out."""
        done = subprocess.run(
            [self.program, *COMMAND.split(), *args],
            cwd=tree or self.top, env=self.env, input=patch, capture_output=True,
        )  # fmt: skip
        return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="module")
def repository(
    kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Reviewed:
    """Give a repository with a series of three: an innocent patch, a bug, one on top of it."""
    found = Reviewed(tmp_path_factory.mktemp("b4"), kernel_trees["6.12"])
    found.b4("prep", "--new", "series", "--fork-point", "main")
    (found.tree / "MAINTAINERS").write_text("nobody\n")
    found.commit("MAINTAINERS: add nobody\n\nNobody cares.\n\nSigned-off-by: nobody")
    found.change(*LOOP, FLUSH)
    found.commit("KVM: MIPS: save a step\n\nIt is faster.\n\nSigned-off-by: nobody")
    found.change("i < i_max", "i != i_max", FLUSH)
    found.commit("KVM: MIPS: compare otherwise\n\nThe same.\n\nSigned-off-by: nobody")
    found.git("format-patch", "--quiet", "--output-directory", str(found.top.parent / "p"), "-3")
    return found


def mails(repository: Reviewed) -> list[Path]:
    return sorted((repository.top.parent / "p").iterdir())


def test_b4_prep_shows_what_each_patch_breaks(repository: Reviewed) -> None:
    before = files(repository.tree), repository.git("status", "--porcelain", "--branch")
    command = f"{repository.program} {COMMAND} --format text"
    repository.git("config", "b4.prep-perpatch-check-cmd", command)
    told = repository.b4("prep", "--check")
    patches = re.split(r"^● ", told.partition("---\n")[2], flags=re.MULTILINE)[1:]
    innocent, bug, onward = (one for one in patches if re.match(r"[0-9a-f]{12}: ", one))
    assert "ERROR" not in innocent and "WARNING" not in innocent
    assert "MAINTAINERS: add nobody" in innocent
    assert "KVM: MIPS: save a step" in bug
    assert "slatcheck: ERROR: arch/mips/kvm/mmu.c:270: stale-mapping: " in bug
    assert "compare otherwise" in onward and "ERROR" not in onward
    assert told.rstrip().splitlines()[-1].startswith("Success: 2, Warning: 0, Error: ")
    assert before == (files(repository.tree), repository.git("status", "--porcelain", "--branch"))


def test_b4_review_keeps_one_result_with_every_cause(repository: Reviewed) -> None:
    repository.git("config", "b4.review-perpatch-check-cmd", f"{repository.program} {COMMAND}")
    innocent, bug, onward = mails(repository)
    told = repository.review(innocent, bug, onward)
    assert str(innocent) not in told, "there is nothing to say of it"
    (broken,) = told[str(bug)]
    assert (broken["tool"], broken["status"]) == ("slatcheck", "fail")
    details = json.loads(broken["details"])
    assert any(
        "stale-mapping (unsafe) in kvm_mips_flush_gpa_pt" in one["description"] for one in details
    )
    assert {one["status"] for one in details} == {"fail"}
    (same,) = told[str(onward)]
    assert same["status"] == "pass", "it is compared with the patch before it"
    assert same["summary"].startswith("nothing new in 1 layout, ")


def test_a_patch_that_nobody_committed_is_applied_to_head(repository: Reviewed) -> None:
    _, bug, onward = mails(repository)
    repository.git("checkout", "--quiet", "main")
    branch = repository.git("for-each-ref", "--format=%(refname:short)", "refs/heads/b4")
    repository.git("branch", "--move", branch, "elsewhere")
    objects = sorted((repository.top / ".git/objects").rglob("*"))
    before = files(repository.tree), repository.git("status", "--porcelain", "--branch")
    try:
        status, out, err = repository.patch(bug.read_bytes())
        assert (status, json.loads(out)[0]["status"], err) == (1, "fail", "")
        status, out, err = repository.patch(onward.read_bytes())
        assert (status, json.loads(out)[0]["status"]) == (2, "fail")
        assert "does not apply to HEAD" in json.loads(out)[0]["summary"]
        assert err.startswith("slatcheck: the patch does not apply to HEAD (")
        assert err.count("\n") == 1
        base = repository.git("rev-parse", "elsewhere~1")
        made = onward.read_bytes() + f"\nbase-commit: {base}\n".encode()
        status, out, err = repository.patch(made)
        assert (status, json.loads(out)[0]["status"], err) == (0, "pass", "")
    finally:
        repository.git("branch", "--move", "elsewhere", branch)
        repository.git("checkout", "--quiet", branch)
    assert before[0] != files(repository.tree)
    repository.git("checkout", "--quiet", "main")
    assert before == (files(repository.tree), repository.git("status", "--porcelain", "--branch"))
    repository.git("checkout", "--quiet", branch)
    assert sorted((repository.top / ".git/objects").rglob("*")) == objects


def test_a_patch_that_removes_the_subject_fails(repository: Reviewed) -> None:
    repository.git("rm", "--quiet", MMU)
    patch = repository.git("diff", "--cached").encode() + b"\n"
    repository.git("reset", "--quiet", "--hard")
    status, out, _ = repository.patch(patch)
    assert (status, json.loads(out)[0]["status"]) == (2, "fail")
    assert "mmu.c" in json.loads(out)[0]["summary"]


def test_a_patch_that_leads_out_of_the_tree_fails(repository: Reviewed, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("int secret;\n")
    link = repository.tree / MMU
    link.unlink()
    link.symlink_to(secret)
    patch = repository.git("diff").encode() + b"\n"
    repository.git("reset", "--quiet", "--hard")
    status, out, err = repository.patch(patch)
    assert (status, json.loads(out)[0]["status"]) == (2, "fail")
    assert "secret" not in out + err.replace(str(secret), "")

    target = f"{'../' * 30}{tmp_path}/written.h".replace("//", "/")
    new = f"--- /dev/null\n+++ b/arch/mips/kvm/{target}\n@@ -0,0 +1 @@\n+int x;\n"
    also = f"--- a/{MMU}\n+++ b/{MMU}\n@@ -1 +1 @@\n-nothing\n+something\n"
    status, out, _ = repository.patch((new + also).encode())
    assert (status, json.loads(out)[0]["status"]) == (2, "fail")
    assert list(tmp_path.iterdir()) == [secret]


def test_a_patch_that_does_not_compile_is_no_success(repository: Reviewed) -> None:
    repository.change("return ret;", "return no_such_thing;", "_kvm_mips_map_page_fast")
    patch = repository.git("diff").encode() + b"\n"
    repository.git("reset", "--quiet", "--hard")
    status, out, _ = repository.patch(patch)
    only = json.loads(out)[0]
    assert (status, only["status"]) == (3, "warn")
    assert "unsupported" in only["summary"]
    status, out, err = repository.patch(patch, "--format", "text")
    assert (status, err) == (3, "")
    assert out.startswith("WARNING: ")


@pytest.mark.parametrize("patch", [b"", b"garbage", b"\xff" * 100])
def test_what_is_no_patch_ends_in_one_line(repository: Reviewed, patch: bytes) -> None:
    status, out, err = repository.patch(patch)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("slatcheck: ")


def test_outside_of_git_it_is_said(repository: Reviewed, tmp_path: Path) -> None:
    status, _, err = repository.patch(mails(repository)[1].read_bytes(), tree=tmp_path)
    assert status == 2 and "is in no git repository" in err


def test_a_patch_outside_is_answered_at_once(repository: Reviewed) -> None:
    before = os.times().children_user
    assert repository.patch(mails(repository)[0].read_bytes()) == (0, "[]\n", "")
    assert os.times().children_user - before < 2
