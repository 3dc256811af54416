# SPDX-License-Identifier: GPL-2.0-only
"""Compiling strangers' code: limits on what a compiler process may read, write and use up."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PR_SET_NO_NEW_PRIVS = 38
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_HANDLED = (1 << 13) - 1
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE
SECONDS = 120
BYTES = 4 << 30


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


@dataclass(frozen=True)
class Limits:
    """Folders and files a process may read, and those it may write as well."""

    read: tuple[Path, ...]
    write: tuple[Path, ...]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def landlock_available() -> bool:
    """Return whether this kernel can confine a process to folders (Landlock)."""
    if not sys.platform.startswith("linux"):
        return False
    return int(_libc().syscall(_CREATE, None, 0, 1)) > 0


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not path.is_dir():
        access &= _FILE_RIGHTS
    rule = _Beneath(access, handle)
    libc.syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    os.close(handle)


def _confine(limits: Limits) -> None:
    """Confine the calling process, for good. Raises OSError where the kernel refuses."""
    libc = _libc()
    rules = _Ruleset(_HANDLED)
    ruleset = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "landlock_create_ruleset")
    for path in limits.read:
        _allow(libc, ruleset, path, _READ)
    for path in limits.write:
        _allow(libc, ruleset, path, _HANDLED)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock_restrict_self")
    os.close(ruleset)


def run(
    command: Sequence[str], limits: Limits, folder: Path, output: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``command`` in ``folder`` confined to ``limits``, with bounds on time and memory.

    What it writes to its standard output goes to the file ``output``, where one is given; no file
    that it writes is larger than BYTES. Where Landlock is absent only the bounds apply; callers
    check what was read. Raises subprocess.TimeoutExpired after SECONDS.
    """
    confined = landlock_available()

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if confined:
            _confine(limits)

    environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LC_ALL": "C"}
    with open(output, "wb") if output else nullcontext(subprocess.PIPE) as written:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            preexec_fn=prepare,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
