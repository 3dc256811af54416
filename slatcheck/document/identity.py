# SPDX-License-Identifier: GPL-2.0-only
"""The names that outlive a run: of a finding, and of a check."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

_BEYOND = "out-of-contract"


class Fingerprint(NamedTuple):
    """The stable name of a finding: the rule that is broken, at which entry point, by what.

    ``contract`` says whether the kernel's own callers can pass such operands.
    """

    rule: str
    entry: str = ""
    trigger: str = ""
    contract: bool = True

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of a written fingerprint; those that are missing are ''."""
        rule, entry, trigger, *rest = [*text.split("/"), "", ""]
        return cls(rule, entry, trigger, _BEYOND not in rest)

    def __str__(self) -> str:
        tail = "" if self.contract else f"/{_BEYOND}"
        return f"{self.rule}/{self.entry}/{self.trigger}{tail}"


class CheckId(NamedTuple):
    """The stable name of a check: what was looked at, which function, and which promise.

    ``subject`` is an implementation, or says what kind of proof it is; a check of a quirk names the
    quirk there too. ``promise`` is a rule or a clause.
    """

    subject: str
    function: str
    promise: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the parts of a written id; the last two are function and promise."""
        rest, _, promise = text.rpartition("/")
        subject, _, function = rest.rpartition("/")
        return cls(subject, function, promise)

    def __str__(self) -> str:
        return f"{self.subject}/{self.function}/{self.promise}"


def slug(fingerprint: str) -> str:
    """Return a fingerprint fit for a shell and for the name of a file: dots for slashes."""
    return ".".join(re.sub(r"[^A-Za-z0-9_-]+", "_", part) or "_" for part in fingerprint.split("/"))
