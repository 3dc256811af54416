# SPDX-License-Identifier: GPL-2.0-only
"""Planted bugs in a repaired tree, and the ways that look for them."""
