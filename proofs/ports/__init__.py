# SPDX-License-Identifier: GPL-2.0-only
"""What is proved of each architecture."""
