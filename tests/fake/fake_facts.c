/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fake/fake_facts.h"

#include <stdlib.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/fake_config.h"

static const char yaml[] =
	"version: 1\n"
	"interfaces: [eth0]\n"
	"services:\n"
	"  tunnel: {listen: tcp 192.0.2.1:80, mode: ipip, members: [10.0.0.1, 10.0.0.2]}\n"
	"  six: {listen: \"tcp [2001:db8:1::1]:80\", mode: ipip, members: [10.0.0.3]}\n"
	"  direct: {listen: tcp 192.0.2.2:80, mode: l2, members: [10.0.0.4]}\n"
	"  here: {listen: tcp 192.0.2.3:80, mode: local}\n";

static void make_interface(struct doctor_interface *interface, const char *name)
{
	*interface = (struct doctor_interface){
		.exists = true,
		.ifindex = 2,
		.driver = "ice",
		.is_ethernet = true,
		.is_up = true,
		.has_carrier = true,
		.mtu = 1500,
		.rx_queues = 4,
		.has_xdp_features = FACT_YES,
		.xdp_features = DOCTOR_XDP_BASIC | DOCTOR_XDP_TARGET,
		.lro = FACT_NO,
		.gro_hw = FACT_NO,
		.gro = FACT_YES,
		.vlan_offload = FACT_YES,
		.channels = {.combined = 4, .max_combined = 8},
		.is_default_route = FACT_YES,
	};
	util_copy(interface->name, sizeof(interface->name), name);
}

static void make_path(struct doctor_facts *facts, size_t at, size_t service, const char *addr,
		      uint32_t mtu)
{
	struct doctor_path *path = &facts->paths[at];

	path->service = &facts->config->services[service];
	path->pool = &facts->config->services[service].pools[0];
	addr_parse(addr, &path->addr);
	path->next = path->addr;
	path->mtu = mtu;
	path->neighbour = DOCTOR_NEIGHBOUR_VALID;
	util_copy(path->device, sizeof(path->device), "eth1");
	util_copy(path->egress, sizeof(path->egress), "eth1");
}

struct config *fake_facts_config;

int fake_facts_set_up(void **state)
{
	(void)state;
	fake_facts_config = fake_config_parsed(yaml);
	return 0;
}

int fake_facts_tear_down(void **state)
{
	(void)state;
	config_free(fake_facts_config);
	return 0;
}

struct doctor_facts *fake_facts_new(void)
{
	struct doctor_facts *facts = util_alloc(sizeof(*facts));
	size_t i;

	facts->config = fake_facts_config;
	facts->cpus = 4;
	facts->page_bytes = 4096;
	facts->host = (struct doctor_host){
		.release = "6.12.1",
		.version = DOCTOR_VERSION(6, 12),
		.features = {{"XDP programs", FACT_YES, 0}},
		.feature_count = 1,
		.has_btf = FACT_YES,
		.has_bpffs = FACT_YES,
		.is_bpffs_writable = FACT_YES,
		.jit = 1,
		.unprivileged_bpf_disabled = 2,
		.memlock_bytes = 1 << 20,
		.memory_total_bytes = 1ULL << 30,
		.memory_available_bytes = 1ULL << 29,
		.map_bytes = 1ULL << 28,
		.clock_source = "tsc",
		.tick_ns = 4000000,
	};
	facts->interface_count = 2;
	make_interface(&facts->interfaces[0], "eth0");
	facts->interfaces[0].is_attach = true;
	make_interface(&facts->interfaces[1], "eth1");
	facts->interfaces[1].is_egress = true;
	facts->interfaces[1].mtu = 1600;
	facts->tunnel_count = 1;
	facts->tunnels[0] = (struct doctor_tunnel){"tunl0", "ipip", 0};
	facts->service_count = fake_facts_config->service_count;
	facts->services = util_alloc_array(facts->service_count, sizeof(*facts->services));
	for (i = 0; i < facts->service_count; i++) {
		facts->services[i].config = &fake_facts_config->services[i];
		facts->services[i].is_local = i == SERVICE_HERE ? FACT_YES : FACT_NO;
		util_copy(facts->services[i].way, sizeof(facts->services[i].way), "eth1");
	}
	facts->path_count = PATHS;
	facts->paths = util_alloc_array(PATHS, sizeof(*facts->paths));
	make_path(facts, TUNNEL1, SERVICE_TUNNEL, "10.0.0.1", 1520);
	make_path(facts, TUNNEL2, SERVICE_TUNNEL, "10.0.0.2", 1600);
	make_path(facts, SIX, SERVICE_SIX, "10.0.0.3", 1520);
	make_path(facts, DIRECT, SERVICE_DIRECT, "10.0.0.4", 1500);
	return facts;
}

void fake_facts_free(struct doctor_facts *facts)
{
	free(facts->services);
	free(facts->paths);
	free(facts);
}
