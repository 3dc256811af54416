# SPDX-License-Identifier: GPL-2.0-only
"""A unit of work: an implementation for one layout, searched, and its findings replayed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from impl import ports as references
from impl.interface import Implementation
from impl.kernel.build import Image
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import ToolLimitError, TreeError, UnsupportedError
from impl.kernel.images import image
from impl.kernel.layouts import layout_in
from impl.kernel.ports import bind, open_for
from impl.kernel.toolchain import find
from model.entry import Entry
from model.layout import Geometry, Layout
from model.machines import BIG, LITTLE
from model.operations import Kind, Op
from model.ports import entry_point, port_of
from model.ports import layout as layout_named
from slatcheck.document.result import Verdict
from slatcheck.errors import InputError
from slatcheck.search.campaign import DEFAULT_OPS, Campaign, Hit, Search
from slatcheck.search.differential import Judge, Symptom
from slatcheck.search.kept_searches import Searches, content
from slatcheck.search.kept_traces import Traces
from support import cache as keeping
from support.cache import Mode, if_kept, settle
from support.differences import by
from support.pool import tell


@dataclass(frozen=True)
class Unit:
    """What is to be searched: a layout in one byte order, the built-in table where no tree."""

    layout: str
    big_endian: bool
    kernel: Path | None
    cc: str | None
    quirks: tuple[str, ...]
    seed: int
    max_ops: int | None
    cache: Mode = Mode.USE

    @property
    def folder(self) -> Path | None:
        """Where images and traces are kept, None where they are not to be."""
        return keeping.place(self.cache)

    @property
    def byte_order(self) -> str:
        """The byte order, as findings and checks name it."""
        return BIG if self.big_endian else LITTLE

    @property
    def title(self) -> str:
        """The layout's name, with the byte order where it is not the ordinary one."""
        return self.layout if self.big_endian else f"{self.layout} (little-endian)"


@dataclass
class Report:
    """What came of a unit. ``failure`` is set where it could not be searched at all."""

    unit: Unit
    implementation: str
    campaign: Campaign = field(default_factory=Campaign)
    failure: tuple[Verdict, str] | None = None
    missing: dict[Kind, str] = field(default_factory=dict)
    unchecked: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    beyond: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """The tree's own names of entry points, where they are not today's."""
    layout: Layout | None = None
    """The layout as the tree has it, None until it was read."""

    @property
    def ends_everything(self) -> Hit | None:
        """The finding for which no table can be made, None where one can."""
        for hit in self.campaign.hits.values():
            symptom = hit.symptom
            if symptom.stops and symptom.contract and hit.ops[symptom.step].kind is Kind.CREATE:
                return hit
        return None


class Seen(NamedTuple):
    """What a search tells of a finding, replayed but not yet shrunk, before it is done."""

    layout: str
    fingerprint: str


Maker = Callable[[], Implementation]


def search(unit: Unit) -> Report:
    """Search one unit. Never raises for what the tree contains."""
    if unit.kernel is None:
        report = Report(unit, "multilevel")
        _campaign(unit, report, lambda: table(unit))
        return report
    report = Report(unit, "kernel")
    try:
        made = kernel_image(unit, report)
    except (TreeError, UnsupportedError) as problem:
        report.failure = (Verdict.UNSUPPORTED, str(problem))
        return report
    _searched(unit, report, made)
    return report


def kept_search(unit: Unit) -> Report | None:
    """Return what came of a unit before, None where it is to be searched."""
    if unit.kernel is None:
        return None
    found = if_kept(unit.cache, lambda: search(replace(unit, cache=Mode.ENFORCE)))
    return found and replace(found, unit=unit)


def _searched(unit: Unit, report: Report, made: Image) -> None:
    """Search an image, unless the result of this very search is kept."""
    missing = report.missing

    def anew() -> Campaign:
        _campaign(unit, report, lambda: EmulatedKernel(made, missing))
        add_geometry(report, EmulatedKernel(made, missing))
        return report.campaign

    about = (unit.title, unit.seed, unit.max_ops or DEFAULT_OPS, sorted(missing.items()))
    kept = Searches(unit.folder, made, about)
    report.campaign, fresh = settle(
        unit.cache, f"the search of {unit.title}", kept.load(), anew, by(content)
    )
    if fresh and report.failure is None:
        kept.save(report.campaign)


def table(unit: Unit) -> Implementation:
    """Return the built-in table of a unit. Raises InputError for an unknown quirk or no table."""
    layout = layout_named(unit.layout)
    if layout.port not in references.REFERENCES:
        title = port_of(layout).title
        raise InputError(f"there is no built-in table for {title}: give a kernel tree")
    try:
        return references.table(layout, unit.quirks)
    except KeyError as unknown:
        raise InputError(f"no quirk called {unknown}; see docs/quirks.md") from None


def kernel_implementation(unit: Unit, report: Report) -> EmulatedKernel:
    """Build a unit's tree and return it; see kernel_image()."""
    return EmulatedKernel(kernel_image(unit, report), report.missing)


