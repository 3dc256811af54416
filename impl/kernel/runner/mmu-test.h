/* SPDX-License-Identifier: GPL-2.0-only */
/* What mmu-test is given: the tests of a layout, and sequences that are drawn, in bulk. */
#ifndef SLAT_MMU_TEST_H
#define SLAT_MMU_TEST_H

/* One test: what it does, and whether it says nothing unless each access is checked. */
struct slat_test {
	const char *name;
	void (*steps)(void);
	unsigned char needs_checks;
};
extern const struct slat_test slat_tests[];
extern const unsigned int slat_tests_count;

/* What became of a test. */
enum slat_fate { FATE_UNKNOWN, FATE_PASSED, FATE_FAILED };

/*
 * Sequences of a seed are drawn, run and filtered. ``fates`` are those of the tests: what a test
 * that did not pass shows is left out. Returns whether all passed; 'why' is set where none can be
 * drawn, and is 0 otherwise.
 */
int slat_drawn(const unsigned char *fates, unsigned long long seed, unsigned long long sequences,
	       const char **why);

/* Run what lies in slat_ops. Returns 0 where something did not end by itself. */
int slat_guarded_batch(void);
const char *slat_code_name(unsigned int code);
const char *slat_subject_name(unsigned int subject);
#endif
