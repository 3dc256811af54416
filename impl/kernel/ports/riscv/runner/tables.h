/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * G-stage tables: a slot of any level is a PTE. It is empty, or a leaf where it may be read,
 * written or executed, or V alone with the frame of a table. The number of levels is found at boot.
 */
enum { LEAF = _PAGE_READ | _PAGE_WRITE | _PAGE_EXEC };

static u32 clamped(u32 levels)
{
	return levels < 2 ? 2 : levels > LEVEL_ROOT ? LEVEL_ROOT : levels;
}

static u32 shift_of(u32 level)
{
	return PAGE_SHIFT + level * slat_shape.index_bits;
}

static void lay_out(struct level *levels)
{
	u32 count = clamped(slat_shape.levels), entries = 1u << slat_shape.index_bits, i;

	for (i = 1; i < count; i++)
		levels[i] = (struct level){ entries, sizeof(pte_t), shift_of(i - 1), i - 1, 0 };
	levels[LEVEL_ROOT] = (struct level){ entries << slat_shape.root_bits, sizeof(pte_t),
					     shift_of(count - 1), count - 1, 0 };
}

static int is_leaf(u32 which, u64 value)
{
	(void)which;
	return !!(value & LEAF);
}

/* What is neither a leaf nor a link, or would lead below the last level, leads to no page. */
static unsigned long table_in(u32 which, u64 value)
{
	unsigned long frame = pte_pfn(__pte((unsigned long)value));
	pte_t link = pfn_pte(frame, __pgprot(_PAGE_TABLE));

	return which > LEVEL_PTE && pte_val(link) == value ? frame << PAGE_SHIFT : 1;
}

/* The processor may still use what it knew: another frame, or nothing that is valid. */
static int leaf_moved(u64 was, u64 now)
{
	return !(now & _PAGE_PRESENT) ||
	       pte_pfn(__pte((unsigned long)was)) != pte_pfn(__pte((unsigned long)now));
}

static int leaf_lost(u64 was, u64 now)
{
	return !!(was & ~now & (LEAF | _PAGE_USER));
}

static void record_geometry(void)
{
	u32 count = slat_shape.levels, entries = 1u << slat_shape.index_bits, root = shift_of(count - 1);
	const u32 found[] = {
		BITS_PER_LONG, count, PAGE_SHIFT, shift_of(1), count > 3 ? shift_of(2) : root, root,
		entries << slat_shape.root_bits, count > 3 ? entries : 1, count > 2 ? entries : 1,
		PTRS_PER_PTE, sizeof(pte_t), slat_shape.root_order, slat_shape.reach_bits,
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(found); i++)
		slat_geometry[i] = found[i];
}

/* An empty slot is 0: no table stands for it. */
static void fill_empty_tables(void) { }
