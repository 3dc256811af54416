# SPDX-License-Identifier: GPL-2.0-only
"""Parts of exported folders of tests: what is refused, how files are sorted, numbers in C."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest

from impl.kernel.build import HERE
from impl.kernel.ports import KERNEL_PORTS
from model.operations import Kind
from model.ports import layout
from slatcheck import output
from slatcheck.errors import InputError
from slatcheck.export import case as cases
from slatcheck.export.template import make
from slatcheck.export.testing.numbers import constants
from slatcheck.export.testing.ordinary import ordinary
from slatcheck.export.testing.sorting import MODELLED, TRUSTED, part_of_header, sources
from tests.slatcheck.explain.test_explain_command import replay_data
from tests.slatcheck.export.test_export_command import refused

FORM = ["--as", "tools-testing"]


def replay(folder: Path) -> str:
    file = folder / "replay.json"
    file.write_text(json.dumps(replay_data() | {"implementation": "kernel", "quirks": []}))
    return str(file)


def test_a_folder_needs_a_tree_and_a_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", replay(tmp_path), *FORM]
    refused(arguments, "needs the tree with --kernel", capsys)
    refused([*arguments, "--kernel", str(tmp_path)], "a folder with --output", capsys)
    refused(["export", "--as", "c"], "name the replay file or the report", capsys)
    refused([*arguments[:2], "--as", "c", "--layout", "mips32-4k"], "--layout is for", capsys)


def test_a_folder_that_is_not_empty_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", replay(tmp_path), *FORM, "--kernel", str(tmp_path), "-o"]
    refused([*arguments, str(tmp_path)], "the folder is not empty", capsys)
    refused([*arguments, str(tmp_path / "replay.json")], "it is no folder", capsys)
    refused([*arguments, str(tmp_path / "a/b")], "does not exist", capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["replay.json"]


def test_a_layout_that_no_host_runs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["export", *FORM, "--kernel", str(tmp_path), "-o", str(tmp_path / "new")]
    refused(arguments, "name the layout that the folder is for with --layout", capsys)
    refused([*arguments, "--layout", "mips64-4k:be"], "is big-endian", capsys)
    refused([*arguments, "--layout", "mips64-5k"], "unknown layout", capsys)
    assert not (tmp_path / "new").exists()


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "new"
    with pytest.raises(InputError, match="cannot write"):
        output.write_folder(place, {"one": "1", "one/two": "2"})
    assert not list(tmp_path.iterdir())
    place.mkdir()
    output.write_folder(place, {"one/two": "2", "three": "3"})
    assert (place / "one/two").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_headers_are_trusted_where_they_only_include_others() -> None:
    found: dict[str, set[str]] = {TRUSTED: set(), MODELLED: set()}
    for folder in (HERE, *(port.folder for port in KERNEL_PORTS.values())):
        for name, text in sources(folder / "shim").items():
            found[part_of_header(name, text)].add(name)
    assert {"linux/list.h", "linux/gfp.h", "asm/barrier.h"} <= found[TRUSTED]
    assert {"linux/mm.h", "linux/kvm_host.h", "asm/io.h", "asm/csr.h"} <= found[MODELLED]
    assert "slatcheck/base.h" in found[TRUSTED]
    assert "slatcheck/base.h" not in found[MODELLED] and "linux/mm.h" not in found[TRUSTED]


def test_paths_are_values_of_make() -> None:
    assert make("/a b/$c#d") == "/a b/$$c\\#d"
    for path in ("/a\nb", "/a ", "/a\x1b"):
        with pytest.raises(InputError, match="no Makefile can name"):
            make(path)


class Pair(ctypes.Structure):
    _fields_ = (("one", ctypes.c_uint64), ("two", ctypes.c_uint32 * 4))


def test_structures_are_initialisers() -> None:
    assert constants(Pair(1 << 40, (ctypes.c_uint32 * 4)(0, 16, 0, 0))) == (
        "{ .one = 0x10000000000ULL, .two = { 0, 0x10 } }"
    )


@pytest.mark.parametrize("name", ["mips32-4k", "mips64-64k-huge-va48", "riscv64-sv39x4"])
def test_ordinary_operations_are_within_the_contract(name: str) -> None:
    found = ordinary(layout(name), list(Kind))
    assert len(found) == 6
    for ops in found.values():
        steps = cases.promised(layout(name), ops)
        assert [step.op for step in steps] == ops
        assert all(step.promised is not None for step in steps)
    (only,) = ordinary(layout(name), [Kind.CREATE]).values()
    assert [op.kind for op in only] == [Kind.CREATE]
