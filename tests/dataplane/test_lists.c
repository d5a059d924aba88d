/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of access lists in the real kernel, as the loaded program finds it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/if_ether.h>

#include "base/clock.h"
#include "base/util.h"
#include "dataplane/instance.h"
#include "dataplane/space.h"

#define INSTANCE "sld-lists"
#define ENTRIES 64

static struct dp_bpf *dp;
static struct dataplane port;
static unsigned int seed = 7;

static unsigned int pick(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static struct dp_access_entry entry(const char *text, uint64_t word)
{
	struct dp_access_entry e = {.word = word};

	assert_int_equal(prefix_parse(text, strlen(text), &e.prefix, NULL), 0);
	return e;
}

static int compare(const void *a, const void *b)
{
	return dp_access_compare(a, b);
}

/* Sorted; of equal places one stays. */
static size_t tidy(struct dp_access_entry *entries, size_t count)
{
	size_t kept = 0;

	qsort(entries, count, sizeof(*entries), compare);
	for (size_t i = 0; i < count; i++)
		if (!kept || dp_access_compare(&entries[kept - 1], &entries[i]))
			entries[kept++] = entries[i];
	return kept;
}

static void replace(const struct dp_access_entry *entries, size_t count)
{
	assert_int_equal(port.ops->access_replace(port.dp, entries, count), 0);
}

/* The list that denies the source, 0 if none does. */
static uint32_t denied_by(const struct sluice_addr *addr)
{
	bool is_v4 = addr_family(addr) == SLUICE_FAMILY_V4;
	uint8_t frame[ETH_HLEN + 60] = {[5] = 2, [11] = 1};
	uint32_t length = ETH_HLEN + (is_v4 ? 20 : 40);
	uint8_t *ip = frame + ETH_HLEN;
	struct sluice_explain found;

	if (is_v4) {
		frame[12] = 0x08;
		ip[0] = 0x45;
		ip[3] = 20;
		ip[9] = 50;
		memcpy(ip + 12, addr->b + 12, 4);
	} else {
		frame[12] = 0x86;
		frame[13] = 0xdd;
		ip[0] = 0x60;
		ip[6] = 50;
		memcpy(ip + 8, addr->b, 16);
		ip[39] = 1;
	}
	if (dp_bpf_explain(dp, frame, length, &found))
		return UINT32_MAX;
	return found.verdict == SLUICE_V_list_deny ? found.list : 0;
}

static struct sluice_addr random_addr(void)
{
	struct sluice_addr addr;

	addr_parse(pick(2) ? "10.0.0.0" : "2001:db8::", &addr);
	addr.b[12] = (uint8_t)(addr.b[12] | pick(2) << 7);
	addr.b[3] = (uint8_t)(addr_family(&addr) == SLUICE_FAMILY_V6 ? pick(2) : 0);
	addr.b[14] = (uint8_t)pick(2);
	addr.b[15] = (uint8_t)pick(4);
	return addr;
}

static struct dp_access_entry random_entry(void)
{
	static const uint8_t LENGTHS[2][6] = {{0, 1, 9, 24, 31, 32}, {0, 32, 48, 64, 127, 128}};
	struct dp_access_entry e = {.prefix.addr = random_addr()};

	e.prefix.length = LENGTHS[addr_family(&e.prefix.addr) == SLUICE_FAMILY_V6][1 + pick(5)];
	if (!pick(20))
		e.prefix.length = 0;
	addr_mask(&e.prefix.addr, e.prefix.length);
	e.list = pick(5) ? 0 : 3; /* an allow list of nobody's: must not be met */
	e.word = e.list ? SLUICE_ACCESS(SLUICE_ACCESS_ALLOW, 3)
			: SLUICE_ACCESS(pick(3) ? SLUICE_ACCESS_DENY : SLUICE_ACCESS_NOTHING,
					1 + pick(1000));
	return e;
}

static uint32_t oracle(const struct dp_access_entry *entries, size_t count,
		       const struct sluice_addr *addr)
{
	const struct prefix one = prefix_of_addr(addr);
	const struct dp_access_entry *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (!entries[i].list && prefix_covers(&entries[i].prefix, &one) &&
		    (!best || entries[i].prefix.length > best->prefix.length))
			best = &entries[i];
	return best && SLUICE_ACCESS_CLASS(best->word) == SLUICE_ACCESS_DENY
		       ? SLUICE_ACCESS_LIST(best->word)
		       : 0;
}

/* One change or many at a time, also by the next daemon on the same maps. */
static void test_random(void **state)
{
	struct dp_access_entry entries[ENTRIES] = {0};
	size_t count = 0, denied = 0;

	(void)state;
	for (int round = 0; round < 400; round++) {
		unsigned int changes = pick(3) ? 1 : pick(20);

		for (; changes; changes--) {
			if (count && (count == ENTRIES || pick(2))) {
				count--;
				entries[pick((unsigned int)count + 1)] = entries[count];
			} else {
				entries[count++] = random_entry();
			}
		}
		count = tidy(entries, count);
		if (!pick(50))
			count = 0;
		if (!pick(40)) {
			dp_bpf_close(dp);
			dp = instance_open(INSTANCE);
			port = dp_bpf_port(dp);
		}
		replace(entries, count);
		for (int i = 0; i < 30; i++) {
			struct sluice_addr addr = random_addr();
			uint32_t want = oracle(entries, count, &addr), got = denied_by(&addr);
			char text[ADDR_TEXT_MAX];

			if (got != want)
				fail_msg("round %d: %s is denied by %u, not %u", round,
					 addr_format(&addr, text), got, want);
			denied += want > 0;
		}
	}
	assert_true(denied > 1000);
}

struct watcher {
	atomic_bool is_stopping;
	atomic_size_t looks, seen[3], others;
};

static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct sluice_addr addr;

	addr_parse("203.0.113.77", &addr);
	while (!w->is_stopping) {
		uint32_t list = denied_by(&addr);

		w->looks++;
		if (list == 1 || list == 2)
			w->seen[list]++;
		else
			w->others++;
	}
	return NULL;
}

