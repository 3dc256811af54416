# SPDX-License-Identifier: GPL-2.0-only
"""What git knows of a tree: revisions, commits, where a line came from."""
