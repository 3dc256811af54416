# SPDX-License-Identifier: GPL-2.0-only
"""Patches as they are sent by mail: what they touch, where they apply, what they break."""