/* Each packet meets the old table or the new one: one that both deny is never let through. */
static void test_atomic(void **state)
{
	static struct dp_access_entry tables[2][2000];
	struct watcher w = {0};
	pthread_t thread;

	(void)state;
	for (unsigned int t = 0; t < 2; t++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(tables[t]); i++) {
			char text[32];

			snprintf(text, sizeof(text), "10.%u.%u.0/24", i >> 8, i & 255);
			tables[t][i] = entry(i	 ? text
					     : t ? "203.0.0.0/16"
						 : "203.0.113.77",
					     SLUICE_ACCESS(SLUICE_ACCESS_DENY, 1 + t));
		}
		assert_int_equal(tidy(tables[t], ARRAY_SIZE(tables[t])), ARRAY_SIZE(tables[t]));
	}
	replace(tables[0], ARRAY_SIZE(tables[0]));
	assert_int_equal(pthread_create(&thread, NULL, watch, &w), 0);
	for (unsigned int i = 1; i <= 60 || (w.looks < 1000 && i < 2000); i++)
		replace(tables[i & 1], ARRAY_SIZE(tables[0]));
	w.is_stopping = true;
	pthread_join(thread, NULL);
	printf("# %zu packets: %zu and %zu by the tables\n", w.looks, w.seen[1], w.seen[2]);
	assert_int_equal(w.others, 0);
	assert_true(w.seen[1] > 0 && w.seen[2] > 0);
}

static void test_large(void **state)
{
	size_t count = 100000;
	struct dp_access_entry *entries = util_alloc_array(count, sizeof(*entries));
	struct sluice_addr inside, outside;
	uint64_t start_ms;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		char text[32];

		snprintf(text, sizeof(text), "%zu.%zu.%zu.0/24", 20 + (i >> 16), i >> 8 & 255,
			 i & 255);
		entries[i] = entry(text, SLUICE_ACCESS(SLUICE_ACCESS_DENY, 9));
	}
	count = tidy(entries, count);
	start_ms = clock_now_ms();
	replace(entries, count);
	printf("# %zu prefixes in the kernel after %llu ms\n", count,
	       (unsigned long long)(clock_now_ms() - start_ms));
	addr_parse("20.7.7.7", &inside);
	addr_parse("30.7.7.7", &outside);
	assert_int_equal(denied_by(&inside), 9);
	assert_int_equal(denied_by(&outside), 0);
	start_ms = clock_now_ms();
	replace(entries, count - 1);
	printf("# one of them removed after %llu ms\n",
	       (unsigned long long)(clock_now_ms() - start_ms));
	replace(NULL, 0);
	assert_int_equal(denied_by(&inside), 0);
	free(entries);
}

static int open_instance(void **state)
{
	(void)state;
	space_enter();
	dp = instance_open(INSTANCE);
	port = dp_bpf_port(dp);
	return 0;
}

static int close_instance(void **state)
{
	(void)state;
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_atomic),
		cmocka_unit_test(test_large),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("lists", tests, open_instance, close_instance);
}
