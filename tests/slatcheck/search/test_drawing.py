# SPDX-License-Identifier: GPL-2.0-only
"""What is drawn for a search: the seed decides it, and nothing that is loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from slatcheck.search.drawing import KEY, draw
from support.lazy import lazily

EXAMPLES = 100


def drawn(seed: int) -> list[bytes]:
    found: list[bytes] = []
    draw(seed, EXAMPLES, found.append)
    return found


def test_the_seed_decides_what_is_drawn() -> None:
    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)
    assert len(set(drawn(3))) == EXAMPLES


def test_no_constant_of_any_source_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn(3)
    constants = Constants(bytes={bytes([n]) * KEY for n in range(8)})
    monkeypatch.setattr(providers, "_get_local_constants", lambda: constants)
    providers.CONSTANTS_CACHE.cache.clear()
    assert drawn(3) == before


def test_what_waits_to_be_loaded_goes_on_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loaded_by_need.py").write_text("import sys\nsys.was_needed = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "was_needed", False, raising=False)
    with lazily():
        import loaded_by_need  # type: ignore[import-not-found]  # noqa: F401
    drawn(3)
    assert not sys.was_needed  # type: ignore[attr-defined]
    del sys.modules["loaded_by_need"]


def test_hypothesis_draws_as_before_for_others() -> None:
    plain = providers.HypothesisProvider._maybe_draw_constant
    drawn(3)
    assert providers.HypothesisProvider._maybe_draw_constant is plain

    def fails(_: bytes) -> None:
        raise RuntimeError("no more of these")

    with pytest.raises(RuntimeError):
        draw(3, EXAMPLES, fails)
    assert providers.HypothesisProvider._maybe_draw_constant is plain
