# SPDX-License-Identifier: GPL-2.0-only
"""Ports outside of the packages: every process has them, and what is kept depends on them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import support
from support import outside
from support.cache import digest_of
from support.outside import VARIABLE, OutsideError
from support.pool import spread

SUFFIXES = (".py", ".h")
PORT = """\
known = []

def register():
    known.append("here")

def ask(number):
    return number, len(known)
"""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A port in a folder of its own, named by the variable."""
    folder = tmp_path / "a_port"
    folder.mkdir()
    (folder / "__init__.py").write_text(PORT)
    (folder / "format.h").write_text("#define FLAG 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(VARIABLE, folder.name)
    monkeypatch.setattr(outside, "_entered", set())
    monkeypatch.delitem(sys.modules, folder.name, raising=False)
    return folder


def test_a_module_enters_its_port(port: Path) -> None:
    outside.load()
    outside.load()
    assert sys.modules[port.name].known == ["here"]
    assert outside.folders() == (port,)


def test_worker_processes_have_the_port(port: Path) -> None:
    outside.load()
    ask = sys.modules[port.name].ask
    assert dict(spread(ask, [7, 8], 2)) == {0: (7, 1), 1: (8, 1)}


def test_what_is_kept_depends_on_all_files_of_the_port(
    port: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.load()
    before = digest_of((support,), SUFFIXES)
    support.cache._digest.cache_clear()
    assert digest_of((support,), SUFFIXES) == before
    (port / "format.h").write_text("#define FLAG 2\n")
    support.cache._digest.cache_clear()
    assert digest_of((support,), SUFFIXES) != before
    monkeypatch.delenv(VARIABLE)
    assert digest_of((support,), SUFFIXES) != before


@pytest.mark.parametrize(
    ("name", "told"),
    [("a_port.missing", "cannot be imported"), ("json", "no function register")],
)
def test_what_is_no_port_is_refused_in_one_line(
    port: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setenv(VARIABLE, f"{port.name},{name}")
    with pytest.raises(OutsideError, match=told) as refused:
        outside.load()
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)
