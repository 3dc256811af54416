# SPDX-License-Identifier: GPL-2.0-only
"""The error that is the user's to mend, as opposed to one of the tool's own."""

from __future__ import annotations


class InputError(Exception):
    """Bad input; the message is one line that says what is wrong and what to do."""
