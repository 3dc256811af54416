# SPDX-License-Identifier: GPL-2.0-only
"""What counts of a run: baselines, another revision, a question of bisection, many trees."""
