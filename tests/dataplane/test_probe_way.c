/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections of marked sockets, all the way: through our device and program, over a cable, to a backend
 * that has all that traffic needs, or lacks some of it; and back, past the packet program. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>
#include <cmocka.h>
#include <linux/capability.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/decap.h"
#include "dataplane/gue_backend.h"
#include "dataplane/instance.h"
#include "dataplane/probe_path.h"
#include "dataplane/space.h"

#define INSTANCE "slpk-way"
#define SERVICE4 "192.0.2.1"
#define SERVICE6 "2001:db8:51::1"
#define BACKEND4 "10.9.0.2"
#define BACKEND6 "2001:db8:9::2"
#define PORT 8000
#define GUE_PORT 6081 /* not the default */
#define TARGET 3
#define MEMBER 5
#define NEXTHOP 2
#define PATIENCE_S 10 /* with what must work, on a busy machine */
#define BYTES 6000    /* more than one packet, both ways */

static struct dp_bpf *dp;
static struct probe_path *path;
static pid_t server;

static struct sluice_addr addr(const char *text)
{
	struct sluice_addr parsed;

	assert_int_equal(addr_parse(text, &parsed), 0);
	return parsed;
}

/* ---- the backend ---------------------------------------------------------------------------- */

static int enter_peer(void)
{
	char name[64];
	AUTO_CLOSE int fd = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(name, sizeof(name), "/proc/%d/ns/net", space_peer());
	fd = open(name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

/* Sends back what comes, to one after the other, on every address. */
static void serve(void)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
	struct timeval patience = {.tv_sec = 2};
	int listener = socket(AF_INET6, SOCK_STREAM, 0), fd;
	char buffer[BYTES];
	ssize_t length;

	if (bind(listener, (struct sockaddr *)&any, sizeof(any)) || listen(listener, 8))
		_exit(1);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		while ((length = read(fd, buffer, sizeof(buffer))) > 0)
			if (write(fd, buffer, (size_t)length) != length)
				break;
		close(fd);
	}
	_exit(1);
}

static void start_server(void)
{
	server = fork();
	assert_true(server >= 0);
	if (server)
		return;
	if (enter_peer())
		_exit(1);
	serve();
}

/* Somebody at the port of mode gue. */
static pid_t start_gue(void)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	if (enter_peer() == 0)
		gue_backend_run(GUE_PORT);
	_exit(1);
}

/* The decapsulation program on the backend's end of the cable, on or off. */
static void set_decap(bool is_on)
{
	const struct decap_prefix from[] = {{addr("10.9.0.1"), 32}, {addr("2001:db8:9::1"), 128}};
	const struct decap_options options = {
		.interface = "slpk0", .from = from, .from_count = ARRAY_SIZE(from)};
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		struct err e = {};
		bool is_replaced;
		int ret;

		if (enter_peer())
			_exit(1);
		ret = is_on ? decap_attach(&options, &is_replaced, &e) : decap_detach("slpk0", &e);
		if (ret)
			fprintf(stderr, "# %s (%s)\n", e.text, e.hint);
		_exit(ret ? 1 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* ---- the probe ------------------------------------------------------------------------------ */

static void set_member(enum sluice_mode mode, const char *backend, const char *service)
{
	struct dataplane port = dp_bpf_port(dp);
	struct sluice_addr member_addr = addr(backend), service_addr = addr(service);
	struct sluice_member member = {.word = SLUICE_MEMBER(NEXTHOP, mode, 0, 1500),
				       .addr = member_addr,
				       .family = (uint8_t)addr_family(&member_addr),
				       .gue_port_be = htons(GUE_PORT)};

	assert_int_equal(port.ops->member_set_word(port.dp, MEMBER, 0), 0);
	assert_int_equal(port.ops->member_set(port.dp, MEMBER, &member), 0);
	probe_path_clear(path, TARGET);
	assert_int_equal(probe_path_set(path, TARGET, MEMBER, &service_addr), 0);
}

static int transfer(int fd)
{
	static char out[BYTES], in[BYTES];
	size_t i, done = 0;
	ssize_t length;

	for (i = 0; i < BYTES; i++)
		out[i] = (char)(i * 7 + i / 256);
	if (write(fd, out, BYTES) != BYTES)
		return errno;
	while (done < BYTES && (length = read(fd, in + done, BYTES - done)) > 0)
		done += (size_t)length;
	return done == BYTES && !memcmp(in, out, BYTES) ? 0 : EPROTO;
}

/* Connects, and has BYTES sent back, each within so many seconds. 0 or a positive errno. */
static int probe(const char *service, uint16_t port, uint32_t mark, time_t patience_s)
{
	struct timeval patience = {.tv_sec = patience_s};
	struct linger reset = {.l_onoff = 1};
	struct sluice_addr to = addr(service);
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&to, port, &sa);
	AUTO_CLOSE int fd = socket(sa.ss_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)), 0);
	return connect(fd, (struct sockaddr *)&sa, length) ? errno : transfer(fd);
}

