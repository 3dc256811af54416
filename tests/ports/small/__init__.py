# SPDX-License-Identifier: GPL-2.0-only
"""A port of the tests' own: a table of two levels of four entries, in thirty lines of C."""
