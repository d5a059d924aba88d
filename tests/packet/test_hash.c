/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The keyed hashes spread what an edge server sees, whatever the key. Needs no privileges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include <sluice/hash.h>

#define KEYS 32
#define LOG2 12
#define BINS (1U << LOG2)
#define FLOWS (BINS * 64)

static void make_key(struct sluice_hash_key *key, uint64_t seed)
{
	for (int i = 0; i < 20; i++)
		key->nh[i / 10][i % 10] = (uint32_t)sluice_hash_mix(seed * 1000 + (uint64_t)i);
	key->fin = sluice_hash_mix(seed * 1000 + 20);
}

static void make_v4(struct sluice_addr *addr, uint32_t host)
{
	uint32_t be = htonl(host);

	memset(addr, 0, sizeof(*addr));
	addr->b[10] = addr->b[11] = 0xff;
	memcpy(addr->b + 12, &be, 4);
}

/* Flow number i of a pattern. */
typedef void (*pattern_fn)(struct sluice_tuple *t, uint32_t i);

static void base_v4(struct sluice_tuple *t)
{
	make_v4(&t->saddr, 0xc6336401);
	make_v4(&t->daddr, 0xc0000201);
	t->dport_be = htons(80);
	t->proto = IPPROTO_TCP;
	t->family = SLUICE_FAMILY_V4;
}

/* Consecutive ports of neighbouring hosts, as behind a NAT. */
static void neighbours(struct sluice_tuple *t, uint32_t i)
{
	base_v4(t);
	t->sport_be = htons((uint16_t)(1024 + i % 4096));
	make_v4(&t->saddr, 0x0a000000 + i / 4096);
}

/* One port, consecutive hosts. */
static void hosts(struct sluice_tuple *t, uint32_t i)
{
	base_v4(t);
	t->sport_be = htons(53);
	make_v4(&t->saddr, 0x0a000000 + i);
}

/* Hosts that differ in the high bits only. */
static void networks(struct sluice_tuple *t, uint32_t i)
{
	base_v4(t);
	t->sport_be = htons((uint16_t)(i & 15));
	make_v4(&t->saddr, i / 16 << 17 | 1);
}

/* Even ports, as Linux clients prefer them, on many service ports. */
static void services(struct sluice_tuple *t, uint32_t i)
{
	base_v4(t);
	t->sport_be = htons((uint16_t)(32768 + i % 1024 * 2));
	t->dport_be = htons((uint16_t)(i / 1024));
}

static void v6_subnets(struct sluice_tuple *t, uint32_t i)
{
	base_v4(t);
	memset(&t->saddr, 0, 16);
	t->saddr.b[0] = 0x20;
	t->saddr.b[1] = 0x01;
	t->saddr.b[6] = (uint8_t)(i >> 16);
	t->saddr.b[7] = (uint8_t)(i >> 8);
	t->saddr.b[15] = (uint8_t)i;
	t->daddr = t->saddr;
	t->sport_be = htons(40000);
	t->family = SLUICE_FAMILY_V6;
}

static const struct {
	const char *name;
	pattern_fn fill;
} patterns[] = {
	{"neighbours", neighbours}, {"hosts", hosts},		{"networks", networks},
	{"services", services},	    {"v6 subnets", v6_subnets},
};

/* With 64 flows a bin on average, a random function leaves bins between 28 and 110, and a
 * chi-square near BINS: more than a fifth above it means clumps. A tidier spread is welcome. */
static void check_spread(const char *name, uint64_t seed, const uint32_t *bins)
{
	double chi = 0, mean = (double)FLOWS / BINS;

	for (uint32_t i = 0; i < BINS; i++)
		chi += (bins[i] - mean) * (bins[i] - mean) / mean;
	if (chi > 1.2 * BINS)
		fail_msg("%s, key %d: chi-square %.2f times what chance gives", name, (int)seed,
			 chi / BINS);
}

static void test_slots_are_even(void **state)
{
	static uint32_t bins[BINS];

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++)
		for (uint64_t seed = 1; seed <= KEYS; seed++) {
			struct sluice_hash_key key;

			make_key(&key, seed);
			memset(bins, 0, sizeof(bins));
			for (uint32_t i = 0; i < FLOWS; i++) {
				struct sluice_tuple t = {0};

				patterns[p].fill(&t, i);
				bins[sluice_flow_slot(sluice_hash_flow(&t, &key), LOG2)]++;
			}
			check_spread(patterns[p].name, seed, bins);
		}
}

