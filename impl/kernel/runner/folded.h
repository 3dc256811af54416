/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tables whose levels are folded when they are compiled: a directory's slots are addresses of
 * tables, an empty one that of a shared empty table, and entries stand in the last level alone.
 */
#if !defined(__PAGETABLE_PMD_FOLDED) && !defined(SLAT_PMD_INIT)
#error "port.h must define SLAT_PMD_INIT(table, empty): how the tree makes a new pmd table empty"
#endif
#if !defined(__PAGETABLE_PUD_FOLDED) && !defined(SLAT_PUD_INIT)
#error "port.h must define SLAT_PUD_INIT(table, empty): how the tree makes a new pud table empty"
#endif

pte_t invalid_pte_table[PTRS_PER_PTE] __attribute__((aligned(PAGE_SIZE), section(".slat_tables")));
#ifndef __PAGETABLE_PMD_FOLDED
pmd_t invalid_pmd_table[PTRS_PER_PMD] __attribute__((aligned(PAGE_SIZE), section(".slat_tables")));
#endif
#ifndef __PAGETABLE_PUD_FOLDED
pud_t invalid_pud_table[PTRS_PER_PUD] __attribute__((aligned(PAGE_SIZE), section(".slat_tables")));
#endif

static void lay_out(struct level *levels)
{
	int below = 1;

	levels[1] = (struct level){ PTRS_PER_PTE, sizeof(pte_t), PAGE_SHIFT, 0, 0 };
#ifndef __PAGETABLE_PMD_FOLDED
	levels[2] = (struct level){ PTRS_PER_PMD, sizeof(pmd_t), PMD_SHIFT, 1,
				    (unsigned long)invalid_pte_table };
	below = 2;
#endif
#ifndef __PAGETABLE_PUD_FOLDED
	levels[3] = (struct level){ PTRS_PER_PUD, sizeof(pud_t), PUD_SHIFT, 2,
				    (unsigned long)invalid_pmd_table };
	below = 3;
#endif
	levels[LEVEL_ROOT] = (struct level){ PTRS_PER_PGD, sizeof(pgd_t), PGDIR_SHIFT, below, 0 };
#if !defined(__PAGETABLE_PUD_FOLDED)
	levels[LEVEL_ROOT].empty = (unsigned long)invalid_pud_table;
#elif !defined(__PAGETABLE_PMD_FOLDED)
	levels[LEVEL_ROOT].empty = (unsigned long)invalid_pmd_table;
#else
	levels[LEVEL_ROOT].empty = (unsigned long)invalid_pte_table;
#endif
}

static int is_leaf(u32 which, u64 value)
{
	(void)value;
	return which == LEVEL_PTE;
}

static unsigned long table_in(u32 which, u64 value)
{
	(void)which;
	return (unsigned long)value;
}

static void record_geometry(void)
{
	const u32 found[] = {
		BITS_PER_LONG, CONFIG_PGTABLE_LEVELS, PAGE_SHIFT, PMD_SHIFT, PUD_SHIFT, PGDIR_SHIFT,
		PTRS_PER_PGD, PTRS_PER_PUD, PTRS_PER_PMD, PTRS_PER_PTE, sizeof(pte_t), PGD_TABLE_ORDER,
		0,	/* the reach follows from the root's */
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(found); i++)
		slat_geometry[i] = found[i];
}

/* Run once: the empty tables are filled by the tree's own code, then made read-only. */
static void fill_empty_tables(void)
{
#ifndef __PAGETABLE_PUD_FOLDED
	SLAT_PUD_INIT(invalid_pud_table, invalid_pmd_table);
#endif
#ifndef __PAGETABLE_PMD_FOLDED
	SLAT_PMD_INIT(invalid_pmd_table, invalid_pte_table);
#endif
}
