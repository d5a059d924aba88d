/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Good configurations: what they become. Bad ones are in test_config_errors.c. */
#include "core/config.h"
#include "fake/fake_config.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/addr.h"

#define HEAD "version: 1\ninterfaces: [eth0]\n"

static void assert_addr(const struct sluice_addr *addr, const char *text)
{
	char buffer[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(addr, buffer), text);
}

static void test_defaults(void **state)
{
	struct config *config = fake_config_parsed(HEAD "services: {}\n");
	static const struct sluice_addr NONE;

	(void)state;
	assert_string_equal(config->instance, "default");
	assert_int_equal(config->interface_count, 1);
	assert_string_equal(config->interfaces[0], "eth0");
	assert_int_equal(config->xdp_mode, XDP_ATTACH_NATIVE);
	assert_false(config->has_hash_seed);
	assert_string_equal(config->metrics_listen, "127.0.0.1:9464");
	assert_string_equal(config->admin_group, "");
	assert_string_equal(config->operator_group, "");
	assert_string_equal(config->viewer_group, "");
	assert_true(addr_equal(&config->outer_source4, &NONE));
	assert_true(addr_equal(&config->outer_source6, &NONE));
	assert_int_equal(config->announce, ANNOUNCE_NONE);
	assert_false(config->is_standby_first || config->is_route_kept);
	assert_int_equal(config->route_table, 201);
	assert_int_equal(config->route_protocol, 201);
	assert_int_equal(config->events_per_s, 100);
	assert_int_equal(config->capacity.service_cells, SLUICE_SERVICE_CELLS_DEFAULT);
	assert_int_equal(config->capacity.slots, SLUICE_SLOTS_DEFAULT);
	assert_int_equal(config->capacity.members, SLUICE_MEMBERS_DEFAULT);
	assert_int_equal(config->capacity.limit_sources,
			 SLUICE_LIMIT_SETS_DEFAULT * SLUICE_LIMIT_WAYS);
	assert_int_equal(config->capacity.flows, SLUICE_FLOW_SETS_DEFAULT * SLUICE_FLOW_WAYS);
	assert_int_equal(config->capacity.pending_flows,
			 SLUICE_PENDING_SETS_DEFAULT * SLUICE_FLOW_WAYS);
	assert_int_equal(config->capacity.tracked_flows,
			 SLUICE_TRACKED_SETS_DEFAULT * SLUICE_FLOW_WAYS);
	assert_int_equal(config->flows.pre_ms, 3000);
	assert_int_equal(config->flows.pending_life_s, 10);
	assert_int_equal(config->flows.closing_life_s, 60);
	assert_int_equal(config->flows.refresh_s, 4);
	assert_int_equal(config->flows.overwrite_s, 120);
	assert_int_equal(config->service_count, 0);
	assert_int_equal(config->limit_count, 0);
	config_free(config);
	config_free(NULL);
}