def kernel_image(unit: Unit, report: Report) -> Image:
    """Build a unit's tree and return it; what could not be bound or checked goes to ``report``.

    Raises TreeError and UnsupportedError.
    """
    assert unit.kernel is not None
    tree = open_for(unit.kernel, layout_named(unit.layout))
    binding = bind(tree)
    report.missing, report.places = dict(binding.missing), binding.places
    report.beyond, report.names = binding.beyond, binding.entries
    layout = layout_in(tree, layout_named(unit.layout))
    report.layout = layout
    made = image(tree, binding, layout, unit.big_endian, find(unit.cc), unit.folder, unit.cache)
    if not made.instrumented:
        report.unchecked = dict.fromkeys(
            ("uninitialised", "unlocked-access"),
            "the compiler cannot instrument loads and stores: use clang",
        )
    return made


def add_geometry(report: Report, kernel: EmulatedKernel) -> None:
    """Compare the tree's geometry and entry format with the model's; note what differs."""
    executor = kernel.executor
    found = geometry_symptoms(kernel.layout, executor.geometry(), executor.entry_format())
    for symptom in found:
        report.campaign.hits[symptom.fingerprint] = Hit(symptom, [Op(Kind.CREATE)])


def _campaign(unit: Unit, report: Report, make: Maker) -> None:
    """Search, then replay each finding on a fresh implementation before anyone sees it."""
    name = f"{report.implementation}/{unit.title}"
    try:
        # The built-in table always shows the same traces, whatever was run before.
        used = unit.kernel is not None and unit.cache is not Mode.AUDIT
        kept = Traces(unit.folder if used else None, f"search {name}")
        search = Search(make(), unit.seed, name)
        fresh = make()

        def seen(symptom: Symptom, ops: list[Op]) -> None:
            if _shows(fresh, Hit(symptom, ops), symptom.fingerprint):
                tell(Seen(unit.layout, symptom.fingerprint))

        report.campaign = search.run(unit.max_ops or DEFAULT_OPS, kept.load(), seen)
        kept.save({mark: hit.ops for mark, hit in report.campaign.hits.items()})
        for mark, hit in report.campaign.hits.items():
            if not _shows(fresh, hit, mark):
                report.campaign.limits.append(f"{mark} did not show again when replayed")
    except ToolLimitError as limit:
        report.failure = (Verdict.UNKNOWN, str(limit))


def _shows(implementation: Implementation, hit: Hit, mark: str) -> bool:
    capabilities = implementation.capabilities
    judge = Judge(implementation.layout, capabilities.pages)
    verdict = judge.examine(implementation, hit.ops)
    return any(symptom.fingerprint == mark for symptom in verdict.symptoms)


def geometry_symptoms(layout: Layout, actual: Geometry, raw: list[int]) -> list[Symptom]:
    """Compare what the tree's headers evaluate to with the model's formulas."""
    said = [
        f"{name} is {getattr(actual, name)}, the model says {getattr(layout.geometry, name)}"
        for name in layout.geometry.__dataclass_fields__
        if getattr(actual, name) != getattr(layout.geometry, name)
    ]
    said += _format_differences(layout, raw)
    if not said:
        return []
    return [
        Symptom(
            "geometry",
            entry_point(layout, Kind.CREATE),
            "any",
            0,
            False,
            said="; ".join(said),
            imprecise=True,
        )
    ]


def _format_differences(layout: Layout, raw: list[int]) -> list[str]:
    """Compare the raw entries that the tree's own helpers make with the model's format."""
    fmt = layout.entry
    if fmt.clean_by_permission:
        return _differ(_by_permission(layout, raw))
    young = fmt.present | fmt.accessed | fmt.valid | fmt.cache
    dirty = young | fmt.write | fmt.modified | fmt.hw_dirty
    probe = 0x2AAAAAA
    expected = {
        "size of an entry": (raw[0], fmt.size),
        "present": (raw[1], fmt.present),
        "a young entry": (raw[2], young),
        "a dirty entry": (raw[3], dirty),
        "the same, old": (raw[4], dirty & ~(fmt.accessed | fmt.valid)),
        "the same, clean": (
            raw[5],
            dirty & ~(fmt.accessed | fmt.valid | fmt.modified | fmt.hw_dirty),
        ),
        "PFN 1": (raw[6], fmt.encode_pfn(1)),
        "PFN 0x2aaaaaa": (raw[7] & _pfn_bits(layout), fmt.encode_pfn(probe)),
    }
    return _differ(expected)


def _by_permission(layout: Layout, raw: list[int]) -> dict[str, tuple[int, int]]:
    """Return (actual, wanted) raw leaves where taking write permission makes a page clean."""
    fmt = layout.entry
    return {
        "size of an entry": (raw[0], fmt.size),
        "present": (raw[1], fmt.flags["valid"]),
        "a page to read": (raw[2], fmt.encode(Entry(0, False, True, True))),
        "a page to write": (raw[3], fmt.encode(Entry(0, True, True, True))),
        "the same, old": (raw[4], fmt.encode(Entry(0, True, False, True))),
        "the same, clean": (raw[5], fmt.encode(Entry(0, False, True, True))),
        "PFN 1": (raw[6], fmt.encode_pfn(1)),
    }


def _differ(expected: dict[str, tuple[int, int]]) -> list[str]:
    return [
        f"{name} is {actual:#x}, the model says {wanted:#x}"
        for name, (actual, wanted) in expected.items()
        if actual != wanted
    ]


def _pfn_bits(layout: Layout) -> int:
    return layout.entry.encode_pfn(layout.entry.pfn_mask)
