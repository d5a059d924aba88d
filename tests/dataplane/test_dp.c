/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maps and pins in the real kernel. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <cmocka.h>

#include <sluice/gcra.h>
#include <sluice/hash.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/instance.h"
#include "dataplane/space.h"

#define INSTANCE "sld-test"
#define DIR SLUICE_PIN_ROOT "/" INSTANCE
#define LOG2 12

static struct sluice_addr address(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct dp_service web(void)
{
	return (struct dp_service){.id = 3,
				   .addr = address("192.0.2.10"),
				   .port = 80,
				   .proto = IPPROTO_TCP,
				   .slots_base = 4096,
				   .slots_log2 = LOG2,
				   .limits = {5},
				   .is_unknown_port_passed = true,
				   .has_ceiling = true,
				   .is_arp_answered = true};
}

/* A service with two members, as sync would write it. */
static void fill(const struct dataplane *port)
{
	struct sluice_member member = {.word = SLUICE_MEMBER(9, SLUICE_MODE_IPIP, 0, 1500),
				       .addr = address("10.0.0.2"),
				       .service = 3,
				       .family = SLUICE_FAMILY_V4};
	struct sluice_nexthop nexthop = {.ifindex = 1, .flags = SLUICE_NEXTHOP_F_USED};
	struct sluice_limit limit = {.word = SLUICE_LIMIT_F_USED,
				     .id = 5,
				     .rate = SLUICE_LIMIT_RATE(100, 1000),
				     .owed_max = 2000};
	static uint64_t words[1 << LOG2], there[1 << LOG2];
	static uint32_t runner[1 << LOG2], runners_there[1 << LOG2];
	struct dp_service service = web();
	uint64_t word, moving = SLUICE_SLOT(7, 8) | SLUICE_SLOT_F_EXC | SLUICE_SLOT_F_LEARN;
	uint32_t i;

	for (i = 0; i < 1 << LOG2; i++) {
		words[i] = SLUICE_SLOT(7 + i % 2, 7 + i % 2);
		runner[i] = 8 - i % 2;
	}
	assert_int_equal(port->ops->nexthop_set(port->dp, 9, &nexthop), 0);
	assert_int_equal(port->ops->member_set(port->dp, 7, &member), 0);
	assert_int_equal(port->ops->member_set(port->dp, 8, &member), 0);
	assert_int_equal(port->ops->slots_write(port->dp, 4096, LOG2, words, runner), 0);
	word = SLUICE_SLOT(7, 7);
	assert_int_equal(port->ops->slot_swap(port->dp, 4096 + 5, &word, moving), -EAGAIN);
	assert_int_equal(word, SLUICE_SLOT(8, 8));
	assert_int_equal(port->ops->slot_swap(port->dp, 4096 + 5, &word, moving), 0);
	assert_int_equal(port->ops->runner_set(port->dp, 4096 + 5, 0), 0);
	words[5] = moving;
	runner[5] = 0;
	assert_int_equal(port->ops->slots_read(port->dp, 4096, 1 << LOG2, there), 0);
	assert_memory_equal(there, words, sizeof(words));
	assert_int_equal(port->ops->runners_read(port->dp, 4096, 1 << LOG2, runners_there), 0);
	assert_memory_equal(runners_there, runner, sizeof(runner));
	assert_int_equal(port->ops->limit_set(port->dp, 5, &limit), 0);
	assert_int_equal(port->ops->service_set(port->dp, &service), 0);
}

static void test_state_survives(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);
	struct dp_service expected = web();
	struct dp_adopted adopted;
	struct sluice_meta meta = *dp_bpf_meta(dp);
	const struct sluice_name_key name = {.kind = SLUICE_NAME_LIMIT, .id = 5};

	(void)state;
	assert_false(dp_bpf_is_adopted(dp));
	assert_int_equal(port.ops->adopt(port.dp, &adopted), 0);
	assert_int_equal(adopted.service_count + adopted.member_count, 0);
	fill(&port);
	assert_int_equal(dp_bpf_name_set(dp, &name, "per-client"), 0);
	dp_bpf_close(dp);

	dp = instance_open(INSTANCE);
	port = dp_bpf_port(dp);
	assert_true(dp_bpf_is_adopted(dp));
	assert_memory_equal(dp_bpf_meta(dp), &meta, sizeof(meta));
	assert_int_equal(port.ops->adopt(port.dp, &adopted), 0);
	assert_int_equal(adopted.service_count, 1);
	assert_int_equal(adopted.services[0].id, expected.id);
	assert_true(addr_equal(&adopted.services[0].addr, &expected.addr));
	assert_int_equal(adopted.services[0].port, 80);
	assert_int_equal(adopted.services[0].slots_base, 4096);
	assert_int_equal(adopted.services[0].slots_log2, LOG2);
	assert_int_equal(adopted.services[0].limits[0], 5);
	assert_true(adopted.services[0].is_unknown_port_passed);
	assert_true(adopted.services[0].is_arp_answered);
	assert_true(adopted.services[0].has_ceiling);
	assert_int_equal(adopted.member_count, 2);
	assert_int_equal(adopted.members[1].index, 8);
	assert_int_equal(adopted.members[1].member.service, 3);
	assert_int_equal(adopted.nexthop_count, 1);
	assert_int_equal(adopted.nexthops[0].index, 9);
	assert_int_equal(adopted.limit_count, 1);
	assert_int_equal(adopted.limits[0].limit.rate, SLUICE_LIMIT_RATE(100, 1000));
	assert_int_equal(adopted.limits[0].limit.owed_max, 2000);
	assert_string_equal(adopted.limits[0].name, "per-client");
	dp_adopted_done(&adopted);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* The program itself looks the service up: what user space wrote is where it reads. */
static void test_program_sees_tables(void **state)
{
	static const uint8_t frame[] = {
		2,    0,    0,	 0,  0, 1,  2, 0, 0,  0, 0, 2, 8,    0, /* Ethernet */
		0x45, 0,    0,	 40, 0, 0,  0, 0, 64, 6, 0, 0, 198,  51,
		100,  7,    192, 0,  2, 10, /* IPv4 */
		0x12, 0x34, 0,	 80, 0, 0,  0, 1, 0,  0, 0, 0, 0x50, 2,
		4,    0,    0,	 0,  0, 0, /* TCP */
	};
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_explain explain;

	(void)state;
	assert_int_equal(dp_bpf_explain(dp, frame, sizeof(frame), &explain), 0);
	assert_int_equal(explain.verdict, SLUICE_V_not_service);
	fill(&port);
	assert_int_equal(dp_bpf_explain(dp, frame, sizeof(frame), &explain), 0);
	assert_int_equal(explain.service, 3);
	assert_true(explain.member == 7 || explain.member == 8);
	assert_in_range(explain.slot, 4096, 8191);
	assert_int_equal(ntohs(explain.tuple.dport_be), 80);
	assert_int_equal(dp_bpf_explain(dp, frame, 13, &explain), -EMSGSIZE);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_bounds_are_refused(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);
	static uint64_t words[1 << LOG2], word;
	static uint32_t runner[1 << LOG2];
	struct sluice_member member = {.word = SLUICE_MEMBER_F_USED};
	struct dp_service service = web();

	(void)state;
	assert_int_equal(port.ops->member_set(port.dp, 0, &member), -EINVAL);
	assert_int_equal(port.ops->member_set(port.dp, instance_capacity.members, &member),
			 -EINVAL);
	assert_int_equal(
		port.ops->slots_write(port.dp, instance_capacity.slots - 2, LOG2, words, runner),
		-EINVAL);
	words[9] = SLUICE_SLOT(0, instance_capacity.members);
	assert_int_equal(port.ops->slots_write(port.dp, 0, LOG2, words, runner), -EINVAL);
	assert_int_equal(port.ops->slot_swap(port.dp, 0, &word, words[9]), -EINVAL);
	assert_int_equal(port.ops->slot_swap(port.dp, instance_capacity.slots, &word, 0), -EINVAL);
	assert_int_equal(port.ops->slots_read(port.dp, instance_capacity.slots - 1, 2, words),
			 -EINVAL);
	assert_int_equal(port.ops->runner_set(port.dp, 0, instance_capacity.members), -EINVAL);
	assert_int_equal(port.ops->flow_scan(port.dp, DP_FLOW_FLOWS, 0, UINT32_MAX, NULL, NULL),
			 -EINVAL);
	service.slots_base = instance_capacity.slots;
	assert_int_equal(port.ops->service_set(port.dp, &service), -EINVAL);
	assert_int_equal(port.ops->limit_clear_region(port.dp, 1, 10), -EINVAL);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_sizes_and_keys_must_fit(void **state)
{
	struct dp_bpf_options options = {
		.instance = INSTANCE, .capacity = instance_capacity, .has_key = true};
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct err e = {};

	(void)state;
	dp_bpf_close(dp);
	assert_int_not_equal(dp_bpf_open(&options, &dp, &e), 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "hash_seed"));
	options.has_key = false;
	options.capacity.slots *= 2;
	assert_int_not_equal(dp_bpf_open(&options, &dp, &e), 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "slots has 16384 entries, the configuration wants 32768"));
	options.capacity = instance_capacity;
	options.capacity.slots = 1000;
	assert_int_not_equal(dp_bpf_open(&options, &dp, &e), 0);
	assert_int_equal(e.code, ERR_INVALID);
	options.capacity = instance_capacity;
	options.instance = "../x";
	assert_int_not_equal(dp_bpf_open(&options, &dp, &e), 0);
	assert_int_equal(e.code, ERR_INVALID);
	instance_clean(INSTANCE);
}

