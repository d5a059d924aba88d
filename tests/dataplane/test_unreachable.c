/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hosts behind tunnels through the port, on real maps: who is known, for how long, and as whom. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/fixture.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test-unreach"
#define TUNNEL SLUICE_MEMBER(1, SLUICE_MODE_IPIP, 0, 1500)
#define DATAGRAM SLUICE_MEMBER(1, SLUICE_MODE_GUE, 0, 1500)
#define DIRECT SLUICE_MEMBER(1, SLUICE_MODE_L2, 0, 1500)

static struct sluice_addr addr_of(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void set_member(uint32_t index, const char *addr, uint64_t word)
{
	struct sluice_member member = {.word = word, .addr = addr_of(addr)};

	assert_int_equal(port.ops->member_set(port.dp, index, &member), 0);
}

static void set_word(uint32_t index, uint64_t word)
{
	assert_int_equal(port.ops->member_set_word(port.dp, index, word), 0);
}

/* The member that a host is known by, 0 if it is not known. */
static uint32_t member_of(const char *text)
{
	struct sluice_addr addr = addr_of(text);
	struct sluice_host host = {0};
	int ret = port.ops->host_stats(port.dp, &addr, &host);

	assert_true(ret == 0 || (ret == -ENOENT && host.member == 0));
	return host.member;
}

static uint64_t errors_of(const char *text)
{
	struct sluice_addr addr = addr_of(text);
	struct sluice_host host;

	assert_int_equal(port.ops->host_stats(port.dp, &addr, &host), 0);
	return host.unreachable[SLUICE_UNREACHABLE_HOST];
}

/* As the packet path and an earlier daemon leave them. */
static void write_host(const char *text, uint32_t member, uint64_t errors)
{
	struct sluice_addr addr = addr_of(text);
	struct sluice_host host = {.member = member};
	AUTO_CLOSE int fd =
		bpf_obj_get(SLUICE_PIN_ROOT "/" INSTANCE "/" SLUICE_PIN_ABI "/" SLUICE_MAP_HOSTS);

	host.unreachable[SLUICE_UNREACHABLE_HOST] = errors;
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &addr, &host, BPF_ANY), 0);
}

static void reopen(void)
{
	struct dp_adopted adopted;

	fixture_reopen();
	assert_int_equal(port.ops->adopt(port.dp, &adopted), 0);
	dp_adopted_done(&adopted);
}

/* Only what is sent through a tunnel comes back quoted. */
static void test_known_while_used(void **state)
{
	(void)state;
	assert_int_equal(member_of("10.0.0.1"), 0);
	set_member(1, "10.0.0.1", TUNNEL);
	set_member(2, "2001:db8::1", TUNNEL);
	set_member(3, "10.0.0.3", DIRECT);
	assert_int_equal(member_of("10.0.0.1"), 1);
	assert_int_equal(member_of("2001:db8::1"), 2);
	assert_int_equal(member_of("10.0.0.3"), 0);
	set_word(3, TUNNEL);
	assert_int_equal(member_of("10.0.0.3"), 3);
	set_word(3, TUNNEL | SLUICE_MEMBER_F_DEAD);
	assert_int_equal(member_of("10.0.0.3"), 3);
	set_word(3, DATAGRAM);
	assert_int_equal(member_of("10.0.0.3"), 3);
	set_word(3, DIRECT);
	assert_int_equal(member_of("10.0.0.3"), 0);
	set_word(3, DATAGRAM);
	assert_int_equal(member_of("10.0.0.3"), 3);
	set_word(3, DIRECT);
	set_member(1, "10.0.0.9", TUNNEL); /* the index is another one's */
	assert_int_equal(member_of("10.0.0.1"), 0);
	assert_int_equal(member_of("10.0.0.9"), 1);
	set_word(1, 0);
	set_word(2, 0);
	set_word(2, 0);
	assert_int_equal(member_of("10.0.0.9") + member_of("2001:db8::1"), 0);
}

/* A host is there as long as anybody, and its counters with it. */
static void test_shared(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 4; i++)
		set_member(i, "10.0.0.1", TUNNEL);
	set_member(5, "10.0.0.5", TUNNEL);
	assert_int_equal(member_of("10.0.0.1"), 1);
	write_host("10.0.0.1", 1, 77);
	set_word(2, 0); /* not the one it is known by */
	assert_int_equal(member_of("10.0.0.1"), 1);
	set_word(1, 0);
	assert_in_range(member_of("10.0.0.1"), 3, 4);
	assert_int_equal(errors_of("10.0.0.1"), 77);
	set_member(1, "10.0.0.1", TUNNEL);
	set_word(3, 0);
	set_word(4, 0);
	assert_int_equal(member_of("10.0.0.1"), 1);
	assert_int_equal(errors_of("10.0.0.1"), 77);
	set_word(1, 0);
	assert_int_equal(member_of("10.0.0.1"), 0);
	assert_int_equal(member_of("10.0.0.5"), 5);
	set_member(1, "10.0.0.1", TUNNEL); /* another one, perhaps */
	assert_int_equal(errors_of("10.0.0.1"), 0);
}

/* The next daemon goes on with them, whatever the last one was about to do when it was stopped. */
static void test_adopted(void **state)
{
	(void)state;
	set_member(1, "10.0.0.1", TUNNEL);
	set_member(2, "10.0.0.1", TUNNEL);
	set_member(3, "10.0.0.3", TUNNEL);
	set_member(4, "10.0.0.4", TUNNEL);
	write_host("10.0.0.1", 2, 77);
	write_host("10.0.0.3", 1, 33);				  /* not its member */
	write_host("10.0.0.4", instance_capacity.members, 44);	  /* nobody */
	write_host("10.0.0.7", 3, 1);				  /* not its address */
	write_host("10.0.0.8", instance_capacity.members, 1);	  /* gone */
	write_host("10.0.0.9", instance_capacity.members - 1, 1); /* gone, too */
	reopen();
	assert_in_range(member_of("10.0.0.1"), 1, 2);
	assert_int_equal(errors_of("10.0.0.1"), 77);
	assert_int_equal(member_of("10.0.0.3"), 3);
	assert_int_equal(errors_of("10.0.0.3"), 33);
	assert_int_equal(member_of("10.0.0.4"), 4);
	assert_int_equal(errors_of("10.0.0.4"), 44);
	assert_int_equal(member_of("10.0.0.7") + member_of("10.0.0.8") + member_of("10.0.0.9"), 0);
	set_word(member_of("10.0.0.1"), 0);
	assert_in_range(member_of("10.0.0.1"), 1, 2);
	assert_int_equal(errors_of("10.0.0.1"), 77);
	set_word(member_of("10.0.0.1"), 0);
	assert_int_equal(member_of("10.0.0.1"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_known_while_used, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_shared, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_adopted, fixture_set_up, fixture_tear_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	space_require_root();
	fixture_name(INSTANCE);
	return cmocka_run_group_tests_name("unreachable", tests, NULL, NULL);
}
