# SPDX-License-Identifier: GPL-2.0-only
"""The small port keeps the properties that every layout, format and map has to have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from tests.model import (
    test_abstract_map,
    test_contracts_and_triggers,
    test_entries,
    test_layouts,
    test_pointwise,
    test_ports,
)
from tests.ports.small import port

Test = Callable[..., None]

BY_LAYOUT = (test_entries, test_layouts, test_contracts_and_triggers, test_ports)
BY_MAP = (test_abstract_map, test_pointwise)


def choices(test: Test) -> list[pytest.Mark]:
    """Return what pytest varies of a test."""
    marks: list[pytest.Mark] = getattr(test, "pytestmark", [])
    return [mark for mark in marks if mark.name == "parametrize"]


def of_layouts(module: ModuleType) -> Iterator[Test]:
    """Yield the tests of a module that are about every layout of every port."""
    for name, test in vars(module).items():
        if name.startswith("test_") and choices(test) == [module.EVERY.mark]:
            yield test


def of_maps(module: ModuleType) -> Iterator[tuple[Test, dict[str, Any]]]:
    """Yield the tests of a module that draw a map, with each value that pytest gives them."""
    for name, test in vars(module).items():
        if name.startswith("test_") and getattr(test, "is_hypothesis_test", False):
            varied = choices(test)
            for value in varied[0].args[1] if varied else ():
                yield test, {varied[0].args[0]: value}
            if not varied:
                yield test, {}


def named(test: Test) -> str:
    return f"{test.__module__.rpartition('.')[2]}-{test.__name__}"


LAYOUT_TESTS = [test for module in BY_LAYOUT for test in of_layouts(module)]
MAP_TESTS = [found for module in BY_MAP for found in of_maps(module)]


@pytest.mark.parametrize("test", LAYOUT_TESTS, ids=named)
def test_its_layout_is_as_every_layout_is(test: Test) -> None:
    with port.registered() as small:
        test(small)


@pytest.mark.parametrize(
    ("test", "values"),
    MAP_TESTS,
    ids=[f"{named(test)}-{'-'.join(map(str, given.values()))}" for test, given in MAP_TESTS],
)
def test_its_map_obeys_the_laws_of_every_map(
    test: Test, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with port.registered() as small:
        monkeypatch.setattr(test_abstract_map, "layouts", lambda: (small,))
        test(**values)


def test_there_are_properties_of_both_kinds() -> None:
    assert len(LAYOUT_TESTS) > 15
    assert len(MAP_TESTS) > 25
    assert test_entries.test_hardware_bits_follow_the_flags in LAYOUT_TESTS
    assert test_abstract_map.test_a_range_is_clipped_to_the_reach in [test for test, _ in MAP_TESTS]