static const struct way {
	const char *name;
	enum sluice_mode mode;
	const char *service, *backend;
} ways[] = {
	{"IPv4, l2", SLUICE_MODE_L2, SERVICE4, BACKEND4},
	{"IPv6, l2", SLUICE_MODE_L2, SERVICE6, BACKEND6},
	{"IPv4 in IPv4", SLUICE_MODE_IPIP, SERVICE4, BACKEND4},
	{"IPv6 in IPv4", SLUICE_MODE_IPIP, SERVICE6, BACKEND4},
	{"IPv4 in IPv6", SLUICE_MODE_IPIP, SERVICE4, BACKEND6},
	{"IPv6 in IPv6", SLUICE_MODE_IPIP, SERVICE6, BACKEND6},
};

static uint32_t mark(void)
{
	return probe_path_mark(path, TARGET);
}

static void expect(const struct way *way, int wanted)
{
	struct probe_path_counts counts;
	int ret;

	set_member(way->mode, way->backend, way->service);
	ret = probe(way->service, PORT, mark(), wanted ? 1 : PATIENCE_S);
	if (wanted ? !ret : ret)
		fail_msg("%s: %s", way->name, ret ? strerror(ret) : "the backend answers");
	probe_path_counts(path, TARGET, &counts);
	assert_in_range(counts.sent, 1, 1000);
	assert_int_equal(counts.dropped, 0);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void test_all_ways(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ways); i++)
		expect(&ways[i], 0);
}

static void test_refused(void **state)
{
	(void)state;
	set_member(SLUICE_MODE_IPIP, BACKEND4, SERVICE4);
	assert_int_equal(probe(SERVICE4, PORT + 1, mark(), PATIENCE_S), ECONNREFUSED);
}

/* The backend runs, and answers at its own address; but not as traffic needs it. */
static void test_without_address(void **state)
{
	(void)state;
	space_run_peer("ip address del " SERVICE4 "/32 dev lo");
	expect(&ways[0], EAGAIN);
	expect(&ways[2], EAGAIN);
	assert_int_equal(probe(BACKEND4, PORT, 0, PATIENCE_S), 0);
	space_run_peer("ip address add " SERVICE4 "/32 dev lo");
	expect(&ways[2], 0);
}

static void test_without_decap(void **state)
{
	(void)state;
	set_decap(false);
	expect(&ways[2], EAGAIN);
	expect(&ways[5], EAGAIN);
	expect(&ways[0], 0); /* l2 needs none */
	set_decap(true);
	expect(&ways[2], 0);
	expect(&ways[5], 0);
}

/* Nothing on the way makes checksums for the sender here, as a plain card does not: the inner one must be
 * whole, and the outer one may be missing. Where nobody takes the datagrams, what the backend says to
 * them is no answer. */
static void test_gue(void **state)
{
	static const struct way gue[] = {
		{"IPv4 in GUE over IPv4", SLUICE_MODE_GUE, SERVICE4, BACKEND4},
		{"IPv6 in GUE over IPv4", SLUICE_MODE_GUE, SERVICE6, BACKEND4},
		{"IPv4 in GUE over IPv6", SLUICE_MODE_GUE, SERVICE4, BACKEND6},
		{"IPv6 in GUE over IPv6", SLUICE_MODE_GUE, SERVICE6, BACKEND6},
	};
	pid_t backend;
	size_t i;

	(void)state;
	space_run("ethtool -K slpk0 tx off");
	expect(&gue[0], EAGAIN);
	expect(&gue[3], EAGAIN);
	backend = start_gue();
	for (i = 0; i < ARRAY_SIZE(gue); i++)
		expect(&gue[i], 0);
	kill(backend, SIGKILL);
	waitpid(backend, NULL, 0);
	expect(&gue[1], EAGAIN);
	space_run("ethtool -K slpk0 tx on");
}

static void test_no_nexthop(void **state)
{
	struct dataplane port = dp_bpf_port(dp);
	struct probe_path_counts counts;

	(void)state;
	set_member(SLUICE_MODE_IPIP, BACKEND4, SERVICE4);
	port.ops->member_set_word(port.dp, MEMBER,
				  SLUICE_MEMBER(SLUICE_NEXTHOP_NONE, SLUICE_MODE_IPIP, 0, 0));
	assert_int_not_equal(probe(SERVICE4, PORT, mark(), 1), 0);
	probe_path_counts(path, TARGET, &counts);
	assert_int_equal(counts.sent, 0);
	assert_in_range(counts.dropped, 1, 1000);
	assert_string_equal(counts.reason, "no next hop");
}

/* Answers come in on the cable from the service's address: the packet program passes them, and counts
 * nothing for the service. */
