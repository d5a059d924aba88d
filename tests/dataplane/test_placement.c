/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Services in their cells, looked up by the packet path's own rule after every change. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/hash.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/placement.h"

#define CELLS 8192
#define SERVICES 3000 /* with their address cells nearly half of the table */

static struct sluice_hash_key key;
static struct sluice_service *cells;
static struct placement *placement;

static int set_up(void **state)
{
	uint32_t *words = (uint32_t *)&key;
	size_t i;

	(void)state;
	srand(7);
	for (i = 0; i < sizeof(key) / 4; i++)
		words[i] = (uint32_t)rand() << 16 ^ (uint32_t)rand();
	cells = util_alloc_array(CELLS, sizeof(*cells));
	placement = placement_new(cells, CELLS, &key);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	placement_free(placement);
	free(cells);
	return 0;
}

/* Several services share an address, some take all ports, families mix. */
static struct dp_service make(uint32_t n)
{
	struct dp_service service = {.id = n + 1,
				     .proto = n & 1 ? IPPROTO_TCP : IPPROTO_UDP,
				     .slots_base = n * 4096,
				     .slots_log2 = 12};
	uint32_t host = htonl(0x0a000000 + n / 5);

	if (n % 3) {
		memset(service.addr.b + 10, 0xff, 2);
		memcpy(service.addr.b + 12, &host, 4);
	} else {
		service.addr.b[0] = 0x20;
		service.addr.b[1] = 0x01;
		memcpy(service.addr.b + 4, &host, 4);
	}
	service.port = n % 7 ? (uint16_t)(n % 7 * 1000 + n % 5) : 0;
	service.is_unknown_port_passed = n / 5 % 2;
	service.limits[0] = (uint16_t)(n % 9);
	return service;
}

/* bpf/service.h in C: exact, then the address, then all ports. Returns the id found; *ret_word is
 * the address cell's word. */
static uint32_t look_up(const struct sluice_addr *addr, uint16_t port, uint8_t proto,
			uint64_t *ret_address_word)
{
	const struct {
		__be16 port_be;
		uint8_t proto;
	} probes[] = {{htons(port), proto}, {0, 0}, {0, proto}};
	uint64_t hash;
	size_t i;
	int choice;

	*ret_address_word = 0;
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		hash = sluice_hash_service(addr, probes[i].port_be, probes[i].proto, &key);
		for (choice = 0; choice < 2; choice++) {
			const struct sluice_service *cell =
				&cells[sluice_service_cell(hash, choice, CELLS)];

			if (!cell->word || !addr_equal(&cell->addr, addr) ||
			    cell->port_be != probes[i].port_be || cell->proto != probes[i].proto)
				continue;
			if (i != 1)
				return cell->id;
			*ret_address_word = cell->word;
			break;
		}
		if (i == 1 && !*ret_address_word)
			return 0;
	}
	return 0;
}

static size_t count_used(void)
{
	size_t used = 0, i;

	for (i = 0; i < CELLS; i++)
		used += cells[i].word != 0;
	return used;
}

static void assert_all_found(const uint8_t *present)
{
	uint64_t address_word;
	uint32_t n, id;

	for (n = 0; n < SERVICES; n++) {
		struct dp_service service = make(n);

		id = look_up(&service.addr, service.port, service.proto, &address_word);
		if (present[n] && id != service.id)
			fail_msg("service %u is lost (found %u)", service.id, id);
		if (!present[n] && id == service.id)
			fail_msg("service %u was deleted, but is found", service.id);
	}
}

static void test_thousands_come_and_go(void **state)
{
	uint8_t *present = util_alloc(SERVICES);
	uint32_t n, round;

	(void)state;
	for (n = 0; n < SERVICES; n++) {
		struct dp_service service = make(n);

		assert_int_equal(placement_set(placement, &service), 0);
		present[n] = 1;
	}
	assert_all_found(present);
	for (round = 0; round < 6000; round++) {
		struct dp_service service;

		n = (uint32_t)rand() % SERVICES;
		service = make(n);
		if (present[n])
			assert_int_equal(placement_delete(placement, &service), 0);
		else
			assert_int_equal(placement_set(placement, &service), 0);
		present[n] ^= 1;
		if (round % 500 == 0)
			assert_all_found(present);
	}
	assert_all_found(present);
	for (n = 0; n < SERVICES; n++) {
		struct dp_service service = make(n);

		if (present[n])
			assert_int_equal(placement_delete(placement, &service), 0);
	}
	assert_int_equal(count_used(), 0); /* address cells went with their last service */
	free(present);
}

