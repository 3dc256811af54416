# SPDX-License-Identifier: GPL-2.0-only
"""Fetches the real kernel trees that the tests run on, from Debian's source packages."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

PACKAGES = ("linux-source-6.1", "linux-source-6.12")

#: Written last into a tree: the package and its version, then the parts that were kept of it.
MARKER = ".slatcheck-package"

#: Folders taken whole and single files, relative to the top of the tree.
FOLDERS = (
    "arch/mips",
    "arch/riscv/include",
    "arch/riscv/kvm",
    "arch/riscv/mm",
    "include",
    "virt/kvm",
    "tools/testing/kunit",
    "tools/testing/selftests/kselftest",
    "tools/testing/selftests/kvm",
)
FILES = (
    "COPYING",
    "Makefile",
    "scripts/Kconfig.include",
    "scripts/subarch.include",
    "tools/testing/selftests/Makefile",
    "tools/testing/selftests/lib.mk",
)

BY_HAND = (
    "get the Debian packages linux-source-6.1 and linux-source-6.12 (or any kernel tree), unpack "
    "them as linux-source-VERSION in a folder and set SLATCHECK_KERNELS to it, or pass KERNEL=PATH"
)

ROOT = Path(__file__).resolve().parent.parent


class FetchError(Exception):
    """A tree cannot be had; the message is one line for the user."""


def wanted(path: str) -> bool:
    """Whether PATH, relative to the top of a kernel tree, belongs to what the tests need."""
    name = PurePosixPath(path).name
    return (
        path in FILES
        or name.startswith("Kconfig")
        or any(path == folder or path.startswith(folder + "/") for folder in FOLDERS)
    )


def usable(tree: Path) -> bool:
    """Whether TREE is a kernel tree at all."""
    return (tree / "arch/mips/kvm/mmu.c").is_file()


def outdated(tree: Path) -> bool:
    """Whether TREE was fetched when other parts were kept. A tree put there by hand never is."""
    try:
        lines = (tree / MARKER).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return sorted(lines[1:]) != sorted((*FOLDERS, *FILES))


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Run COMMAND in the C locale and return what it printed; FetchError when it fails."""
    env = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        detail = lines[-1] if lines else f"status {done.returncode}"
        raise FetchError(f"{' '.join(command[:2])} failed: {detail}")
    return done.stdout


def has_candidate(package: str) -> bool:
    """Whether apt's lists, as they are now, offer a version of PACKAGE."""
    for line in run(["apt-cache", "policy", package]).splitlines():
        label, _, value = line.strip().partition(": ")
        if label == "Candidate":
            return value != "(none)"
    return False


def download(package: str, folder: Path) -> Path:
    """Download PACKAGE into FOLDER and return the .deb; apt's lists are refreshed if need be."""
    refreshed = False
    if not has_candidate(package):
        run(["apt-get", "-q", "update"])
        refreshed = True
        if not has_candidate(package):
            raise FetchError(f"apt knows no package {package}: {BY_HAND}")
    try:
        run(["apt-get", "-q", "download", package], cwd=folder)
    except FetchError:
        if refreshed:
            raise
        run(["apt-get", "-q", "update"])
        run(["apt-get", "-q", "download", package], cwd=folder)
    return newest(package, folder)


