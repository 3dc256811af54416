# SPDX-License-Identifier: GPL-2.0-only
"""What a disk does to the files that are kept costs time, and never changes what a report says."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slatcheck import cli
from support import cache
from tests.ports.small import port
from tests.ports.test_small import break_it

FEW = 8
MANY = 200
"""Files damaged one after the other: in every run of the tests, and in the thorough one."""


@given(text=st.text(max_size=60), data=st.data())
def test_a_file_that_is_not_as_it_was_written_is_not_read(
    tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject
) -> None:
    file = tmp_path_factory.mktemp("kept") / "file"
    cache.write(file, text)
    assert cache.read(file) == text
    whole = file.read_bytes()
    if data.draw(st.booleans(), "cut"):
        file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1), "length")])
    else:
        place = data.draw(st.integers(0, 8 * len(whole) - 1), "bit")
        file.write_bytes(flipped(whole, place))
    with pytest.raises(OSError, match="is damaged"):
        cache.read(file)


def test_nothing_that_lost_the_end_of_its_line_is_not_read(tmp_path: Path) -> None:
    """All that is left is the digest of nothing, and nothing is what it is followed by."""
    cache.write(tmp_path / "file", "")
    (tmp_path / "file").write_bytes((tmp_path / "file").read_bytes()[:-1])
    with pytest.raises(OSError, match="is damaged"):
        cache.read(tmp_path / "file")


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit >> 3] ^= 1 << (bit & 7)
    return bytes(changed)


def damage(file: Path, chance: random.Random) -> str:
    """Cut a file or flip one of its bits; return what was done."""
    content = file.read_bytes()
    if not content or chance.random() < 0.3:
        length = chance.randrange(max(1, len(content)))
        file.write_bytes(content[:length])
        return f"{file.name} cut at {length}"
    place = chance.randrange(8 * len(content))
    file.write_bytes(flipped(content, place))
    return f"bit {place} of {file.name} flipped"


class Gate:
    """The small tree, broken, and a cache of its own; what is kept of it is damaged."""

    def __init__(self, folder: Path) -> None:
        self.tree = shutil.copytree(port.TREE, folder / "tree")
        self.report = folder / "report.json"
        self.intact = folder / "intact"
        break_it(self.tree)

    def run(self, mode: str) -> tuple[int, Any]:
        """Return the exit status, and what the report says less the seconds that it took."""
        options = ["--kernel", str(self.tree), "--jobs", "1", "--cache", mode, "--max-ops", "300"]
        options += ["--evidence", "proof", "--evidence", "differential", "--format", "json"]
        with port.registered():
            status = cli.run(["check", *options, "--output", str(self.report)])
        return status, timeless(json.loads(self.report.read_text()))

    def restore(self) -> None:
        """Put every file that is kept back as it was."""
        shutil.rmtree(cache.folder())
        shutil.copytree(self.intact, cache.folder())


def timeless(report: Any) -> Any:
    if isinstance(report, list):
        return [timeless(part) for part in report]
    if not isinstance(report, dict):
        return report
    return {name: timeless(part) for name, part in report.items() if name != "seconds"}


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache"))
    return Gate(tmp_path)


def test_a_few_damaged_files(gate: Gate) -> None:
    damaged(gate, FEW)


@pytest.mark.thorough
def test_many_damaged_files(gate: Gate) -> None:
    damaged(gate, MANY)


def damaged(gate: Gate, times: int) -> None:
    without = gate.run("off")
    assert without[0] == 1
    assert gate.run("use") == without
    shutil.copytree(cache.folder(), gate.intact)
    chance = random.Random(0)
    for _ in range(times):
        file = chance.choice(sorted(cache.folder().iterdir()))
        done = damage(file, chance)
        assert gate.run("use") == without, done
        gate.restore()


def test_the_run_takes_what_is_kept(gate: Gate) -> None:
    status, report = gate.run("use")
    for file in cache.folder().glob("tree-*.json"):
        cache.write(file, cache.read(file).replace('"violated"', '"holds"'))
    assert gate.run("use") != (status, report)
