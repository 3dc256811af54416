# SPDX-License-Identifier: GPL-2.0-only
"""C as the proof engine reads it: syntax, types, values, execution. Knows no kernel."""
