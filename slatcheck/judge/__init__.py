# SPDX-License-Identifier: GPL-2.0-only
"""Evidence becomes verdicts: searches, proofs and contracts, each refutation replayed."""
