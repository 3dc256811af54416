# SPDX-License-Identifier: GPL-2.0-only
"""The story of a counterexample: what each step holds, and what is wrong in one line."""

from __future__ import annotations

from dataclasses import dataclass

from impl.interface import Event
from impl.snapshot import Snapshot
from model.layout import Layout
from model.operations import Op
from model.ports import entry_point
from model.rules import Rule
from slatcheck.display import describe
from slatcheck.display.address import Field
from slatcheck.display.words import clean
from slatcheck.explain.sources import Excerpt
from slatcheck.explain.strip import Maps, Strip
from slatcheck.explain.why import why
from slatcheck.search.differential import Symptom


@dataclass(frozen=True)
class Split:
    """An address of the operation, taken apart; ``note`` says where it leads if astray."""

    name: str
    address: int
    fields: tuple[Field, ...]
    note: str


@dataclass(frozen=True)
class Pages:
    """Pages taken and given back by a step, and held after it; tables linked below the root."""

    taken: int
    freed: int
    held: int
    tables: int


@dataclass(frozen=True)
class Beside:
    """Blocks that the root does not reach: ``lost`` were linked once, ``held`` never.

    After the table is destroyed, all that is left is lost.
    """

    lost: tuple[int, ...]
    held: tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One operation: what it was, what should have happened beside what did.

    ``after`` is what the table maps afterwards, coalesced, ``wanted_after`` what it should map.
    ``wanted`` and ``got`` are the entries that the operation had to change and those that it
    changed; ``pages`` is None where it is not known. ``snapshot`` is the table drawn;
    ``snapshot_is`` says of which moment.
    """

    number: int
    op: Op
    words: str
    entry: str
    entry_at: str
    operands: tuple[tuple[str, str], ...]
    splits: tuple[Split, ...]
    spans: tuple[tuple[int, int], ...]
    in_contract: bool
    before: tuple[str, ...]
    after: tuple[str, ...]
    wanted_after: tuple[str, ...]
    wanted: tuple[str, ...]
    got: tuple[str, ...]
    result_wanted: str
    result_got: str
    symptoms: tuple[Symptom, ...]
    events: tuple[Event, ...]
    pages: Pages | None
    beside: Beside
    snapshot: Snapshot | None
    previous: Snapshot | None
    snapshot_is: str
    maps: Maps
    strip: Strip
    excerpts: tuple[Excerpt, ...]
    stopped: bool

    @property
    def broken(self) -> bool:
        """Whether a promise is broken in this step."""
        return bool(self.symptoms)


@dataclass(frozen=True)
class Story:
    """A counterexample told; ``shown`` says whether the finding showed itself in this run.

    ``subject`` is what ran, ``step`` the number (from 0) of the operation at which the finding, or
    else the first broken promise, shows; None where nothing is broken.
    """

    fingerprint: str
    rule: Rule
    entry: str
    trigger: str
    trigger_means: str
    layout: Layout
    subject: str
    quirks: tuple[str, ...]
    seed: int
    replay: str
    steps: tuple[Step, ...]
    step: int | None
    shown: bool
    not_run: tuple[str, ...]

    @property
    def symptom(self) -> Symptom | None:
        """The symptom that the story is about, None where nothing is broken."""
        if self.step is None:
            return None
        found = self.steps[self.step].symptoms
        mine = [symptom for symptom in found if symptom.fingerprint == self.fingerprint]
        return (mine or list(found))[0]


def reason(story: Story) -> str:
    """Return what is special about the place at which the promise broke, '' if nothing is."""
    symptom = story.symptom
    if symptom is None or story.step is None:
        return ""
    step = story.steps[story.step]
    return why(story.layout, step.op, symptom, step.snapshot)


def difference(story: Story) -> tuple[list[str], list[str]]:
    """Return what should have happened and what did, in lines, at the step that is broken."""
    symptom = story.symptom
    if symptom is None or story.step is None:
        return [], []
    step = story.steps[story.step]
    expected = describe.entries(story.layout, symptom.expected)
    actual = describe.entries(story.layout, symptom.actual)
    returns = step.result_wanted != "nothing" and not step.stopped
    if not expected:
        expected = [f"returns {step.result_wanted}"] if returns else [story.rule.statement]
    if not actual:
        actual = [symptom.said or story.rule.explanation]
    return expected, actual


def headline(story: Story) -> str:
    """Return in one line what is wrong and where, or that nothing is."""
    symptom = story.symptom
    if symptom is None:
        return "In this run every promise was kept: the finding does not show."
    said = symptom.said or story.rule.statement
    where = f" at {symptom.where}" if symptom.where else ""
    assert story.step is not None
    number = f"step {story.step + 1} of {len(story.steps) + len(story.not_run)}"
    entry = entry_point(story.layout, story.steps[story.step].op.kind)
    text = clean(f"{entry}, {number}: {said}{where}")
    if not story.shown:
        text += f" — but this is {clean(symptom.fingerprint)}, not the finding named"
    return text
