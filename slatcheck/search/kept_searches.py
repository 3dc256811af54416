# SPDX-License-Identifier: GPL-2.0-only
"""Results of searches and replays that are kept: what the code of an image showed to this tool."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import impl
import model
import slatcheck
from impl.kernel.build import Image
from impl.kernel.symbols import Place, code_of, symbols_of
from model.operations import Kind, from_json, to_json
from slatcheck.document.evidence import Evidence
from slatcheck.search.campaign import Campaign, Hit
from slatcheck.search.differential import Symptom
from support import cache as keeping


def tool() -> str:
    """Return the digest of the sources that a search, or a campaign, is made of."""
    return keeping.digest_of((model, impl, slatcheck), (".py", ".c", ".h", ".S", ".ld"))


def by_image(
    folder: Path | None, what: str, image: Image, about: tuple[object, ...]
) -> Path | None:
    """Return the file in which ``what`` an image shows is kept, None where nothing is.

    The image counts by its bytes: whatever the tree says that leads to the same image has the same
    result. ``about`` is what else decides, beside the tool's own text.
    """
    return _file(folder, what, image_digest(image), image, about)


def by_code(folder: Path | None, what: str, image: Image, about: tuple[object, ...]) -> Path | None:
    """Return the file as ``by_image`` does, for what does not depend on the lines of the code."""
    return _file(folder, what, code_of(image.elf), image, about)


def image_digest(image: Image) -> str:
    """Return the digest of all of an image, its lines included."""
    return hashlib.sha256(image.elf).hexdigest()


def _file(
    folder: Path | None, what: str, digest: str, image: Image, about: tuple[object, ...]
) -> Path | None:
    if folder is None:
        return None
    parts = (tool(), digest, image.layout, image.big_endian, image.instrumented, about)
    return folder / f"{what}-{hashlib.sha256(repr(parts).encode()).hexdigest()}.json"


class Searches:
    """The result of one search of one image; none is kept without ``folder``.

    The image counts by its code: where only lines have moved, the same was found in other lines.
    ``about`` is what decides beside the image: seed, budget, operations that are not bound;
    ``what`` names such results among others.
    """

    def __init__(
        self, folder: Path | None, image: Image, about: tuple[object, ...], what: str = "search"
    ) -> None:
        self._file = by_code(folder, what, image, about)
        self._image = image

    def load(self) -> Campaign | None:
        """Return what was found then, None where nothing is kept that can be read.

        Lines are those of the image, which may be others than then.
        """
        if self._file is None:
            return None
        try:
            data = json.loads(keeping.read(self._file))
            campaign = _campaign(data["campaign"])
            if data["image"] == image_digest(self._image):
                return campaign
            return _with_lines_of(self._image, campaign, data["addresses"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, campaign: Campaign) -> None:
        """Keep what was found, unless something stood in the way of judging it."""
        if self._file is None or campaign.limits:
            return
        data = {
            "image": image_digest(self._image),
            "addresses": {mark: self._addresses(hit) for mark, hit in campaign.hits.items()},
            "campaign": _plain(campaign),
        }
        keeping.write(self._file, json.dumps(data))

    def _addresses(self, hit: Hit) -> list[int]:
        """Return where in the code a hit is, as far as this process has looked it up."""
        return symbols_of(self._image.elf).told(_place(hit)) if hit.symptom.where else []


def _place(hit: Hit) -> Place:
    return Place(hit.symptom.function, hit.symptom.where)


def _with_lines_of(
    image: Image, campaign: Campaign, addresses: Mapping[str, Sequence[int]]
) -> Campaign | None:
    """Return what was found with the lines of an image whose code is the same.

    None where that does not say which function of the tree, and which line, a finding is about.
    """
    symbols = symbols_of(image.elf)
    for mark, hit in campaign.hits.items():
        before = _place(hit)
        now = {symbols.place(address) for address in addresses[mark]} or {before}
        if len(now) > 1 or (place := now.pop()).function != before.function:
            return None
        if not addresses[mark] and before.where:
            return None
        hit.symptom = replace(hit.symptom, where=place.where)
    return campaign


def content(campaign: Campaign) -> tuple[set[str], dict[str, int]]:
    """Return what counts of a search: what was found, and how much compared; traces may differ."""
    compared = {kind.name: cases for kind, cases in campaign.compared.items()}
    return set(campaign.hits), compared


def _plain(campaign: Campaign) -> dict[str, Any]:
    return {
        "hits": {mark: plain_hit(hit) for mark, hit in campaign.hits.items()},
        "compared": {kind.name: cases for kind, cases in campaign.compared.items()},
        "sequences": campaign.sequences,
        "seconds": campaign.seconds,
    }


def plain_hit(hit: Hit) -> dict[str, Any]:
    """Return a hit as JSON has it."""
    return {
        "symptom": asdict(hit.symptom),
        "ops": [to_json(op) for op in hit.ops],
        "evidence": asdict(hit.evidence),
    }


def _campaign(data: dict[str, Any]) -> Campaign:
    return Campaign(
        hits={mark: hit_of(mark, hit) for mark, hit in data["hits"].items()},
        compared={Kind[name]: int(cases) for name, cases in data["compared"].items()},
        sequences=int(data["sequences"]),
        seconds=float(data["seconds"]),
    )


def hit_of(mark: str, data: dict[str, Any]) -> Hit:
    """Return the hit that ``plain_hit`` wrote. Raises ValueError where it shows something else."""
    told = dict(data["symptom"])
    for name in ("expected", "actual"):
        told[name] = tuple((int(frame), int(raw)) for frame, raw in told[name])
    symptom = Symptom(**told)
    if symptom.fingerprint != mark:
        raise ValueError(mark)
    return Hit(symptom, [from_json(op) for op in data["ops"]], Evidence(**data["evidence"]))
