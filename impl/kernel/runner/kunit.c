/* SPDX-License-Identifier: GPL-2.0-only */
/* A small KUnit: runs the suites of the image and prints KTAP; its header is the tree's own. */
#include <kunit/test.h>
#include <linux/jump_label.h>
#include "program.h"

extern struct kunit_suite *__suites_start[], *__suites_end[];
struct static_key_false kunit_running;

enum { POOL_BYTES = 65536 };
static u64 pool[POOL_BYTES / 8];
static u32 used;
static int undecided;	/* an assertion failed: what is tested was not reached */

/* Given back all at once, before the next case. */
void *kmalloc(size_t size, gfp_t gfp)
{
	u32 words = (size + 7) / 8;
	u64 *found = pool + used, i;

	if (used + words > ARRAY_SIZE(pool))
		return NULL;
	used += words;
	for (i = 0; i < words; i++)
		found[i] = gfp & __GFP_ZERO ? 0 : POISON_FRESH;
	return found;
}

void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

void kfree(const void *memory)
{
	(void)memory;
}

void *kunit_kmalloc_array(struct kunit *test, size_t n, size_t size, gfp_t gfp)
{
	(void)test;
	return kmalloc(n * size, gfp);
}

void kunit_kfree(struct kunit *test, const void *memory)
{
	(void)test;
	kfree(memory);
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

int strcmp(const char *one, const char *other)
{
	while (*one && *one == *other) {
		one++;
		other++;
	}
	return (u8)*one - (u8)*other;
}

/* The formatters are never called: which one was asked for says what kind of assertion it is. */
#define FORMATTER(name) \
	void name(const struct kunit_assert *assert, const struct va_format *message, \
		  struct string_stream *stream) \
	{ \
		slat_say("# %s\n", #name); \
	}
FORMATTER(kunit_fail_assert_format)
FORMATTER(kunit_unary_assert_format)
FORMATTER(kunit_ptr_not_err_assert_format)
FORMATTER(kunit_binary_assert_format)
FORMATTER(kunit_binary_ptr_assert_format)
FORMATTER(kunit_binary_str_assert_format)

static void tell(const struct kunit_assert *assert, assert_format_t format)
{
	if (format == kunit_unary_assert_format) {
		const struct kunit_unary_assert *unary =
			container_of(assert, struct kunit_unary_assert, assert);

		slat_say("    Expected %s to be %s, but is %s\n", unary->condition,
			 unary->expected_true ? "true" : "false", unary->expected_true ? "false" : "true");
	} else if (format == kunit_binary_assert_format) {
		const struct kunit_binary_assert *binary =
			container_of(assert, struct kunit_binary_assert, assert);

		slat_say("    Expected %s %s %s, but\n", binary->text->left_text,
			 binary->text->operation, binary->text->right_text);
		slat_say("        %s == %n\n", binary->text->left_text, (s64)binary->left_value);
		slat_say("        %s == %n\n", binary->text->right_text, (s64)binary->right_value);
	}
}

/* The formats of messages that tests of ours use: %s alone. */
static void tell_message(const char *format, __builtin_va_list *values)
{
	if (!format)
		return;
	slat_say("    ");
	slat_vsay(format, values);
	slat_say("\n");
}

static void failed(struct kunit *test, const struct kunit_loc *loc, enum kunit_assert_type type,
		   const struct kunit_assert *assert, assert_format_t format)
{
	test->status = KUNIT_FAILURE;
	undecided |= type == KUNIT_ASSERTION;
	slat_say("    # %s: %s FAILED at %s:%u\n", test->name,
		 type == KUNIT_ASSERTION ? "ASSERTION" : "EXPECTATION", loc->file, (u32)loc->line);
	tell(assert, format);
}

void __noreturn __kunit_abort(struct kunit *test)
{
	(void)test;
	slat_longjmp(slat_frame, 1);
}

/* The name until 6.1, where an assertion is ended in here, and the one since. */
void kunit_do_failed_assertion(struct kunit *test, const struct kunit_loc *loc,
			       enum kunit_assert_type type, const struct kunit_assert *assert,
			       assert_format_t format, const char *fmt, ...)
{
	__builtin_va_list values;

	failed(test, loc, type, assert, format);
	__builtin_va_start(values, fmt);
	tell_message(fmt, &values);
	__builtin_va_end(values);
	if (type == KUNIT_ASSERTION)
		__kunit_abort(test);
}

void __kunit_do_failed_assertion(struct kunit *test, const struct kunit_loc *loc,
				 enum kunit_assert_type type, const struct kunit_assert *assert,
				 assert_format_t format, const char *fmt, ...)
{
	__builtin_va_list values;

	failed(test, loc, type, assert, format);
	__builtin_va_start(values, fmt);
	tell_message(fmt, &values);
	__builtin_va_end(values);
}

static void run_stages(struct kunit_suite *suite, struct kunit_case *one, struct kunit *test)
{
	/* An assertion that fails, and a bug or whatever else ends the code, come back here. */
	if (slat_setjmp(slat_frame)) {
		if (test->status == KUNIT_SUCCESS)
			slat_say("    # %s: the code under test was ended\n", one->name);
		test->status = KUNIT_FAILURE;
		return;
	}
	if (suite->init && suite->init(test))
		test->status = KUNIT_FAILURE;
	else
		one->run_case(test);
}

/* What is broken may not survive this either; the case has been judged by then. */
static void clean_up(struct kunit_suite *suite, struct kunit *test)
{
	if (slat_setjmp(slat_frame)) {
		slat_say("    # %s: its exit was ended\n", test->name);
		return;
	}
	if (suite->exit)
		suite->exit(test);
}

static int run_case(struct kunit_suite *suite, struct kunit_case *one, u32 number)
{
	static struct kunit test;

	clear(&test, sizeof(test));
	test.name = one->name;
	used = 0;
	start();
	slat_hot.fuel = SLAT_BUDGET;
	run_stages(suite, one, &test);
	clean_up(suite, &test);
	slat_say("    %s %u %s\n", test.status == KUNIT_SUCCESS ? "ok" : "not ok", number, one->name);
	return test.status != KUNIT_SUCCESS;
}

static int run_suite(struct kunit_suite *suite, u32 number)
{
	struct kunit_case *one;
	u32 cases = 0, count = 0;
	int bad = 0;

	kunit_suite_for_each_test_case(suite, one)
		cases++;
	slat_say("    KTAP version 1\n    # Subtest: %s\n    1..%u\n", suite->name, cases);
	kunit_suite_for_each_test_case(suite, one)
		bad |= run_case(suite, one, ++count);
	slat_say("%s %u %s\n", bad ? "not ok" : "ok", number, suite->name);
	return bad;
}

int slat_program(void)
{
	struct kunit_suite **suite;
	u32 number = 0;
	int bad = 0;

	undecided = __suites_start == __suites_end;
	slat_say("KTAP version 1\n1..%u\n", (u32)(__suites_end - __suites_start));
	for (suite = __suites_start; suite < __suites_end; suite++)
		bad |= run_suite(*suite, ++number);
	return undecided ? 3 : bad;
}