def newest(package: str, folder: Path) -> Path:
    """Return the .deb of PACKAGE in FOLDER that was written last; FetchError if there is none."""
    found = sorted(folder.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise FetchError(f"no {package}_*.deb in {folder}")
    return found[-1]


@contextmanager
def decompressed(archive: Path) -> Iterator[tarfile.TarFile]:
    """Open the .tar.xz ARCHIVE as a stream; several threads decompress it where xz is there."""
    if shutil.which("xz") is None:
        with tarfile.open(archive, "r|xz") as tar:
            yield tar
        return
    with subprocess.Popen(["xz", "-dc", "-T0", str(archive)], stdout=subprocess.PIPE) as xz:
        stream: IO[bytes] | None = xz.stdout
        assert stream is not None
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            yield tar
        while stream.read(1 << 20):
            pass  # let xz end by itself, so that its exit status says whether the file is whole
    if xz.returncode != 0:
        raise FetchError(f"{archive.name} is damaged (xz: status {xz.returncode})")


def extract(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, tree: Path) -> None:
    """Write MEMBER, a file or a symbolic link, to PATH in TREE; never outside of TREE.

    Written out because tarfile's own filter="data" is younger than Python 3.11.0.
    """
    target = tree / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(tree.resolve()):
        raise FetchError(f"{member.name} points out of the tree")
    if member.issym():
        goal = Path(os.path.normpath(target.parent / member.linkname))
        if not goal.is_relative_to(tree):
            raise FetchError(f"{member.name} points out of the tree")
        target.symlink_to(member.linkname)
        return
    source = tar.extractfile(member) if member.isreg() else None
    if source is None:
        raise FetchError(f"{member.name} is neither a file nor a symbolic link")
    with source, target.open("xb") as out:
        shutil.copyfileobj(source, out)
    if member.mode & 0o100:
        target.chmod(0o755)


def unpack(archive: Path, tree: Path) -> int:
    """Extract the wanted part of ARCHIVE into TREE, without its top folder; count the files."""
    count = 0
    with decompressed(archive) as tar:
        for member in tar:
            _, _, path = member.name.partition("/")
            if not member.isdir() and wanted(path):
                extract(tar, member, path, tree)
                count += 1
    return count


def fetch(package: str, cache: Path, debs: Path | None = None) -> str:
    """Put the tree of PACKAGE into CACHE, in one step; return its Debian version.

    The .deb comes from the folder DEBS if given, otherwise from apt. Nothing that looks like a
    finished tree is left behind when this fails or is interrupted.
    """
    tree = cache / package
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{package}.", dir=cache) as name:
        work = Path(name)
        deb = newest(package, debs) if debs else download(package, work)
        version = run(["dpkg-deb", "-f", str(deb), "Version"]).strip()
        run(["dpkg-deb", "-x", str(deb), str(work / "deb")])
        archive = work / "deb" / "usr" / "src" / f"{package}.tar.xz"
        if not archive.is_file():
            raise FetchError(f"{deb.name} holds no {archive.name}")
        fresh = work / "tree"
        unpack(archive, fresh)
        if not usable(fresh):
            raise FetchError(f"{archive.name} holds no arch/mips/kvm/mmu.c")
        parts = "".join(f"{part}\n" for part in (*FOLDERS, *FILES))
        (fresh / MARKER).write_text(f"{package} {version}\n{parts}", encoding="utf-8")
        if tree.exists():
            tree.rename(work / "old")
        fresh.rename(tree)
    return version


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch what is absent. Return 0 when all trees are there, 2 when one cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "packages", nargs="*", metavar="PACKAGE", help=f"default: {' '.join(PACKAGES)}"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=ROOT / Path(os.environ.get("SLATCHECK_KERNELS") or ".cache/kernels").expanduser(),
        help="where the trees go (default: SLATCHECK_KERNELS, else .cache/kernels)",
    )
    parser.add_argument("--from", dest="debs", type=Path, help="take the .deb files of this folder")
    parser.add_argument("--refresh", action="store_true", help="replace trees that are there")
    options = parser.parse_args(arguments)

    status = 0
    for package in options.packages or PACKAGES:
        tree = options.cache / package
        if usable(tree) and not options.refresh:
            if not outdated(tree):
                print(f"{package}: already there")
                continue
            print(f"{package}: parts that the tests need are missing; fetching it again")
        needed = ("dpkg-deb",) if options.debs else ("apt-get", "apt-cache", "dpkg-deb")
        missing = [tool for tool in needed if shutil.which(tool) is None]
        if missing:
            print(f"fetch_kernels: no {missing[0]} on this machine: {BY_HAND}", file=sys.stderr)
            return 2
        try:
            print(f"{package}: {fetch(package, options.cache.resolve(), options.debs)}", flush=True)
        except (FetchError, OSError, tarfile.TarError) as error:
            print(f"fetch_kernels: {package}: {error}", file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
