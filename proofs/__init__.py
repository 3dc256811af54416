# SPDX-License-Identifier: GPL-2.0-only
"""The proof engine: lifting, contracts, theorems, solvers, and the front ends they work on."""
