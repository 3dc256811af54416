# SPDX-License-Identifier: GPL-2.0-only
"""The result document: verdicts, checks, findings and the causes that they share."""