/* Sets and tags of consecutive sources, each on its own and together. */
static void test_sources_are_even(void **state)
{
	static uint32_t sets[BINS], tags[BINS], both[BINS];

	(void)state;
	for (uint64_t seed = 1; seed <= KEYS; seed++) {
		struct sluice_hash_key key;

		make_key(&key, seed);
		memset(sets, 0, sizeof(sets));
		memset(tags, 0, sizeof(tags));
		memset(both, 0, sizeof(both));
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct sluice_addr addr;
			uint64_t hash;

			make_v4(&addr, 0x0a000000 + i);
			hash = sluice_hash_addr(&addr, &key);
			sets[sluice_source_set(hash, LOG2)]++;
			tags[sluice_source_tag(hash) >> 4]++;
			both[sluice_source_set(hash, LOG2 / 2) << 6 |
			     (sluice_source_tag(hash) & 63)]++;
		}
		check_spread("sets", seed, sets);
		check_spread("tags", seed, tags);
		check_spread("sets and tags", seed, both);
	}
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A fingerprint is the flow: no two of a quarter of a million share one, nor the reserved ones. */
static void test_fingerprints_differ(void **state)
{
	static uint64_t hashes[FLOWS];

	(void)state;
	for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
		struct sluice_hash_key key;

		if (patterns[p].fill == v6_subnets)
			continue; /* repeats itself after 2^24 flows only */
		make_key(&key, 5);
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct sluice_tuple t = {0};

			patterns[p].fill(&t, i);
			hashes[i] = sluice_hash_flow(&t, &key);
			assert_true(hashes[i] > 1);
		}
		qsort(hashes, FLOWS, sizeof(hashes[0]), compare);
		for (uint32_t i = 1; i < FLOWS; i++)
			if (hashes[i] == hashes[i - 1])
				fail_msg("%s: two flows, one fingerprint", patterns[p].name);
	}
}

/* Services fill a table to half with two choices each, and no third. */
static void test_service_cells(void **state)
{
	static uint32_t first[BINS], second[BINS];

	(void)state;
	for (uint64_t seed = 1; seed <= KEYS; seed++) {
		struct sluice_hash_key key;

		make_key(&key, seed);
		memset(first, 0, sizeof(first));
		memset(second, 0, sizeof(second));
		for (uint32_t i = 0; i < FLOWS; i++) {
			struct sluice_addr addr;
			uint64_t hash;

			make_v4(&addr, 0xc0000200 + i / 64);
			hash = sluice_hash_service(&addr, htons((uint16_t)(i % 64)),
						   i % 2 ? IPPROTO_TCP : IPPROTO_UDP, &key);
			first[sluice_service_cell(hash, 0, BINS)]++;
			second[sluice_service_cell(hash, 1, BINS)]++;
		}
		check_spread("first cells", seed, first);
		check_spread("second cells", seed, second);
	}
}

/* Every field counts, and the key does. */
static void test_every_field_counts(void **state)
{
	struct sluice_hash_key key, other;
	struct sluice_tuple t = {0}, u;
	uint64_t hash;

	(void)state;
	make_key(&key, 1);
	make_key(&other, 2);
	v6_subnets(&t, 77);
	hash = sluice_hash_flow(&t, &key);
	assert_true(hash != sluice_hash_flow(&t, &other));
	for (size_t bit = 0; bit < 37 * 8; bit++) {
		u = t;
		((uint8_t *)&u)[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (sluice_hash_flow(&u, &key) == hash)
			fail_msg("bit %zu of the tuple does not count", bit);
	}
	memset(&t, 0, sizeof(t));
	base_v4(&t);
	hash = sluice_hash_flow(&t, &key);
	for (size_t byte = 12; byte < 37; byte++) {
		if (byte >= 16 && byte < 28)
			continue; /* the constant part of a mapped address */
		u = t;
		((uint8_t *)&u)[byte] ^= 1;
		if (sluice_hash_flow(&u, &key) == hash)
			fail_msg("byte %zu of an IPv4 tuple does not count", byte);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_are_even),	    cmocka_unit_test(test_sources_are_even),
		cmocka_unit_test(test_fingerprints_differ), cmocka_unit_test(test_service_cells),
		cmocka_unit_test(test_every_field_counts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
