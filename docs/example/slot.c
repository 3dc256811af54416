// SPDX-License-Identifier: GPL-2.0-only
// Written for docs/proof.md: pages of 4 KiB, one table of 512 entries, and so a reach of 2 MiB.
int slot_of(unsigned int gpa)
{
	if (gpa >> 21)
		return -1;
	return gpa >> 12 & 511;
}
