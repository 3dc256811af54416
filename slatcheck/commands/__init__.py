# SPDX-License-Identifier: GPL-2.0-only
"""The commands: one file each, imported when it is asked for."""

NAMES = (
    "b4",
    "baseline",
    "cache",
    "check",
    "corpus",
    "diff",
    "explain",
    "export",
    "fuzz",
    "layouts",
    "prove",
    "replay",
    "report",
    "rule",
    "run",
    "trees",
)
"""The commands, each a module of this package that has a click command called 'command'."""

WORK = ("slatcheck.search.unit", "slatcheck.judge.code.trees", "unicorn", "z3")
"""Modules that the work of a check begins with; while nobody waits they are imported."""
