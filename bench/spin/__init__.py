# SPDX-License-Identifier: GPL-2.0-only
"""Small scopes as models for Spin, and both explorers side by side."""
