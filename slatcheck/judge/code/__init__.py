# SPDX-License-Identifier: GPL-2.0-only
"""The proof of a kernel tree's own C: verdicts, replays of refutations, what is kept."""
