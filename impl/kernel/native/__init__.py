# SPDX-License-Identifier: GPL-2.0-only
"""The native executor: the tree's C as code of the host, in a process that can do nothing else."""
