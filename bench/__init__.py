# SPDX-License-Identifier: GPL-2.0-only
"""Measurements beside other ways of doing the same; run as ``python -m bench.NAME``."""
