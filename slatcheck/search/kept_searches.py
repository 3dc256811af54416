# SPDX-License-Identifier: GPL-2.0-only
"""Results of searches that are kept: what an image showed, for a seed, a budget and this tool."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import impl
import model
import slatcheck
from impl.kernel.build import Image
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
    if folder is None:
        return None
    digest = hashlib.sha256(image.elf).hexdigest()
    parts = (tool(), digest, image.layout, image.big_endian, image.instrumented, about)
    return folder / f"{what}-{hashlib.sha256(repr(parts).encode()).hexdigest()}.json"


class Searches:
    """The result of one search of one image; none is kept without ``folder``.

    ``about`` is what decides beside the image: seed, budget, operations that are not bound.
    """

    def __init__(self, folder: Path | None, image: Image, about: tuple[object, ...]) -> None:
        self._file = by_image(folder, "search", image, about)

    def load(self) -> Campaign | None:
        """Return what was found then, None where nothing is kept that can be read."""
        if self._file is None:
            return None
        try:
            return _campaign(json.loads(keeping.read(self._file)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, campaign: Campaign) -> None:
        """Keep what was found, unless something stood in the way of judging it."""
        if self._file is not None and not campaign.limits:
            keeping.write(self._file, json.dumps(_plain(campaign)))


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
