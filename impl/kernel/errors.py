# SPDX-License-Identifier: GPL-2.0-only
"""Why a tree is refused: it is wrong input, beyond what we understand, or beyond our limits."""

from __future__ import annotations


class TreeError(Exception):
    """The input is no usable kernel tree; the message says what is wrong and what to do."""


class UnsupportedError(Exception):
    """The tree is sound C but this layout cannot be built or run; the message is the reason."""


class ToolLimitError(Exception):
    """The runner ran out of its own room; nothing can be said about the sequence."""


class IsolationError(Exception):
    """The host cannot confine code of a tree, so that it is not run; the message is the reason."""