static void test_half_written_pins(void **state)
{
	struct dp_bpf_options options = {.instance = INSTANCE, .capacity = instance_capacity};
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct err e = {};

	(void)state;
	dp_bpf_close(dp);
	/* With a program that might be attached: refused. */
	assert_int_equal(unlink(DIR "/" SLUICE_PIN_ABI "/members"), 0);
	assert_int_not_equal(dp_bpf_open(&options, &dp, &e), 0);
	assert_int_equal(e.code, ERR_CONFLICT);
	assert_non_null(strstr(e.text, "members"));
	/* Without one, no packet ever used it: started over. */
	assert_true(space_try("rm " DIR "/" SLUICE_PIN_ABI "/program-*"));
	dp = instance_open(INSTANCE);
	assert_false(dp_bpf_is_adopted(dp));
	assert_int_equal(access(DIR "/" SLUICE_PIN_ABI "/members", F_OK), 0);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_tx_ports(void **state)
{
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct err e = {};

	(void)state;
	assert_int_equal(dp_bpf_tx_port_add(dp, if_nametoindex("dp0"), &e), 0);
	assert_int_equal(dp_bpf_tx_port_add(dp, if_nametoindex("dp0"), &e), 0);
	assert_int_equal(dp_bpf_tx_port_remove(dp, if_nametoindex("dp0")), 0);
	assert_int_equal(dp_bpf_tx_port_remove(dp, if_nametoindex("dp0")), -ENOENT);
	assert_int_not_equal(dp_bpf_tx_port_add(dp, 123456, &e), 0);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void test_counters_start_at_zero(void **state)
{
	struct sluice_verdict_stats verdicts[SLUICE_V_MAX];
	struct sluice_member_stats member = {.packets = 1};
	struct sluice_limit_stats limit = {.passed = 1};
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);

	(void)state;
	assert_int_equal(port.ops->member_stats(port.dp, 7, &member), 0);
	assert_int_equal(member.packets, 0);
	assert_int_equal(port.ops->limit_stats(port.dp, 5, &limit), 0);
	assert_int_equal(limit.passed, 0);
	assert_int_equal(port.ops->verdict_stats(port.dp, verdicts), 0);
	assert_int_equal(verdicts[SLUICE_V_forwarded].packets, 0);
	assert_int_equal(port.ops->member_stats_reset(port.dp, 7), 0);
	assert_int_equal(port.ops->member_stats(port.dp, instance_capacity.members, &member),
			 -EINVAL);
	assert_true(dp_bpf_events_fd(dp) >= 0);
	assert_int_equal(dp_bpf_events_read(dp, NULL, NULL), 0);
	assert_int_equal(dp_bpf_events_suppressed(dp), 0);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

static void count_passed(uint32_t index, uint64_t passed)
{
	int cpus = libbpf_num_possible_cpus(), fd;
	struct sluice_limit_stats *each = util_alloc_array((size_t)cpus, sizeof(*each));

	each[0].passed = passed;
	fd = bpf_obj_get(DIR "/" SLUICE_PIN_ABI "/limit_stats");
	assert_true(fd >= 0);
	assert_int_equal(bpf_map_update_elem(fd, &index, each, BPF_ANY), 0);
	close(fd);
	free(each);
}

/* Those of a limit are its own, whatever changes of it. */
static void test_counters_end_with_their_limit(void **state)
{
	struct sluice_limit limit = {
		.word = SLUICE_LIMIT_F_USED, .id = 5, .rate = SLUICE_LIMIT_RATE(100, 1000)};
	const struct sluice_limit none = {0};
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_limit_stats stats;

	(void)state;
	assert_int_equal(port.ops->limit_set(port.dp, 5, &limit), 0);
	count_passed(5, 7);
	count_passed(6, 8);
	limit.rate = SLUICE_LIMIT_RATE(200, 1000);
	assert_int_equal(port.ops->limit_set(port.dp, 5, &limit), 0);
	assert_int_equal(port.ops->limit_stats(port.dp, 5, &stats), 0);
	assert_int_equal(stats.passed, 7);
	assert_int_equal(port.ops->limit_set(port.dp, 5, &none), 0);
	assert_int_equal(port.ops->limit_set(port.dp, 5, &limit), 0);
	assert_int_equal(port.ops->limit_stats(port.dp, 5, &stats), 0);
	assert_int_equal(stats.passed, 0);
	assert_int_equal(port.ops->limit_stats(port.dp, 6, &stats), 0);
	assert_int_equal(stats.passed, 8);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* Words that can be no debt any more go, of the limit's own region; not those that packets write
 * meanwhile, whose times are later than the sweep's. */
static void test_sweep_forgets_the_past(void **state)
{
	struct sluice_limit limit = {.id = 5, .rate = SLUICE_LIMIT_RATE(100, 1000)};
	/* Ticks after now, which is up to 64 later than what is known here. Nobody owes 256, and 1024
	 * are once round. */
	static const int seen[] = {-150, -150, -150, -500, -30000, 20000, 200, 220};
	static const int tat[] = {200, -20, 600, 100, 100, 100, -20, 600};
	static const bool is_kept[] = {true, false, false, false, false, false, true, true};
	struct dp_bpf *dp = instance_open(INSTANCE);
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_limit_set *sets;
	uint32_t second, now;
	int fd, way;

	(void)state;
	limit.word = SLUICE_LIMIT_F_USED | 4 | 1ULL << 32 | 6ULL << 38; /* sets 4 and 5, 4 ns */
	assert_int_equal(port.ops->limit_set(port.dp, 5, &limit), 0);
	fd = bpf_obj_get(DIR "/" SLUICE_PIN_ABI "/limit_sets");
	assert_true(fd >= 0);
	sets = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(sets != MAP_FAILED);
	assert_int_equal(port.ops->packet_second(port.dp, &second), 0);
	now = second << 6;
	for (way = 0; way < SLUICE_LIMIT_WAYS; way++)
		sets[3].source[way] = sets[5].source[way] =
			SLUICE_SRC(7, now + (uint32_t)seen[way], (now + (uint32_t)tat[way]) << 22);
	dp_bpf_sweep_limits(dp);
	for (way = 0; way < SLUICE_LIMIT_WAYS; way++) {
		assert_int_not_equal(sets[3].source[way], 0);
		if ((sets[5].source[way] != 0) != is_kept[way])
			fail_msg("way %d: %s", way, is_kept[way] ? "gone" : "kept");
	}
	munmap(sets, 4096);
	close(fd);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
}

/* The daemon's own life: no root, three capabilities, a pin directory that belongs to its user. */
static int live_unprivileged(void)
{
	struct dp_bpf_options options = {.instance = INSTANCE, .capacity = instance_capacity};
	struct dp_attachment attachment;
	struct dp_bpf *dp = NULL;
	char names[64];
	struct err e = {};
	int round;

	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN,
		      CAP_PERFMON, -1);
	if (capng_change_id(65534, 65534, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING))
		return 2;
	for (round = 0; round < 2; round++) {
		if (dp_bpf_open(&options, &dp, &e) ||
		    dp_bpf_attach(dp, "dp0", XDP_ATTACH_NATIVE, &attachment, &e)) {
			fprintf(stderr, "%s (%s)\n", e.text, e.hint);
			return 3;
		}
		if (dp_bpf_is_adopted(dp) != (round == 1) || attachment.is_adopted != (round == 1))
			return 4;
		dp_bpf_close(dp);
	}
	if (dp_bpf_cleanup(INSTANCE, names, sizeof(names), &e) || strcmp(names, "dp0") != 0) {
		fprintf(stderr, "%s\n", e.text);
		return 5;
	}
	return 0;
}

static void test_without_root(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	space_run("mkdir -p -m 755 " SLUICE_PIN_ROOT " && mkdir -m 700 " DIR
		  " && chown 65534:65534 " DIR);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(live_unprivileged());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_false(space_try("ip link show dp0 | grep -q xdp"));
	space_run("rmdir " DIR); /* the user may empty it, but not remove it */
	space_try("rmdir " SLUICE_PIN_ROOT);
	instance_clean(INSTANCE);
}

static void test_missing_capabilities_are_named(void **state)
{
	struct dp_bpf_options options = {.instance = INSTANCE, .capacity = instance_capacity};
	struct dp_bpf *dp = NULL;
	struct err e = {};
	int status;
	pid_t pid;

	(void)state;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		capng_clear(CAPNG_SELECT_BOTH);
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN);
		capng_change_id(65534, 65534, CAPNG_DROP_SUPP_GRP);
		_exit(dp_bpf_open(&options, &dp, &e) && e.code == ERR_FORBIDDEN &&
				      strstr(e.text, "CAP_BPF, CAP_PERFMON")
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_seed_gives_one_key(void **state)
{
	struct sluice_hash_key a, b;
	uint8_t seed[32] = {1, 2, 3};
	const uint32_t *words = (const uint32_t *)&a;
	size_t i;

	(void)state;
	dp_bpf_key_from_seed(seed, &a);
	dp_bpf_key_from_seed(seed, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	for (i = 0; i < sizeof(a) / 4; i++)
		assert_int_not_equal(words[i], 0);
	seed[31] = 1;
	dp_bpf_key_from_seed(seed, &b);
	for (i = 0; i < 10; i++)
		assert_int_not_equal(a.nh[0][i], b.nh[0][i]);
}

static int set_up(void **state)
{
	(void)state;
	space_enter();
	space_veth("dp0");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	instance_clean(INSTANCE);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_survives),
		cmocka_unit_test(test_program_sees_tables),
		cmocka_unit_test(test_bounds_are_refused),
		cmocka_unit_test(test_sizes_and_keys_must_fit),
		cmocka_unit_test(test_half_written_pins),
		cmocka_unit_test(test_tx_ports),
		cmocka_unit_test(test_counters_end_with_their_limit),
		cmocka_unit_test(test_counters_start_at_zero),
		cmocka_unit_test(test_sweep_forgets_the_past),
		cmocka_unit_test(test_without_root),
		cmocka_unit_test(test_missing_capabilities_are_named),
		cmocka_unit_test(test_seed_gives_one_key),
	};

	space_require_root();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
