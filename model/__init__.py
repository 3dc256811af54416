# SPDX-License-Identifier: GPL-2.0-only
"""What must hold: layouts, operations, the abstract map and the catalogue of promises."""
