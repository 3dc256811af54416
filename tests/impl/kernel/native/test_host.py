# SPDX-License-Identifier: GPL-2.0-only
"""The host as a target: what cannot run on it, and the macros that headers see."""

from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.native.host import HostCode, compiler_target, emulated_only, host
from impl.kernel.native.kernel import native_parts
from impl.kernel.port import Code
from impl.kernel.ports import kernel_port, open_tree
from impl.kernel.toolchain import Toolchain, find, predefined
from model.ports import layout
from tests.impl.kernel.native.builds import needs_host

LAYOUTS = ("mips32-4k", "mips64-4k", "riscv32-sv32x4", "riscv64-sv39x4")


def test_what_cannot_run_here_is_emulated_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert emulated_only(False, find()) == ""
    assert "big-endian" in emulated_only(True, find())
    gcc = Toolchain(("some-gcc",), ("some-gcc",), "13", clang=False)
    assert emulated_only(False, gcc).startswith("some-gcc makes no code for this host")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert emulated_only(False, find()).startswith("this host is aarch64 under ")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "Linux" in emulated_only(False, find())


def values(code: Code, bits: int) -> dict[str, str]:
    """Return what the compiler says of types and macros."""
    arguments = [*code.target(True, bits, False), *code.flags(True, False)]
    return predefined(find(), tuple(arguments))


TYPES = (
    *(f"__SIZEOF_{name}__" for name in ("INT", "LONG", "LONG_LONG", "POINTER", "SIZE_T", "SHORT")),
    *("__SIZE_TYPE__", "__PTRDIFF_TYPE__", "__UINTPTR_TYPE__", "__BYTE_ORDER__", "__LP64__"),
)
"""What makes up the layout of the runner's records and of the tree's structures."""


@needs_host
@pytest.mark.parametrize("name", LAYOUTS)
def test_types_and_macros_are_those_of_the_other_processor(name: str) -> None:
    one = layout(name)
    ours, theirs = host(one, find()).code, kernel_port(one.port).code
    here, there = values(ours, one.bits), values(theirs, one.bits)
    for macro in TYPES:
        size = here.get(macro), there.get(macro)
        # size_t may be an int or a long of 32 bits.
        assert size[0] == size[1] or (one.bits == 32 and macro.endswith("_TYPE__")), macro
    asked = {macro for macro in there if macro.startswith(theirs.macros)}
    assert asked
    assert {macro: here[macro] for macro in asked} == {macro: there[macro] for macro in asked}
    assert not [macro for macro in here if "x86" in macro or "i386" in macro or "amd64" in macro]


@needs_host
@pytest.mark.parametrize("bits", [32, 64])
def test_numbers_of_64_bits_are_aligned_alike(bits: int, tmp_path: Path) -> None:
    source = tmp_path / "a.c"
    source.write_text(
        "struct s { int a; long long b; };\n"
        '_Static_assert(__builtin_offsetof(struct s, b) == 8 && sizeof(struct s) == 16, "");\n'
    )
    command = [*find().compiler, *compiler_target(bits), "-fsyntax-only", str(source)]
    assert subprocess.run(command, check=False).returncode == 0


def test_a_compiler_that_does_not_tell_is_refused() -> None:
    with pytest.raises(TreeError, match="makes no code for"):
        predefined(find(), ("-target", "no-such-processor"))
    with pytest.raises(TreeError, match="cannot run the compiler"):
        predefined(replace(find(), compiler=("/no/such/compiler",)), ())


def test_two_layouts_of_a_width_share_a_target() -> None:
    names = {host(layout(name), find()).name for name in LAYOUTS}
    assert names == {"x86-32", "x86-64"}
    assert all(host(layout(name), find()).native for name in LAYOUTS)
    assert isinstance(host(layout("mips64-4k"), find()).code, HostCode)


@needs_host
def test_what_is_emulated_only_says_why(kernel_trees: dict[str, Path]) -> None:
    tree = open_tree(kernel_trees["6.12"])
    with pytest.raises(UnsupportedError, match="emulated only: big-endian"):
        native_parts(tree, layout("mips64-4k"), True, find())
