# SPDX-License-Identifier: GPL-2.0-only
"""The room of the proof engine: contracts, obligations and solvers; nothing lives here yet."""
