# SPDX-License-Identifier: GPL-2.0-only
"""Findings that are known: by which events the filter knows them, where they end nothing."""

from __future__ import annotations

from collections.abc import Iterable

from impl.interface import Event
from impl.kernel.executor import EVENTS, SUBJECTS
from model.operations import Kind
from slatcheck.search.differential import Symptom, by_subject

Known = tuple[Kind, int, int]
"""The kind of an operation, and code and subject of an event of runner/slat.h."""


def tolerable(symptom: Symptom, kind: Kind, events: Iterable[Event]) -> set[Known]:
    """Return the events that show a finding, if they end nothing and are named by subject.

    ``kind`` is that of the operation that showed it, ``events`` are those of that operation.
    """
    if symptom.stops:
        return set()
    return {
        (kind, EVENTS.index(event.rule), SUBJECTS.index(event.subject))
        for event in events
        if event.rule == symptom.rule and event.subject in SUBJECTS and by_subject(event)
    }
