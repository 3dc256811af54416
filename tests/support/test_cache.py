# SPDX-License-Identifier: GPL-2.0-only
"""What is kept between runs is never needed, and what was forged never changes a verdict unseen."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from impl.kernel.symbols import symbols_of
from slatcheck import cli
from support import cache
from support.cache import CacheError, Mode, settle
from support.differences import first_difference
from tests.ports.small import port
from tests.ports.test_small import break_it


def made(value: int, calls: list[int]) -> Callable[[], int]:
    def make() -> int:
        calls.append(value)
        return value

    return make


@pytest.mark.parametrize(
    ("mode", "kept", "expected", "works"),
    [
        (Mode.USE, 7, (7, False), False),
        (Mode.USE, None, (7, True), True),
        (Mode.ENFORCE, 7, (7, False), False),
        (Mode.AUDIT, 7, (7, False), True),
        (Mode.AUDIT, None, (7, True), True),
    ],
)
def test_what_is_taken_and_what_is_made(
    mode: Mode, kept: int | None, expected: tuple[int, bool], works: bool
) -> None:
    calls: list[int] = []
    assert settle(mode, "it", kept, made(7, calls), first_difference) == expected
    assert calls == ([7] if works else [])


def test_a_difference_is_an_error_under_audit_only() -> None:
    assert settle(Mode.USE, "it", 8, made(7, []), first_difference) == (8, False)
    with pytest.raises(
        CacheError,
        match=r"what is kept of it is not what is made of it now \(8 is kept, 7 is made\)",
    ):
        settle(Mode.AUDIT, "it", 8, made(7, []), first_difference)


def test_what_is_missing_is_an_error_under_enforce() -> None:
    calls: list[int] = []
    with pytest.raises(CacheError, match="it is not kept"):
        settle(Mode.ENFORCE, "it", None, made(7, calls), first_difference)
    assert not calls


# The whole way


class Kept:
    """A copy of the small tree, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.tree = shutil.copytree(port.TREE, folder / "tree")

    def run(self, command: str, mode: Mode) -> int:
        with port.registered():
            options = ["--kernel", str(self.tree), "--jobs", "1", "--cache", mode.value]
            if command == "check":
                options += ["--evidence", "differential", "--max-ops", "300"]
            return cli.run([command, *options])

    def files(self, pattern: str) -> list[Path]:
        return sorted(cache.folder().glob(pattern))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache"))
    return Kept(tmp_path)


def forged_outcome(text: str) -> str:
    data = json.loads(text)
    data["outcome"]["checks"][0]["verdict"] = "unknown"
    return json.dumps(data)


def forged_proof(text: str) -> str:
    data = json.loads(text)
    clauses = data[0]["proof"]["clauses"]
    next(iter(clauses.values()))["verdict"] = "refuted"
    return json.dumps(data)


def forged_image(text: str) -> str:
    """Return an image with one byte of its code changed."""
    data = json.loads(text)
    elf = bytearray(zlib.decompress(base64.b64decode(data["content"])))
    segments = [content for _, content in symbols_of(bytes(elf)).segments()]
    code = max(segments, key=lambda content: len(content) - content.count(0))
    assert bytes(elf).count(code) == 1
    elf[bytes(elf).index(code) + len(code) // 2] ^= 1
    data["content"] = base64.b64encode(zlib.compress(bytes(elf))).decode()
    return json.dumps(data)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if not line.startswith("[")][-1]


@pytest.mark.parametrize(
    ("command", "pattern", "forge", "without", "named"),
    [
        ("prove", "tree-*.json", forged_outcome, "", "the proof of small-4k"),
        ("prove", "c-*.json", forged_proof, "tree-*.json", "in small-4k"),
        ("check", "image-*.json", forged_image, "", "the image of small-4k"),
    ],
)
def test_what_was_forged_is_seen_under_audit(
    kept: Kept,
    capsys: pytest.CaptureFixture[str],
    command: str,
    pattern: str,
    forge: Callable[[str], str],
    without: str,
    named: str,
) -> None:
    assert kept.run(command, Mode.USE) == 0
    assert kept.run(command, Mode.AUDIT) == 0
    assert kept.run(command, Mode.ENFORCE) == 0
    (file, *_) = kept.files(pattern)
    cache.write(file, forge(cache.read(file)))
    for other in kept.files(without) if without else []:
        other.unlink()
    capsys.readouterr()
    assert kept.run(command, Mode.AUDIT) == 4
    told = one_line(capsys)
    assert told.startswith("slatcheck: error: what is kept of ")
    assert named in told


def test_an_image_that_was_forged_is_seen_where_refutations_are_replayed(
    kept: Kept, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(kept.tree)
    assert kept.run("prove", Mode.USE) == 1
    (image,) = kept.files("image-*.json")
    cache.write(image, forged_image(cache.read(image)))
    capsys.readouterr()
    assert kept.run("prove", Mode.AUDIT) == 4
    assert "the image of small-4k" in one_line(capsys)


@pytest.mark.parametrize("command", ["prove", "check"])
def test_nothing_kept_is_an_error_under_enforce(
    kept: Kept, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert kept.run(command, Mode.ENFORCE) == 4
    assert "is not kept, and '--cache enforce' does no work anew" in one_line(capsys)


@pytest.mark.parametrize("command", ["prove", "check"])
def test_nothing_is_kept_where_the_cache_is_off(kept: Kept, command: str) -> None:
    assert kept.run(command, Mode.OFF) == 0
    assert not kept.files("*")


@pytest.mark.parametrize("pattern", ["tree-*.json", "c-*.json", "image-*.json"])
def test_a_file_that_was_cut_is_as_none(kept: Kept, pattern: str) -> None:
    command = "check" if pattern.startswith("image") else "prove"
    assert kept.run(command, Mode.USE) == 0
    for file in kept.files(pattern):
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert kept.run(command, Mode.USE) == 0
