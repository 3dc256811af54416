# SPDX-License-Identifier: GPL-2.0-only
"""What is proved of the MIPS table."""
