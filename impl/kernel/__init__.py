# SPDX-License-Identifier: GPL-2.0-only
"""The user's kernel tree: found, configured, compiled unmodified and executed."""
