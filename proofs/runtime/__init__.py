# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the symbolic runtime; ``proofs.symbolic`` joins them."""