static void test_address_follows_its_services(void **state)
{
	struct dp_service a = make(1), b = make(2);
	uint64_t word;

	(void)state;
	b.addr = a.addr;
	a.is_unknown_port_passed = b.is_unknown_port_passed = true;
	a.is_arp_answered = b.is_arp_answered = false;
	assert_int_equal(placement_set(placement, &a), 0);
	assert_int_equal(placement_set(placement, &b), 0);
	assert_int_equal(look_up(&a.addr, 9, IPPROTO_TCP, &word), 0);
	assert_true(word & SLUICE_SVC_F_PASS_UNKNOWN && !(word & SLUICE_SVC_F_ARP));
	b.is_unknown_port_passed = false;
	b.is_arp_answered = true;
	assert_int_equal(placement_set(placement, &b), 0);
	look_up(&a.addr, 9, IPPROTO_TCP, &word);
	assert_true(word & SLUICE_SVC_F_ARP && !(word & SLUICE_SVC_F_PASS_UNKNOWN));
	assert_int_equal(placement_delete(placement, &a), 0);
	look_up(&a.addr, 9, IPPROTO_TCP, &word);
	assert_true(word);
	assert_int_equal(placement_delete(placement, &b), 0);
	look_up(&a.addr, 9, IPPROTO_TCP, &word);
	assert_false(word);
	assert_int_equal(placement_delete(placement, &b), -ENOENT);
}

static void test_new_id_replaces_in_place(void **state)
{
	struct dp_service service = make(1);
	uint64_t word;

	(void)state;
	assert_int_equal(placement_set(placement, &service), 0);
	service.id = 77;
	service.slots_base = 8192;
	assert_int_equal(placement_set(placement, &service), 0);
	assert_int_equal(look_up(&service.addr, service.port, service.proto, &word), 77);
	assert_int_equal(count_used(), 2); /* the service and its address */
}

static void test_full_table_says_so(void **state)
{
	struct sluice_service *few = util_alloc_array(16, sizeof(*few));
	struct placement *small = placement_new(few, 16, &key);
	uint32_t n, placed = 0;
	int ret = 0;

	(void)state;
	for (n = 0; n < 32; n++) {
		struct dp_service service = make(n);
		struct sluice_service before[16];

		memcpy(before, few, sizeof(before));
		ret = placement_set(small, &service);
		if (ret) {
			assert_int_equal(ret, -ENOSPC);
			assert_null(
				placement_find(small, &service.addr, service.port, service.proto));
			break;
		}
		placed++;
	}
	assert_int_equal(ret, -ENOSPC);
	assert_true(placed >= 2);
	for (n = 0; n < placed; n++) {
		struct dp_service service = make(n);

		assert_non_null(placement_find(small, &service.addr, service.port, service.proto));
	}
	placement_free(small);
	free(few);
}

static void test_refuses_what_looks_like_an_address(void **state)
{
	struct dp_service service = make(1);

	(void)state;
	service.proto = 0;
	assert_int_equal(placement_set(placement, &service), -EINVAL);
	assert_int_equal(count_used(), 0);
}

/* What a daemon that died in the middle of a change leaves behind. */
static void test_adopts_and_mends(void **state)
{
	struct dp_service service = make(1);
	struct placement *next;
	uint32_t first, second;
	uint64_t hash, word;

	(void)state;
	assert_int_equal(placement_set(placement, &service), 0);
	hash = sluice_hash_service(&service.addr, htons(service.port), service.proto, &key);
	first = sluice_service_cell(hash, 0, CELLS);
	second = sluice_service_cell(hash, 1, CELLS);
	assert_int_not_equal(first, second);
	cells[cells[first].word ? second : first] = cells[cells[first].word ? first : second];
	assert_int_equal(count_used(), 3);
	next = placement_new(cells, CELLS, &key);
	assert_int_equal(placement_adopt(next), 0);
	assert_int_equal(count_used(), 2);
	assert_int_equal(look_up(&service.addr, service.port, service.proto, &word), service.id);
	/* The service went, its address cell did not: dropped. */
	cells[first].word = cells[second].word = 0;
	placement_free(next);
	next = placement_new(cells, CELLS, &key);
	assert_int_equal(placement_adopt(next), 0);
	assert_int_equal(count_used(), 0);
	/* A cell that its key does not lead to. */
	cells[(first + 1) % CELLS == second ? (first + 2) % CELLS : (first + 1) % CELLS] =
		(struct sluice_service){.word = SLUICE_SVC_F_USED,
					.addr = service.addr,
					.port_be = htons(service.port),
					.proto = service.proto,
					.id = 1};
	placement_free(next);
	next = placement_new(cells, CELLS, &key);
	assert_int_equal(placement_adopt(next), -EUCLEAN);
	placement_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_thousands_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_address_follows_its_services, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_new_id_replaces_in_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_table_says_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refuses_what_looks_like_an_address, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_adopts_and_mends, set_up, tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