static void test_every_root_key(void **state)
{
	struct config *config = fake_config_parsed(
		"version: 1\n"
		"instance: edge\n"
		"interfaces: [eth0, eth1.7]\n"
		"xdp: auto\n"
		"announce: route\n"
		"node: {start: standby}\n"
		"routes: {table: 1001, protocol: 99, stop: keep}\n"
		"hash_seed: 00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF\n"
		"metrics: {listen: '[2001:0db8::1]:9000'}\n"
		"access: {admin: wheel, operator: _net, viewer: staff}\n"
		"outer_source: {ipv4: 192.0.2.1, ipv6: '2001:db8::1'}\n"
		"events_per_second: 0\n"
		"capacity: {service_cells: 1Ki, slots: 65536, members: 10k, limit_sources: 1Mi,\n"
		"  flows: 4096, pending_flows: 2048, tracked_flows: 1Ki}\n"
		"flows: {pre: 500ms, pending_life: 5s, closing_life: 30s, refresh: 2s,\n"
		"  overwrite: 1m}\n"
		"services: {}\n"
		"limits: {}\n");

	(void)state;
	assert_string_equal(config->instance, "edge");
	assert_string_equal(config->interfaces[1], "eth1.7");
	assert_int_equal(config->interface_count, 2);
	assert_int_equal(config->xdp_mode, XDP_ATTACH_AUTO);
	assert_int_equal(config->announce, ANNOUNCE_ROUTE);
	assert_true(config->is_standby_first);
	assert_int_equal(config->route_table, 1001);
	assert_int_equal(config->route_protocol, 99);
	assert_true(config->is_route_kept);
	assert_true(config->has_hash_seed);
	for (size_t i = 0; i < sizeof(config->hash_seed); i++)
		assert_int_equal(config->hash_seed[i], 0x11 * (i % 16));
	assert_string_equal(config->metrics_listen, "[2001:db8::1]:9000");
	assert_string_equal(config->admin_group, "wheel");
	assert_string_equal(config->operator_group, "_net");
	assert_string_equal(config->viewer_group, "staff");
	assert_addr(&config->outer_source4, "192.0.2.1");
	assert_addr(&config->outer_source6, "2001:db8::1");
	assert_int_equal(config->events_per_s, 0);
	assert_int_equal(config->capacity.service_cells, 1024);
	assert_int_equal(config->capacity.slots, 65536);
	assert_int_equal(config->capacity.members, 10000);
	assert_int_equal(config->capacity.limit_sources, 1048576);
	assert_int_equal(config->capacity.flows, 4096);
	assert_int_equal(config->capacity.pending_flows, 2048);
	assert_int_equal(config->capacity.tracked_flows, 1024);
	assert_int_equal(config->flows.pre_ms, 500);
	assert_int_equal(config->flows.pending_life_s, 5);
	assert_int_equal(config->flows.closing_life_s, 30);
	assert_int_equal(config->flows.refresh_s, 2);
	assert_int_equal(config->flows.overwrite_s, 60);
	config_free(config);
	config = fake_config_parsed(HEAD
				    "services: {}\nmetrics: {listen: disabled}\nxdp: generic\n");
	assert_string_equal(config->metrics_listen, "");
	assert_int_equal(config->xdp_mode, XDP_ATTACH_GENERIC);
	config_free(config);
}

/* The node's choice, a service's own, and a local address, for which the host itself answers. */
static void test_announce(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD "announce: arp\nservices:\n"
		     "  a: {listen: tcp 192.0.2.1:80, mode: l2, members: []}\n"
		     "  b: {listen: tcp 192.0.2.2:80, mode: l2, announce: route, members: []}\n"
		     "  c: {listen: tcp 192.0.2.3:80, mode: l2, announce: none, members: []}\n"
		     "  d: {listen: tcp 192.0.2.4:80, mode: local}\n"
		     "  e: {listen: tcp 192.0.2.5:80, mode: local, announce: route}\n");
	static const enum announce want[] = {ANNOUNCE_ARP, ANNOUNCE_ROUTE, ANNOUNCE_NONE,
					     ANNOUNCE_NONE, ANNOUNCE_ROUTE};

	(void)state;
	for (size_t i = 0; i < config->service_count; i++)
		assert_int_equal(config->services[i].announce, want[i]);
	config_free(config);
}

