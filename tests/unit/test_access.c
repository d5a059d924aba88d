/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of access lists against an oracle that asks every prefix, under random lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/access.h"

#define SOURCES 9
#define ENTRIES 24

struct world {
	struct access_source sources[SOURCES];
	struct access_table table;
};

static unsigned int seed = 1;

static unsigned int pick(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

/* Few different bits, so that prefixes cover each other a lot. */
static struct sluice_addr random_addr(void)
{
	struct sluice_addr addr;

	if (pick(2)) {
		addr_parse("10.0.0.0", &addr);
		addr.b[13] = (uint8_t)pick(2);
		addr.b[15] = (uint8_t)pick(8);
	} else {
		addr_parse("2001:db8::", &addr);
		addr.b[0] = pick(2) ? 0x20 : 0;
		addr.b[7] = (uint8_t)pick(2);
		addr.b[15] = (uint8_t)pick(4);
	}
	return addr;
}

static struct prefix random_prefix(void)
{
	static const uint8_t LENGTHS[2][6] = {{0, 8, 15, 16, 30, 32}, {0, 3, 48, 64, 126, 128}};
	struct prefix prefix = {.addr = random_addr()};

	prefix.length = LENGTHS[addr_family(&prefix.addr) == SLUICE_FAMILY_V6][pick(6)];
	addr_mask(&prefix.addr, prefix.length);
	return prefix;
}

static struct prefix_set *random_set(void)
{
	struct prefix_entry entries[ENTRIES] = {};
	size_t count = pick(ENTRIES);

	for (size_t i = 0; i < count; i++)
		entries[i].prefix = random_prefix();
	return prefix_set_new(entries, count, NULL, 0);
}

static struct world random_world(void)
{
	static const struct {
		enum access_kind kind;
		uint16_t list;
	} KINDS[SOURCES] = {
		{ACCESS_KIND_DENY, 5},	 {ACCESS_KIND_DENY, 2},	  {ACCESS_KIND_DENY, 5},
		{ACCESS_KIND_EXEMPT, 7}, {ACCESS_KIND_EXEMPT, 3}, {ACCESS_KIND_MANAGEMENT, 0},
		{ACCESS_KIND_INFRA, 0},	 {ACCESS_KIND_ALLOW, 9},  {ACCESS_KIND_ALLOW, 9},
	};
	struct world w;

	for (size_t i = 0; i < SOURCES; i++) {
		w.sources[i] = (struct access_source){NULL, KINDS[i].kind, KINDS[i].list};
		if (pick(3))
			w.sources[i].set = random_set();
	}
	access_build(w.sources, SOURCES, &w.table);
	return w;
}

static void world_done(struct world *w)
{
	for (size_t i = 0; i < SOURCES; i++)
		prefix_set_unref((struct prefix_set *)w->sources[i].set);
	access_table_done(&w->table);
}

/* What the packet path does: the longest prefix of the table. */
static uint64_t look_up(const struct world *w, uint16_t list, const struct sluice_addr *addr)
{
	const struct prefix one = prefix_of_addr(addr);
	const struct dp_access_entry *best = NULL;

	for (size_t i = 0; i < w->table.count; i++) {
		const struct dp_access_entry *entry = &w->table.entries[i];

		if (entry->list == list && prefix_covers(&entry->prefix, &one) &&
		    (!best || entry->prefix.length > best->prefix.length))
			best = entry;
	}
	return best ? best->word : 0;
}

/* The list of this kind with the longest prefix around the address, of equals the lowest; 0: no. */
static unsigned int ask(const struct world *w, enum access_kind kind,
			const struct sluice_addr *addr)
{
	const struct prefix one = prefix_of_addr(addr);
	unsigned int list = 0;
	int length = -1;

	for (size_t i = 0; i < SOURCES; i++) {
		const struct access_source *source = &w->sources[i];

		for (size_t j = 0; source->kind == kind && j < prefix_set_count(source->set); j++) {
			const struct prefix *prefix = &source->set->entries[j].prefix;
			unsigned int id = source->list ? source->list : 1;

			if (!prefix_covers(prefix, &one) || prefix->length < length ||
			    (prefix->length == length && list <= id))
				continue;
			length = prefix->length;
			list = id;
		}
	}
	return list;
}

/* The precedence as the manual has it. */
static uint64_t oracle(const struct world *w, const struct sluice_addr *addr)
{
	unsigned int list;

	if (ask(w, ACCESS_KIND_MANAGEMENT, addr))
		return SLUICE_ACCESS(SLUICE_ACCESS_MANAGEMENT, 0);
	list = ask(w, ACCESS_KIND_EXEMPT, addr);
	if (list)
		return SLUICE_ACCESS(SLUICE_ACCESS_EXEMPT, list);
	if (ask(w, ACCESS_KIND_INFRA, addr))
		return SLUICE_ACCESS(SLUICE_ACCESS_INFRA, 0);
	list = ask(w, ACCESS_KIND_DENY, addr);
	return list ? SLUICE_ACCESS(SLUICE_ACCESS_DENY, list) : 0;
}

static void test_random(void **state)
{
	size_t seen[SLUICE_ACCESS_CLASS_MAX] = {};

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct world w = random_world();

		for (int i = 0; i < 40; i++) {
			struct sluice_addr addr = random_addr();
			uint64_t want = oracle(&w, &addr);
			bool is_allowed = ask(&w, ACCESS_KIND_ALLOW, &addr);

			if (look_up(&w, 0, &addr) != want)
				fail_msg("round %d: %#llx instead of %#llx", round,
					 (unsigned long long)look_up(&w, 0, &addr),
					 (unsigned long long)want);
			seen[SLUICE_ACCESS_CLASS(want)]++;
			assert_int_equal(look_up(&w, 9, &addr),
					 is_allowed ? SLUICE_ACCESS(SLUICE_ACCESS_ALLOW, 9) : 0);
		}
		for (size_t i = 1; i < w.table.count; i++)
			assert_true(dp_access_compare(&w.table.entries[i - 1],
						      &w.table.entries[i]) < 0);
		world_done(&w);
	}
	for (int class = SLUICE_ACCESS_NOTHING; class < SLUICE_ACCESS_CLASS_MAX; class ++)
		assert_true(class == SLUICE_ACCESS_ALLOW || seen[class] > 200);
}

