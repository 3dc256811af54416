# SPDX-License-Identifier: GPL-2.0-only
"""``python -m slatcheck``: the command line without its console script."""

from slatcheck.cli import main

main()