static void test_answers(void **state)
{
	const struct dp_service service = {.id = 1,
					   .addr = addr(SERVICE4),
					   .port = PORT,
					   .proto = IPPROTO_TCP,
					   .slots_log2 = SLUICE_SLOTS_LOG2_MIN};
	struct sluice_verdict_stats before[SLUICE_V_MAX], after[SLUICE_V_MAX];
	struct dataplane port = dp_bpf_port(dp);
	struct dp_attachment attachment;
	struct err e = {};
	int v;

	(void)state;
	assert_int_equal(port.ops->service_set(port.dp, &service), 0);
	if (dp_bpf_attach(dp, "slpk0", XDP_ATTACH_NATIVE, &attachment, &e))
		fail_msg("%s", e.text);
	assert_int_equal(port.ops->verdict_stats(port.dp, before), 0);
	expect(&ways[2], 0);
	expect(&ways[0], 0);
	assert_int_equal(port.ops->verdict_stats(port.dp, after), 0);
	for (v = 0; v < SLUICE_V_MAX; v++) {
		uint64_t packets = after[v].packets - before[v].packets;

		if (v == SLUICE_V_not_service)
			assert_in_range(packets, 8, 1000);
		else if (v != SLUICE_V_neighbor_passed)
			assert_int_equal(packets, 0);
	}
	assert_int_equal(dp_bpf_detach(dp, "slpk0", &e), 0);
	assert_int_equal(port.ops->service_delete(port.dp, &service), 0);
}

/* A strict filter asks where the host itself would reach the service. */
static void test_source_filter(void **state)
{
	(void)state;
	space_run("sysctl -qw net.ipv4.conf.slpk0.rp_filter=1");
	expect(&ways[2], EAGAIN);
	space_run("ip route add default via " BACKEND4);
	expect(&ways[2], 0);
	space_run("ip route del default");
	space_run("sysctl -qw net.ipv4.conf.slpk0.rp_filter=0");
	expect(&ways[2], 0);
}

/* What the daemon keeps of root's rights is enough; without those to change the
 * network it is told. */
static int open_with(int capability, struct err *e)
{
	struct probe_path *other;

	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_PERFMON,
		      capability, -1);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return 1;
	return probe_path_open(dp, INSTANCE, 16, &other, e);
}

static void test_rights(void **state)
{
	static const int capabilities[] = {CAP_NET_ADMIN, CAP_BPF};
	static const int wanted[] = {0, -EPERM};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(capabilities); i++) {
		pid_t child = fork();
		struct err e = {};
		int status, ret;

		assert_true(child >= 0);
		if (child == 0) {
			ret = open_with(capabilities[i], &e);
			if (ret != wanted[i] || (ret && e.code != ERR_FORBIDDEN))
				fprintf(stderr, "# %d: %s (%s)\n", ret, e.text, e.hint);
			_exit(ret != wanted[i] || (ret && e.code != ERR_FORBIDDEN));
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

static void set_up_hosts(void)
{
	const struct sluice_addr own4 = addr("10.9.0.1"), own6 = addr("2001:db8:9::1");
	struct sluice_nexthop nexthop = {.flags = SLUICE_NEXTHOP_F_USED,
					 .dmac = {2, 0, 0, 0, 9, 2},
					 .smac = {2, 0, 0, 0, 9, 1},
					 .src6 = own6,
					 .src4_be = own4.w_be[3]};
	struct dataplane port = dp_bpf_port(dp);

	space_run("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.slpk0.rp_filter=0");
	space_run("ip link set slpk0 address 02:00:00:00:09:01");
	space_run("ip address add 10.9.0.1/24 dev slpk0");
	space_run("ip address add 2001:db8:9::1/64 dev slpk0 nodad");
	space_run_peer("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.slpk0.rp_filter=0");
	space_run_peer("ip link set slpk0 address 02:00:00:00:09:02");
	space_run_peer("ip address add 10.9.0.2/24 dev slpk0");
	space_run_peer("ip address add 2001:db8:9::2/64 dev slpk0 nodad");
	space_run_peer("ip address add " SERVICE4 "/32 dev lo");
	space_run_peer("ip address add " SERVICE6 "/128 dev lo");
	nexthop.ifindex = if_nametoindex("slpk0");
	assert_int_equal(port.ops->nexthop_set(port.dp, NEXTHOP, &nexthop), 0);
}

static int set_up(void **state)
{
	struct err e = {};

	(void)state;
	set_up_hosts();
	set_decap(true);
	start_server();
	if (probe_path_open(dp, INSTANCE, 16, &path, &e))
		fail_msg("%s (%s)", e.text, e.hint);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	probe_path_close(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_ways),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without_address),
		cmocka_unit_test(test_without_decap),
		cmocka_unit_test(test_gue),
		cmocka_unit_test(test_no_nexthop),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_source_filter),
		cmocka_unit_test(test_rights),
	};
	int failed;

	space_require_root();
	space_enter();
	space_veth("slpk0");
	instance_clean(INSTANCE);
	dp = instance_open(INSTANCE);
	failed = cmocka_run_group_tests_name("probe_way", tests, set_up, tear_down);
	dp_bpf_close(dp);
	instance_clean(INSTANCE);
	return failed;
}
