# SPDX-License-Identifier: GPL-2.0-only
"""Ports of the tests' own: what they need of every floor, and nothing of any other port."""
