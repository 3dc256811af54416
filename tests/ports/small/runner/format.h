/* SPDX-License-Identifier: GPL-2.0-only */
/* Raw entries for comparison with the model's format. */
static void record_format(void)
{
	slat_format[0] = sizeof(pte_t);
	slat_format[1] = SMALL_PRESENT;
	slat_format[2] = SMALL_PRESENT | SMALL_YOUNG;
	slat_format[3] = SMALL_PRESENT | SMALL_YOUNG | SMALL_WRITE | SMALL_DIRTY;
	slat_format[4] = SMALL_PRESENT | SMALL_WRITE | SMALL_DIRTY;
	slat_format[5] = SMALL_PRESENT | SMALL_WRITE;
	slat_format[6] = 1UL << PAGE_SHIFT;
	slat_format[7] = 0x2aaaaaaUL << PAGE_SHIFT;
}