static void test_service_with_members(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD
		"services:\n"
		"  web:\n"
		"    listen: tcp 192.0.2.10:80\n"
		"    mode: dr\n"
		"    members: [192.0.2.21, '192.0.2.22:80', {address: 192.0.2.23, weight: 50}]\n");
	const struct service_config *service = &config->services[0];
	const struct pool_config *pool = &service->pools[0];

	(void)state;
	assert_int_equal(config->service_count, 1);
	assert_string_equal(service->name, "web");
	assert_int_equal(service->line, 4);
	assert_addr(&service->addr, "192.0.2.10");
	assert_int_equal(service->port, 80);
	assert_int_equal(service->proto, IPPROTO_TCP);
	assert_int_equal(service->mode, SLUICE_MODE_L2);
	assert_false(service->is_unknown_port_passed);
	assert_int_equal(service->slots, 0);
	assert_string_equal(service->limits[0], "");
	assert_int_equal(service->pool_count, 1);
	assert_string_equal(pool->name, "default");
	assert_int_equal(pool->share, 100);
	assert_int_equal(pool->mode, SLUICE_MODE_L2);
	assert_int_equal(pool->check.type, CHECK_TCP);
	assert_int_equal(pool->check.port, 0);
	assert_int_equal(pool->check.interval_ms, 2000);
	assert_int_equal(pool->check.timeout_ms, 1000);
	assert_int_equal(pool->check.fast_ms, 500);
	assert_int_equal(pool->check.down_ms, 5000);
	assert_int_equal(pool->check.fall, 3);
	assert_int_equal(pool->check.rise, 2);
	assert_int_equal(pool->check.jitter_percent, 10);
	assert_int_equal(pool->member_count, 3);
	assert_addr(&pool->members[0].addr, "192.0.2.21");
	assert_int_equal(pool->members[0].weight, 100);
	assert_int_equal(pool->members[0].port, 80);
	assert_int_equal(pool->members[0].line, 7);
	assert_addr(&pool->members[1].addr, "192.0.2.22");
	assert_addr(&pool->members[2].addr, "192.0.2.23");
	assert_int_equal(pool->members[2].weight, 50);
	config_free(config);
}

static void test_pools_inherit(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD
		"services:\n"
		"  shop:\n"
		"    pools:\n"
		"      stable: {members: [10.0.0.1]}\n"
		"      candidate:\n"
		"        share: 5\n"
		"        mode: l2\n"
		"        check: none\n"
		"        members: [{address: '2001:db8::22', weight: 0}]\n"
		"      empty: {members: [], check: {interval: 1m, timeout: 1m}}\n"
		"    listen: 'tcp  [2001:db8::10]:443'\n"
		"    mode: ipip\n"
		"    slots: 8192\n"
		"    unknown_port: pass\n"
		"    check: {port: 8080, interval: 10s, timeout: 250ms, fast: 1s, down: 1m, via: "
		"member,\n"
		"            rise: 1, fall: 100, jitter: 0, type: tcp}\n"
		"  other: {listen: 'udp 192.0.2.99', mode: ipip, members: ['2001:db8::21']}\n");
	const struct service_config *service = &config->services[0];

	(void)state;
	assert_int_equal(service->pool_count, 3);
	assert_addr(&service->addr, "2001:db8::10");
	assert_int_equal(service->slots, 8192);
	assert_true(service->is_unknown_port_passed);
	assert_string_equal(service->pools[0].name, "stable");
	assert_int_equal(service->pools[0].mode, SLUICE_MODE_IPIP);
	assert_int_equal(service->pools[0].check.port, 8080);
	assert_int_equal(service->pools[0].check.interval_ms, 10000);
	assert_int_equal(service->pools[0].check.timeout_ms, 250);
	assert_int_equal(service->pools[0].check.fast_ms, 1000);
	assert_int_equal(service->pools[0].check.down_ms, 60000);
	assert_int_equal(service->pools[0].check.rise, 1);
	assert_int_equal(service->pools[0].check.fall, 100);
	assert_int_equal(service->pools[0].check.jitter_percent, 0);
	assert_string_equal(service->pools[1].name, "candidate");
	assert_int_equal(service->pools[1].share, 5);
	assert_int_equal(service->pools[1].mode, SLUICE_MODE_L2);
	assert_int_equal(service->pools[1].check.type, CHECK_NONE);
	assert_int_equal(service->pools[1].members[0].weight, 0);
	assert_int_equal(service->pools[1].members[0].port, 443);
	assert_int_equal(service->pools[2].member_count, 0);
	/* a pool's check replaces the service's whole */
	assert_int_equal(service->pools[2].check.port, 0);
	assert_int_equal(service->pools[2].check.interval_ms, 60000);
	service = &config->services[1];
	assert_int_equal(service->proto, IPPROTO_UDP);
	assert_int_equal(service->port, 0);
	assert_int_equal(service->pools[0].check.type, CHECK_NONE);
	assert_int_equal(service->pools[0].members[0].port, 0);
	config_free(config);
}

