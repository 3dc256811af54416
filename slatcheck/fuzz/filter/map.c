/* SPDX-License-Identifier: GPL-2.0-only */
/* The map from guest frames to entries: an array without order, and an index by hash. */
#include "filter.h"

static u32 home_of(const struct map *map, u64 gfn)
{
	return (u32)((gfn * 0x9e3779b97f4a7c15ULL) >> 40) & map->mask;
}

static void map_clear(struct map *map)
{
	u32 i;

	map->count = 0;
	map->mask = LEAST_SLOTS - 1;
	for (i = 0; i < LEAST_SLOTS; i++)
		map->index[i] = 0;
}

/* The slot that leads to the frame's entry, or the empty one where it would be put. */
static u32 slot_of(const struct map *map, u64 gfn)
{
	u32 slot = home_of(map, gfn);

	while (map->index[slot] && map->entries[map->index[slot] - 1].gfn != gfn)
		slot = (slot + 1) & map->mask;
	return slot;
}

static struct entry *map_find(struct map *map, u64 gfn)
{
	u32 found = map->count ? map->index[slot_of(map, gfn)] : 0;

	return found ? &map->entries[found - 1] : 0;
}

/* Twice as many slots: at most half of them are in use, so that a search ends soon. */
static void grow(struct map *map)
{
	u32 i;

	map->mask = 2 * map->mask + 1;
	for (i = 0; i <= map->mask; i++)
		map->index[i] = 0;
	for (i = 0; i < map->count; i++)
		map->index[slot_of(map, map->entries[i].gfn)] = i + 1;
}

/* Put in an entry for a frame that has none. Returns 0 where there is no room. */
static int map_add(struct map *map, u64 gfn, u64 pfn, u32 flags)
{
	struct entry *entry = &map->entries[map->count];

	if (map->count >= MOST_ENTRIES)
		return 0;
	if (2 * (map->count + 1) > map->mask + 1)
		grow(map);
	entry->gfn = gfn;
	entry->pfn = pfn;
	entry->flags = flags;
	entry->seen = 0;
	map->index[slot_of(map, gfn)] = ++map->count;
	return 1;
}

/* Empty a slot; what was put behind it because it was taken moves up. */
static void empty_slot(struct map *map, u32 slot)
{
	u32 next = slot;

	for (;;) {
		u32 home;

		next = (next + 1) & map->mask;
		if (!map->index[next])
			break;
		home = home_of(map, map->entries[map->index[next] - 1].gfn);
		if (((next - home) & map->mask) >= ((next - slot) & map->mask)) {
			map->index[slot] = map->index[next];
			slot = next;
		}
	}
	map->index[slot] = 0;
}

/* Take out an entry; the last one of the array comes to its place. */
static void map_drop(struct map *map, struct entry *entry)
{
	u32 at = entry - map->entries;

	empty_slot(map, slot_of(map, entry->gfn));
	if (at != --map->count) {
		map->index[slot_of(map, map->entries[map->count].gfn)] = at + 1;
		*entry = map->entries[map->count];
	}
}
