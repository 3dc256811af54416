# SPDX-License-Identifier: GPL-2.0-only
"""What is put to the test: implementations of the map behind one small interface."""