static void test_gue_ports(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD "services:\n"
		     "  plain: {listen: tcp 192.0.2.1:80, mode: gue, members: ['2001:db8::1', "
		     "10.0.0.1]}\n"
		     "  own: {listen: tcp 192.0.2.2:80, mode: gue, gue_port: 65535, members: "
		     "[10.0.0.1]}\n"
		     "  mixed:\n"
		     "    listen: tcp 192.0.2.3:80\n"
		     "    gue_port: 1\n"
		     "    mode: ipip\n"
		     "    pools:\n"
		     "      a: {members: []}\n"
		     "      b: {mode: gue, members: []}\n"
		     "      c: {gue_port: 7000, mode: gue, members: []}\n"
		     "  other:\n"
		     "    listen: tcp 192.0.2.4:80\n"
		     "    mode: gue\n"
		     "    pools: {a: {members: []}, b: {mode: l2, members: []}}\n");
	static const struct {
		size_t service, pool;
		enum sluice_mode mode;
		uint16_t port;
	} rows[] = {
		{0, 0, SLUICE_MODE_GUE, 6080}, {1, 0, SLUICE_MODE_GUE, 65535},
		{2, 0, SLUICE_MODE_IPIP, 0},   {2, 1, SLUICE_MODE_GUE, 1},
		{2, 2, SLUICE_MODE_GUE, 7000}, {3, 0, SLUICE_MODE_GUE, 6080},
		{3, 1, SLUICE_MODE_L2, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct pool_config *pool =
			&config->services[rows[i].service].pools[rows[i].pool];

		assert_int_equal(pool->mode, rows[i].mode);
		assert_int_equal(pool->gue_port, rows[i].port);
	}
	/* Probes take the way of the traffic. */
	assert_int_equal(config->services[0].pools[0].check.via, CHECK_VIA_PATH);
	config_free(config);
}

static void test_local_and_limits(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD
		"services:\n"
		"  nginx: {listen: tcp 203.0.113.5:443, mode: local, limits: [b, a]}\n"
		"limits:\n"
		"  a: {count: new-connections, rate: 20/s, burst: 100, mode: enforce}\n"
		"  b: {count: packets, rate: 10k/min, per: {ipv4: 24, ipv6: 48}, mode: shadow,\n"
		"      sources: 5000}\n"
		"  unused: {count: packets, rate: 3/h, mode: disabled, per: {ipv6: 128}}\n");
	const struct service_config *service = &config->services[0];
	const struct limit_config *limit = config->limits;

	(void)state;
	assert_int_equal(service->mode, SLUICE_MODE_LOCAL);
	assert_int_equal(service->pool_count, 0);
	assert_true(service->is_unknown_port_passed); /* the host's other ports stay its own */
	assert_string_equal(service->limits[0], "b");
	assert_string_equal(service->limits[1], "a");
	assert_string_equal(service->limits[2], "");
	assert_int_equal(config->limit_count, 3);
	assert_string_equal(limit[0].name, "a");
	assert_int_equal(limit[0].count, SLUICE_COUNT_NEW_CONNECTIONS);
	assert_int_equal(limit[0].mode, SLUICE_LIMIT_ENFORCE);
	assert_int_equal(limit[0].rate.n, 20);
	assert_int_equal(limit[0].rate.s, 1);
	assert_int_equal(limit[0].burst.n, 100);
	assert_int_equal(limit[0].prefix4, 32);
	assert_int_equal(limit[0].prefix6, 64);
	assert_int_equal(limit[0].sources, 262144);
	assert_int_equal(limit[0].line, 6);
	assert_int_equal(limit[1].count, SLUICE_COUNT_PACKETS);
	assert_int_equal(limit[1].mode, SLUICE_LIMIT_SHADOW);
	assert_int_equal(limit[1].rate.n, 10000);
	assert_int_equal(limit[1].rate.s, 60);
	assert_int_equal(limit[1].burst.n, 0); /* absent */
	assert_int_equal(limit[1].prefix4, 24);
	assert_int_equal(limit[1].prefix6, 48);
	assert_int_equal(limit[1].sources, 8192);
	assert_int_equal(limit[2].mode, SLUICE_LIMIT_DISABLED);
	assert_int_equal(limit[2].rate.s, 3600);
	assert_int_equal(limit[2].prefix4, 32);
	assert_int_equal(limit[2].prefix6, 128);
	config_free(config);
}

