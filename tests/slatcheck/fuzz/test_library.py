# SPDX-License-Identifier: GPL-2.0-only
"""The shared object: compiled once, kept, and refused where it is none of this tool's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import impl.kernel
from impl.kernel.toolchain import find
from model.operations import Answer, Kind, Op
from slatcheck.fuzz import library as module
from slatcheck.fuzz.library import SOURCES, compiled, library, loaded
from slatcheck.fuzz.wire import OpBuffer, op_of, wire_op
from support import cache
from support.cache import CacheError, Mode

RUNNER = Path(impl.kernel.__path__[0]) / "runner" / "slat.h"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty cache, and leave what other tests have loaded as it is."""
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "library", library.__wrapped__)
    yield tmp_path / "proofs"


def fields(text: str, name: str) -> list[str]:
    """Return the members of a structure of C, each as 'type name', without comments."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.search(rf"struct {name} {{(.*?)}};", text, re.DOTALL)
    assert found, name
    members = []
    for line in found[1].split(";"):
        kind, _, names = " ".join(line.split()).partition(" ")
        members += [f"{kind} {one.strip()}" for one in names.split(",") if one.strip()]
    return members


@pytest.mark.parametrize(
    "name", ["slat_op", "slat_result", "slat_change", "slat_control", "slat_step", "slat_scope"]
)
def test_the_records_are_those_of_the_runner(name: str) -> None:
    ours = (SOURCES / "filter.h").read_text()
    assert fields(ours, name) == fields(RUNNER.read_text(), name)


def test_the_kinds_have_the_numbers_of_the_runner() -> None:
    for text in (RUNNER.read_text(), (SOURCES / "filter.h").read_text()):
        names = re.findall(r"\bOP_([A-Z_]+)\b", text)
        found = list(dict.fromkeys(names))
        assert found == [kind.name for kind in Kind][: len(found)]


@pytest.mark.usefixtures("own_cache")
def test_it_is_compiled_once(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module.library()
    (kept,) = own_cache.glob("filter-*.so")
    monkeypatch.setattr(module, "compiled", lambda *_: pytest.fail("compiled again"))
    module.library()
    assert kept.exists()


@pytest.mark.usefixtures("own_cache")
def test_the_modes_of_the_cache() -> None:
    with pytest.raises(CacheError):
        module.library(Mode.ENFORCE)
    module.library(Mode.OFF)
    with pytest.raises(CacheError):
        module.library(Mode.ENFORCE)
    for mode in (Mode.USE, Mode.AUDIT, Mode.ENFORCE):
        module.library(mode)


def test_an_object_that_was_tampered_with_is_seen_in_audit(own_cache: Path) -> None:
    module.library()
    (kept,) = own_cache.glob("filter-*.so")
    cache.write_bytes(kept, cache.read_bytes(kept) + b"more")
    with pytest.raises(CacheError):
        module.library(Mode.AUDIT)


def test_another_text_is_another_object(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module.library()
    changed = tmp_path / "filter"
    shutil.copytree(SOURCES, changed)
    (changed / "map.c").write_text((changed / "map.c").read_text() + "/* changed */\n")
    monkeypatch.setattr(module, "SOURCES", changed)
    module.library()
    assert len(list(own_cache.glob("filter-*.so"))) == 2


def test_nothing_is_kept_where_nothing_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "file"))
    library.__wrapped__()


def test_c_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "filter"
    shutil.copytree(SOURCES, folder)
    text = (folder / "filter.h").read_text()
    (folder / "filter.h").write_text(text.replace("u32 order, skew;", "u32 order, skew, more;"))
    with pytest.raises(RuntimeError, match="differ"):
        loaded(compiled(folder, find()))
    (folder / "map.c").write_text("nonsense")
    with pytest.raises(RuntimeError, match="cannot be compiled"):
        compiled(folder, find())


def test_operations_survive_the_wire() -> None:
    op = Op(
        Kind.FAULT, 1 << 63, 2, 3, 4, True, True, Answer.READ_ONLY, 2, 1, 9, (1 << 32) - 1
    )  # fmt: skip
    assert op_of(wire_op(op)) == op
    ops = OpBuffer(3)
    assert ops.put([op, Op(Kind.DESTROY)], 1) == 3
    assert ops.ops(1, 3) == [op, Op(Kind.DESTROY)]
    assert len(ops.data(0, 3)) == 3 * 56
    with pytest.raises(IndexError):
        ops.put([op], 3)
