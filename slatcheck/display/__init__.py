# SPDX-License-Identifier: GPL-2.0-only
"""What reports, pages and pictures share: words, addresses, HTML and lines drawn in SVG."""