/* One list for several services is what anchors are for. */
static void test_affinity(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD "services:\n"
		     "  one: {listen: tcp 192.0.2.1:80, mode: l2, members: []}\n"
		     "  two: {listen: udp 192.0.2.1:53, mode: l2, members: [], affinity: track, "
		     "idle: 1m}\n"
		     "  three: {listen: tcp 192.0.2.1:81, mode: l2, pools: {a: {members: []},\n"
		     "    b: {members: []}}, learn: 15m}\n"
		     "  four: {listen: udp 192.0.2.1:54, mode: l2, members: [], affinity: window,\n"
		     "    window: 30s}\n"
		     "  five: {listen: tcp 192.0.2.1:82, mode: l2, pools: {a: {members: []},\n"
		     "    b: {members: []}}, affinity: hash, slow_start: 1m}\n");

	(void)state;
	assert_int_equal(config->services[0].affinity, AFFINITY_HASH);
	assert_int_equal(config->services[0].learn_s, 600);
	assert_int_equal(config->services[1].affinity, AFFINITY_TRACK);
	assert_int_equal(config->services[1].idle_s, 60);
	assert_int_equal(config->services[2].affinity, AFFINITY_SOURCE);
	assert_int_equal(config->services[2].learn_s, 900);
	assert_int_equal(config->services[3].affinity, AFFINITY_WINDOW);
	assert_int_equal(config->services[3].window_s, 30);
	assert_int_equal(config->services[4].affinity, AFFINITY_HASH);
	assert_int_equal(config->services[0].slow_start_s, 0);
	assert_int_equal(config->services[4].slow_start_s, 60);
	config_free(config);
}

static void test_circuit(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD "services:\n"
		     "  plain: {listen: tcp 192.0.2.1:80, mode: l2, members: []}\n"
		     "  pools:\n"
		     "    listen: tcp 192.0.2.1:81\n"
		     "    mode: l2\n"
		     "    circuit: {open: 2s, trial_share: 10, ratio: 0}\n"
		     "    min_healthy: 2\n"
		     "    panic: drop\n"
		     "    fallback: sorry\n"
		     "    pools:\n"
		     "      main: {members: [192.0.2.21, 192.0.2.22]}\n"
		     "      next: {members: [192.0.2.23], circuit: {mode: disabled, open: 3s}}\n"
		     "      sorry: {share: 0, members: [192.0.2.24]}\n");
	const struct circuit_config *circuit = &config->services[0].pools[0].circuit;
	const struct service_config *service = &config->services[1];

	(void)state;
	assert_true(circuit->is_enabled);
	assert_int_equal(circuit->open_ms, 5000);
	assert_int_equal(circuit->open_max_ms, 300000);
	assert_int_equal(circuit->trial_ms, 30000);
	assert_int_equal(circuit->trial_percent, 2);
	assert_int_equal(circuit->ratio_percent, 50);
	assert_int_equal(circuit->volume, 10);
	assert_int_equal(circuit->window_ms, 60000);
	assert_int_equal(config->services[0].min_healthy, 1);
	assert_false(config->services[0].is_panic_dropped);
	assert_string_equal(config->services[0].fallback, "");

	assert_int_equal(service->min_healthy, 2);
	assert_true(service->is_panic_dropped);
	assert_string_equal(service->fallback, "sorry");
	assert_int_not_equal(service->pools[2].share, 0);
	circuit = &service->pools[0].circuit;
	assert_true(circuit->is_enabled);
	assert_int_equal(circuit->open_ms, 2000);
	assert_int_equal(circuit->trial_percent, 10);
	assert_int_equal(circuit->ratio_percent, 0);
	circuit = &service->pools[1].circuit; /* key by key */
	assert_false(circuit->is_enabled);
	assert_int_equal(circuit->open_ms, 3000);
	assert_int_equal(circuit->trial_percent, 10);
	config_free(config);
}

