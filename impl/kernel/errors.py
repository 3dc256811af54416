# SPDX-License-Identifier: GPL-2.0-only
"""The two ways in which a tree is refused: it is wrong input, or it is beyond what we understand."""

from __future__ import annotations


class TreeError(Exception):
    """The input is no usable kernel tree; the message says what is wrong and what to do."""


class UnsupportedError(Exception):
    """The tree is sound C but this layout cannot be built or run; the message is the reason."""
