/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw entries as the tree's own helpers make them, for comparison with the model's format. */
static void record_format(void)
{
	pte_t pte = __pte(0);

	slat_format[0] = sizeof(pte_t);
	pte = pfn_pte(0, __pgprot(_PAGE_PRESENT));
	slat_format[1] = slat_raw(&pte);
	pte = pfn_pte(0, __pgprot(_PAGE_PRESENT | __READABLE | _page_cachable_default));
	slat_format[2] = slat_raw(&pte);
	pte = pfn_pte(0, __pgprot(_PAGE_PRESENT | __READABLE | __WRITEABLE | _page_cachable_default));
	slat_format[3] = slat_raw(&pte);
	pte = pte_mkold(pte);
	slat_format[4] = slat_raw(&pte);
	pte = pte_mkclean(pte);
	slat_format[5] = slat_raw(&pte);
	pte = pfn_pte(1, __pgprot(0));
	slat_format[6] = slat_raw(&pte);
	pte = pfn_pte(0x2aaaaaaUL, __pgprot(0));
	slat_format[7] = slat_raw(&pte);
	slat_format[8] = _PAGE_GLOBAL;
	slat_format[9] = _PAGE_NO_READ | _PAGE_NO_EXEC;
}
