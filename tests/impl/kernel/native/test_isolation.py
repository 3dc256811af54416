# SPDX-License-Identifier: GPL-2.0-only
"""Each protection of a native process: it is there, and what happens where it is left out."""

from __future__ import annotations

import base64
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from impl.kernel.errors import IsolationError, UnsupportedError
from impl.kernel.native.kernel import NativeKernel
from impl.kernel.native.loader import loader
from impl.kernel.native.memory import file_of
from impl.kernel.native.process import NEEDED, Protection
from impl.kernel.ports.mips.files import MMU
from impl.kernel.toolchain import find
from support import cache
from support.cache import CacheError, Mode
from tests.impl.kernel.native.builds import (
    FLUSH,
    LAYOUTS,
    SHORT,
    native,
    native_image,
    needs_host,
    put,
    rewritten,
)
from tests.impl.kernel.native.hostile import CALLS
from tests.impl.kernel.native.test_hostile import Outside
from tests.kernels.copies import share_what_is_read
from tests.processes import ended

pytestmark = needs_host

ROOT = Path(__file__).resolve().parents[4]
NOTHING = Protection(0)
Plant = Callable[[str], Path]
Reached = tuple[bool, bool, bool]
"""Whether a file was created, a connection made, a signal sent."""


@pytest.fixture(scope="module")
def plant(kernel_trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Give what puts statements where a flush begins, in a copy of a real tree."""
    folder = tmp_path_factory.mktemp("isolation") / "linux"
    share_what_is_read(kernel_trees["6.12"], folder)
    original = (kernel_trees["6.12"] / MMU).read_text()
    return lambda body: rewritten(folder, original, put(body, CALLS[64]))


@contextmanager
def running(root: Path, without: Protection = NOTHING, bits: int = 64) -> Iterator[NativeKernel]:
    """Give a tree in a process that lacks some protections."""
    kernel = native(root, LAYOUTS[bits], SHORT, int(without), trusted=bool(without))
    assert not kernel.machine.protections & without
    try:
        yield kernel
    finally:
        kernel.machine.close()


def only_child() -> int:
    """Return the one process that runs an image, and that this process has started."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    loaders = [
        pid for pid in found if "slatcheck-loade" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    assert len(loaders) == 1
    return loaders[0]


def needs(root: Path, one: Protection) -> None:
    """Skip the test on a host that lacks a protection which is no condition for running code."""
    with running(root) as kernel:
        if one not in kernel.machine.protections:
            pytest.skip(f"this host lacks {one.name}")


# --- what is set up --------------------------------------------------------------------------


@pytest.mark.parametrize("bits", LAYOUTS)
def test_all_that_is_needed_holds(kernel_trees: dict[str, Path], bits: int) -> None:
    with running(kernel_trees["6.12"], bits=bits) as kernel:
        assert kernel.machine.protections & NEEDED == NEEDED
        status = Path(f"/proc/{only_child()}/status").read_text()
    assert "NoNewPrivs:\t1\n" in status
    assert "Seccomp:\t2\n" in status
    assert "Threads:\t1\n" in status


def test_limits_are_those_of_nothing(kernel_trees: dict[str, Path]) -> None:
    names = ("FSIZE", "DATA", "CORE", "NPROC", "NOFILE", "MEMLOCK", "AS", "SIGPENDING", "MSGQUEUE")
    with running(kernel_trees["6.12"]):
        pid = only_child()
        for name in names:
            assert resource.prlimit(pid, getattr(resource, f"RLIMIT_{name}")) == (0, 0), name
        assert resource.prlimit(pid, resource.RLIMIT_CPU) == (600, 605)


def test_nothing_of_this_process_is_handed_on(
    kernel_trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the user")
    file = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(file, True)
    with running(kernel_trees["6.12"], Protection.NOT_DUMPABLE):
        folder = Path(f"/proc/{only_child()}")
        assert {path.name for path in (folder / "fd").iterdir()} == {"0", "1"}
        assert (folder / "environ").read_bytes() == b""
        maps = [line.split() for line in (folder / "maps").read_text().splitlines()]
    os.close(file)
    assert maps and not [line for line in maps if "w" in line[1] and "x" in line[1]]
    executable = {line[-1] for line in maps if "x" in line[1]}
    named = {name.removeprefix("/memfd:").removesuffix("(deleted)") for name in executable}
    assert named <= {"slatcheck-code", "slatcheck-loader", "(deleted)", "", "[vdso]", "[vsyscall]"}


def test_code_and_loader_cannot_be_changed() -> None:
    with file_of("slatcheck-test", b"code") as file:
        with pytest.raises(PermissionError):
            os.pwrite(file.fileno(), b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(file.fileno(), 0)
        assert os.pread(file.fileno(), 10, 0) == b"code"


# --- a host that lacks something ---------------------------------------------------------------


@pytest.mark.parametrize("one", list(NEEDED), ids=lambda one: str(one.name))
@pytest.mark.parametrize("bits", LAYOUTS)
def test_nothing_runs_where_a_protection_is_missing(
    kernel_trees: dict[str, Path], one: Protection, bits: int
) -> None:
    said = f"this host cannot confine code: no {str(one.name).lower().replace('_', ' ')}"
    with pytest.raises(IsolationError, match=said):
        native(kernel_trees["6.12"], LAYOUTS[bits], leave_out=int(one))


def test_a_tree_that_is_trusted_runs(kernel_trees: dict[str, Path]) -> None:
    with running(kernel_trees["6.12"], Protection.SECCOMP) as kernel:
        assert Protection.SECCOMP not in kernel.machine.protections
        assert kernel.run(FLUSH).stop is None


@pytest.mark.parametrize(
    "program", [b"no program", b"\x7fELF", b"#!/bin/false\n"], ids=["text", "torn", "script"]
)
def test_a_host_that_does_not_run_the_loader(kernel_trees: dict[str, Path], program: bytes) -> None:
    image = native_image(kernel_trees["6.12"], LAYOUTS[64])
    with pytest.raises(IsolationError, match=r"does not run the loader|did not start"):
        NativeKernel(image, {}, program)


# --- one at a time: that a test of it would fail without ------------------------------------------

CREATES = 'hostile(2, (long)"{FILE}", 0x41, 0600, 0, 0, 0);'
CONNECTS = """
	static struct {{ unsigned short family, port; unsigned host; long pad; }} to =
		{{ 2, __builtin_bswap16({port}), 0x0100007f, 0 }};
	hostile(42, hostile(41, 2, 1, 0, 0, 0, 0), (long)&to, 16, 0, 0, 0);
"""
SIGNALS = "hostile(62, {PID}, 10, 0, 0, 0, 0);"
FIRST = Protection.SECCOMP | Protection.NOT_DUMPABLE


def reached(plant: Plant, tmp_path: Path, body: str, without: Protection) -> Reached:
    """Return what code without some fences has an effect on."""
    outside = Outside(tmp_path)
    port = outside.server.getsockname()[1]
    root = plant(outside.named(body.format(port=port) if "{port}" in body else body))
    try:
        with running(root, without) as kernel:
            kernel.run(FLUSH[:4])
        time.sleep(0.05)
        try:
            outside.server.accept()[0].close()
        except BlockingIOError:
            return outside.file.exists(), False, bool(outside.caught)
        return outside.file.exists(), True, bool(outside.caught)
    finally:
        outside.close()


def test_files_are_behind_three_fences(plant: Plant, tmp_path: Path) -> None:
    all_three = FIRST | Protection.LANDLOCK | Protection.LIMITS
    assert reached(plant, tmp_path, CREATES, all_three)[0]
    (tmp_path / "written").unlink()
    needs(plant(""), Protection.LANDLOCK)
    for one in (Protection.SECCOMP, Protection.LANDLOCK, Protection.LIMITS):
        assert not reached(plant, tmp_path, CREATES, all_three & ~one)[0], one


def test_the_network_is_behind_three_fences(plant: Plant, tmp_path: Path) -> None:
    all_three = FIRST | Protection.NAMESPACES | Protection.LIMITS | Protection.LANDLOCK
    assert reached(plant, tmp_path, CONNECTS, all_three)[1]
    needs(plant(""), Protection.NAMESPACES)
    for one in (Protection.SECCOMP, Protection.NAMESPACES, Protection.LIMITS):
        assert not reached(plant, tmp_path, CONNECTS, all_three & ~one)[1], one


def test_signals_are_behind_seccomp(plant: Plant, tmp_path: Path) -> None:
    assert reached(plant, tmp_path, SIGNALS, FIRST | Protection.LANDLOCK)[2]
    assert not reached(plant, tmp_path, SIGNALS, NOTHING)[2]


def test_a_call_is_told_of_by_seccomp_alone(plant: Plant) -> None:
    root = plant("hostile(110, 0, 0, 0, 0, 0, 0);")
    with running(root) as kernel:
        assert kernel.run(FLUSH).stop == 3
    with running(root, Protection.SECCOMP) as kernel:
        assert kernel.run(FLUSH).stop is None


def test_clocks_are_out_of_reach_by_their_own_fence(plant: Plant) -> None:
    needs(plant(""), Protection.NO_CLOCK)
    root = plant('__asm__ volatile("rdtsc" : : : "eax", "edx");')
    with running(root) as kernel:
        assert kernel.run(FLUSH).stop == 3
    with running(root, Protection.NO_CLOCK) as kernel:
        assert kernel.run(FLUSH).stop is None


def test_files_stay_open_where_they_are_not_closed(kernel_trees: dict[str, Path]) -> None:
    with running(kernel_trees["6.12"], Protection.CLOSED | Protection.NOT_DUMPABLE):
        files = {path.name for path in Path(f"/proc/{only_child()}/fd").iterdir()}
    assert files > {"0", "1"}


PARENT = """
import sys
from pathlib import Path
from tests.impl.kernel.native.builds import FLUSH, LAYOUTS, native
from impl.kernel.native.process import Limits
kernel = native(Path(sys.argv[1]), LAYOUTS[64], Limits(100, 100), int(sys.argv[2]), True)
print(kernel.machine._running()._process.pid, flush=True)
kernel.run(FLUSH)
"""


@pytest.mark.parametrize("without", [NOTHING, Protection.DIES_WITH_PARENT])
def test_a_loop_ends_with_the_process_that_asked_for_it(plant: Plant, without: Protection) -> None:
    root = plant('for (;;) __asm__ volatile("");')
    command = [sys.executable, "-c", PARENT, str(root), str(int(without))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        parent.kill()
    assert ended(pid, seconds=2.0) is not bool(without)
    if without:
        os.kill(pid, signal.SIGKILL)


# --- the loader ----------------------------------------------------------------------------------


def test_the_loader_is_kept(tmp_path: Path) -> None:
    made = loader(64, find(), tmp_path)
    kept = list(tmp_path.iterdir())
    assert len(kept) == 1
    assert loader(64, find(), tmp_path) == made
    assert loader(32, find(), tmp_path) != made
    assert loader(64, find(), tmp_path, leave_out=int(Protection.SECCOMP)) != made
    assert len(list(tmp_path.iterdir())) == 2
    kept[0].write_text("?")
    assert loader(64, find(), tmp_path) == made


def test_a_loader_that_was_forged_is_seen_under_audit(tmp_path: Path) -> None:
    with pytest.raises(CacheError):
        loader(64, find(), tmp_path, Mode.ENFORCE)
    made = loader(64, find(), tmp_path)
    assert loader(64, find(), tmp_path, Mode.AUDIT) == loader(64, find(), tmp_path, Mode.ENFORCE)
    cache.write(next(tmp_path.iterdir()), base64.b64encode(made[:-1]).decode())
    with pytest.raises(CacheError, match="the loader of native code"):
        loader(64, find(), tmp_path, Mode.AUDIT)


def test_protections_are_those_of_the_loader() -> None:
    text = (ROOT / "impl/kernel/native/loader/wire.h").read_text()
    for one in Protection:
        assert f"{one.name} = {one.value}," in text


def test_a_loader_that_cannot_be_made_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impl.kernel.native.loader.FLAGS", ["-Dstatic=error"])
    with pytest.raises(UnsupportedError, match="the loader cannot be made"):
        loader(64, find(), None)