static struct prefix_set *set_of(const char *text)
{
	struct errs errors = {};
	struct prefix_set *set = NULL;

	assert_int_equal(prefix_set_parse(text, strlen(text), NULL, 0, &set, &errors), 0);
	return set;
}

/* What changes nothing takes no place in the kernel. */
static void test_small(void **state)
{
	struct prefix_set *deny = set_of("192.0.2.0/24\n192.0.2.1\n192.0.2.2\n"),
			  *infra = set_of("10.0.0.1\n10.0.0.2\n192.0.2.9\n"),
			  *management = set_of("10.0.0.0/24\n");
	const struct access_source sources[] = {
		{deny, ACCESS_KIND_DENY, 4},
		{infra, ACCESS_KIND_INFRA, 0},
		{management, ACCESS_KIND_MANAGEMENT, 0},
	};
	struct access_table table;

	(void)state;
	access_build(sources, ARRAY_SIZE(sources), &table);
	assert_int_equal(table.count, 3); /* the management prefix, the /24, and the hole in it */
	assert_int_equal(table.entries[0].word, SLUICE_ACCESS(SLUICE_ACCESS_MANAGEMENT, 0));
	assert_int_equal(table.entries[1].word, SLUICE_ACCESS(SLUICE_ACCESS_DENY, 4));
	assert_int_equal(table.entries[2].word, SLUICE_ACCESS(SLUICE_ACCESS_INFRA, 0));
	access_table_done(&table);
	access_build(NULL, 0, &table);
	assert_int_equal(table.count, 0);
	access_table_done(&table);
	prefix_set_unref(deny);
	prefix_set_unref(infra);
	prefix_set_unref(management);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_small),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
