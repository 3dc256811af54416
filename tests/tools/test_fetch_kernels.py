# SPDX-License-Identifier: GPL-2.0-only
"""Fetching kernel trees: what is kept, and when it is fetched again."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tools import fetch_kernels as fetch

PACKAGE = "linux-source-6.12"
KEPT = ("arch/mips/kvm/mmu.c", "tools/testing/kunit/kunit.py", *fetch.FILES)
LEFT = ("kernel/fork.c", "tools/testing/selftests/net/a.sh", "tools/testing/kunit.py")


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a small Debian package of a kernel's source."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("no dpkg-deb on this machine")
    work = tmp_path_factory.mktemp("debs")
    source = work / PACKAGE
    for name in (*KEPT, *LEFT):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"{name}\n")
    package = work / "package"
    (package / "usr/src").mkdir(parents=True)
    with tarfile.open(package / f"usr/src/{PACKAGE}.tar.xz", "w:xz") as tar:
        tar.add(source, PACKAGE)
    (package / "DEBIAN").mkdir()
    (package / "DEBIAN/control").write_text(
        f"Package: {PACKAGE}\nVersion: 6.12.1-1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: a source\n"
    )
    subprocess.run(
        ["dpkg-deb", "--build", package, work / f"{PACKAGE}_6.12.1-1_all.deb"],
        check=True,
        capture_output=True,
    )
    return work


def run(debs: Path, cache: Path, *more: str) -> int:
    return fetch.main([PACKAGE, "--cache", str(cache), "--from", str(debs), *more])


def files(tree: Path) -> set[str]:
    return {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}


def test_what_is_wanted_is_kept_and_nothing_else(debs: Path, tmp_path: Path) -> None:
    assert run(debs, tmp_path) == 0
    assert files(tmp_path / PACKAGE) == {*KEPT, fetch.MARKER}
    assert [path.name for path in tmp_path.iterdir()] == [PACKAGE]


def test_a_tree_that_is_there_stays(
    debs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debs, tmp_path)
    mine = tmp_path / PACKAGE / "mine"
    mine.touch()
    assert run(debs, tmp_path) == 0
    assert mine.exists()
    assert f"{PACKAGE}: already there" in capsys.readouterr().out
    assert run(debs, tmp_path, "--refresh") == 0
    assert not mine.exists()


@pytest.mark.parametrize("old", ["linux-source-6.12 6.12.0-1\n", ""])
def test_a_tree_fetched_with_fewer_parts_is_fetched_again(
    debs: Path, tmp_path: Path, old: str
) -> None:
    tree = tmp_path / PACKAGE
    run(debs, tmp_path)
    (tree / "tools/testing/kunit/kunit.py").unlink()
    (tree / fetch.MARKER).write_text(old)
    assert fetch.outdated(tree)
    assert run(debs, tmp_path) == 0
    assert files(tree) == {*KEPT, fetch.MARKER}
    assert not fetch.outdated(tree)


def test_a_tree_put_there_by_hand_is_never_replaced(debs: Path, tmp_path: Path) -> None:
    mmu = tmp_path / PACKAGE / "arch/mips/kvm/mmu.c"
    mmu.parent.mkdir(parents=True)
    mmu.write_text("my own\n")
    assert run(debs, tmp_path) == 0
    assert mmu.read_text() == "my own\n"


def test_what_cannot_be_had_leaves_the_old_tree(
    tmp_path: Path, debs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(debs, tmp_path)
    (tmp_path / PACKAGE / fetch.MARKER).write_text("old\n")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(empty, tmp_path) == 2
    assert (tmp_path / PACKAGE / "arch/mips/kvm/mmu.c").is_file()
    assert f"fetch_kernels: {PACKAGE}: no {PACKAGE}_*.deb" in capsys.readouterr().err
