/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw entries as the tree's own helpers make them, for comparison with the model's format. */
static u64 made(pte_t pte)
{
	return slat_raw(&pte);
}

static void record_format(void)
{
	pte_t whole = pte_mkdirty(pfn_pte(0, PAGE_WRITE_EXEC));

	slat_format[0] = sizeof(pte_t);
	slat_format[1] = made(pfn_pte(0, __pgprot(_PAGE_PRESENT)));
	slat_format[2] = made(pte_mkdirty(pfn_pte(0, PAGE_READ_EXEC)));
	slat_format[3] = made(whole);
	slat_format[4] = made(pte_mkold(whole));
	slat_format[5] = made(__pte(pte_val(whole) & ~(unsigned long)_PAGE_WRITE));
	slat_format[6] = made(pfn_pte(1, __pgprot(0)));
	slat_format[7] = made(pfn_pte(0x2aaaaaaUL, __pgprot(0)));
#ifdef SLAT_DEVICE
	slat_format[8] = made(pfn_pte(0, SLAT_DEVICE));
#endif
	slat_format[9] = made(pfn_pte(0, __pgprot(_PAGE_TABLE)));
}