static void test_on_down(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD "announce: route\n"
		     "services:\n"
		     "  a: {listen: tcp 192.0.2.1:80, mode: l2, members: []}\n"
		     "  b: {listen: tcp 192.0.2.2:80, mode: l2, on_down: withdraw, members: []}\n"
		     "  c: {listen: tcp 192.0.2.3:80, mode: l2, on_down: announce, members: []}\n");

	(void)state;
	assert_false(config->services[0].is_withdrawn_when_down);
	assert_true(config->services[1].is_withdrawn_when_down);
	assert_false(config->services[2].is_withdrawn_when_down);
	config_free(config);
}

static void test_anchors(void **state)
{
	struct config *config = fake_config_parsed(
		HEAD "services:\n"
		     "  a: {listen: tcp 192.0.2.10:80, mode: l2, members: &farm "
		     "[192.0.2.21, 192.0.2.22]}\n"
		     "  b: {listen: tcp 192.0.2.10:443, mode: l2, members: *farm}\n");

	(void)state;
	assert_int_equal(config->services[1].pools[0].member_count, 2);
	assert_int_equal(config->services[1].pools[0].members[0].port, 443);
	assert_addr(&config->services[1].pools[0].members[1].addr, "192.0.2.22");
	config_free(config);
}

static void test_byte_order_mark_and_comments(void **state)
{
	struct config *config =
		fake_config_parsed("\xef\xbb\xbf# comment\n---\n" HEAD "services: {}\n...\n# end");

	(void)state;
	assert_int_equal(config->interface_count, 1);
	config_free(config);
	config = fake_config_parsed(
		"{\"version\": 1, \"interfaces\": [\"eth0\"], \"services\": {}}");
	config_free(config);
}

static void test_example_file(void **state)
{
	AUTO_FREE char *text = NULL;
	struct config *config;
	size_t length;

	(void)state;
	assert_int_equal(util_read_file("deploy/sluice.yaml", CONFIG_BYTES_MAX, &text, &length), 0);
	config = fake_config_parsed(text);
	assert_true(config->interface_count > 0);
	config_free(config);
}

static void test_many(void **state)
{
	AUTO_FREE char *text = NULL;
	struct config *config;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)state;
	fprintf(f, HEAD "services:\n");
	for (int i = 0; i < 1000; i++) {
		fprintf(f,
			"  s%d:\n    listen: tcp 198.18.%d.%d:443\n    mode: ipip\n    members:\n",
			i, i / 250, i % 250 + 1);
		for (int j = 0; j < 20; j++)
			fprintf(f, "      - {address: 10.0.%d.%d, weight: %d}\n", j, i % 250 + 1,
				j);
	}
	fclose(f);
	config = fake_config_parsed(text);
	assert_int_equal(config->service_count, 1000);
	assert_int_equal(config->services[999].pools[0].member_count, 20);
	assert_int_equal(config->services[999].pools[0].members[19].weight, 19);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_root_key),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_service_with_members),
		cmocka_unit_test(test_pools_inherit),
		cmocka_unit_test(test_gue_ports),
		cmocka_unit_test(test_local_and_limits),
		cmocka_unit_test(test_affinity),
		cmocka_unit_test(test_circuit),
		cmocka_unit_test(test_on_down),
		cmocka_unit_test(test_anchors),
		cmocka_unit_test(test_byte_order_mark_and_comments),
		cmocka_unit_test(test_example_file),
		cmocka_unit_test(test_many),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
