/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the doctor says, by table: each row spoils one fact of a healthy host and names the finding
 * that must follow. Every check of the doctor's table has a row.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/util.h"
#include "fake/fake_facts.h"

#define HOST (&f->host)
#define ETH0 (&f->interfaces[0])
#define ETH1 (&f->interfaces[1])
#define COPY(field, text) util_copy(field, sizeof(field), text)

static bool is_spoilt[32]; /* checks that a row has spoilt, in the order of the table */

static void expect(const struct doctor_facts *facts, const char *check,
		   enum doctor_severity severity, const char *object, const char *text,
		   const char *fix)
{
	struct doctor_report report = {0};
	size_t found = 0, i;

	doctor_judge(facts, &report);
	for (i = 0; i < report.count; i++) {
		const struct finding *finding = &report.list[i];

		if (strcmp(finding->check, check) || finding->severity == DOCTOR_FINE)
			continue;
		found++;
		assert_string_equal(finding->object, object);
		assert_string_equal(doctor_severity_name(finding->severity),
				    doctor_severity_name(severity));
		if (!strstr(finding->text, text))
			fail_msg("%s: no '%s' in: %s", check, text, finding->text);
		if (!strstr(finding->fix, fix) || (!*fix && *finding->fix))
			fail_msg("%s: '%s' is not the fix: %s", check, fix, finding->fix);
	}
	if (found != 1)
		fail_msg("%s (%s): %zu findings instead of one", check, text, found);
	for (i = 0; i < doctor_check_count; i++)
		is_spoilt[i] |= !strcmp(doctor_checks[i].name, check);
	doctor_report_done(&report);
}

/* The check must find exactly one thing once the last argument has spoilt the healthy host f. */
#define CASE(check, severity, object, text, fix, ...)                                              \
	do {                                                                                       \
		struct doctor_facts *f = fake_facts_new();                                         \
                                                                                                   \
		__VA_ARGS__;                                                                       \
		expect(f, check, severity, object, text, fix);                                     \
		fake_facts_free(f);                                                                \
	} while (0)

static void the_kernel_is_judged(void **state)
{
	(void)state;
	CASE("kernel", DOCTOR_ERROR, "host", "Linux 6.12.1 is too old: Sluice needs 6.1",
	     "boot Linux 6.1", HOST->version = DOCTOR_VERSION(5, 15));
	CASE("features", DOCTOR_ERROR, "host", "has no XDP programs (Operation not supported)",
	     "CONFIG_BPF", HOST->features[0].state = FACT_NO;
	     HOST->features[0].code = EOPNOTSUPP);
	CASE("features", DOCTOR_UNSEEN, "host", "needs root", "",
	     HOST->features[0].state = FACT_UNKNOWN);
	CASE("btf", DOCTOR_NOTE, "host", "no /sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF",
	     HOST->has_btf = FACT_NO);
	CASE("jit", DOCTOR_WARNING, "host", "interpreted", "sysctl -w net.core.bpf_jit_enable=1",
	     HOST->jit = 0);
	CASE("jit", DOCTOR_UNSEEN, "host", "not readable", "", HOST->jit = DOCTOR_NUMBER_UNKNOWN);
	CASE("bpffs", DOCTOR_ERROR, "host", "no bpffs is mounted", "mount -t bpf bpf /sys/fs/bpf",
	     HOST->has_bpffs = FACT_NO);
	CASE("bpffs", DOCTOR_ERROR, "host", "read-only", "mount -o remount,rw /sys/fs/bpf",
	     HOST->is_bpffs_writable = FACT_NO);
	CASE("bpffs", DOCTOR_UNSEEN, "host", "whether a bpffs", "", HOST->has_bpffs = FACT_UNKNOWN);
	CASE("capabilities", DOCTOR_UNSEEN, "host", "without CAP_BPF not everything",
	     "sudo sluicectl doctor", COPY(HOST->missing_capabilities, "CAP_BPF"));
}

static void memory_and_clock_are_judged(void **state)
{
	(void)state;
	CASE("memory", DOCTOR_WARNING, "configuration",
	     "take 768 MiB, 512 of 1024 MiB are available", "lower `capacity`",
	     HOST->map_bytes = 768ULL << 20);
	CASE("memory", DOCTOR_ERROR, "configuration", "take 2048 MiB", "lower `capacity`",
	     HOST->map_bytes = 2ULL << 30);
	CASE("clock", DOCTOR_NOTE, "host", "hpet, which is slow", "boot with tsc=reliable",
	     COPY(HOST->clock_source, "hpet"));
	CASE("clock", DOCTOR_NOTE, "host", "acpi_pm, which is slow", "echo tsc > /sys/devices",
	     COPY(HOST->clock_source, "acpi_pm");
	     HOST->is_tsc_available = FACT_YES);
	CASE("clock", DOCTOR_NOTE, "host", "tick is 10 ms", "CONFIG_HZ", HOST->tick_ns = 10000000);
	CASE("unprivileged", DOCTOR_NOTE, "host", "every user",
	     "kernel.unprivileged_bpf_disabled=2", HOST->unprivileged_bpf_disabled = 0);
}

static void devices_are_judged(void **state)
{
	(void)state;
	CASE("device", DOCTOR_ERROR, "eth0", "no interface eth0", "there are: lo, eth7",
	     ETH0->exists = false;
	     COPY(ETH0->there_are, "lo, eth7"));
	CASE("device", DOCTOR_ERROR, "eth0", "is a bridge", "interfaces: [p1, p2]",
	     COPY(ETH0->kind, "bridge");
	     COPY(ETH0->members, "p1, p2"));
	CASE("device", DOCTOR_ERROR, "eth0", "is a bridge", "ip link set dev PORT master eth0",
	     COPY(ETH0->kind, "bridge"));
	CASE("device", DOCTOR_ERROR, "eth0", "is a VLAN device", "interfaces: [eth7]",
	     COPY(ETH0->kind, "vlan");
	     COPY(ETH0->lower, "eth7"));
	CASE("device", DOCTOR_ERROR, "eth0", "not an Ethernet device", "interfaces: [",
	     ETH0->is_ethernet = false);
	CASE("device", DOCTOR_WARNING, "eth0", "one member of the bond bond0",
	     "interfaces: [bond0]", COPY(ETH0->master, "bond0");
	     COPY(ETH0->master_kind, "bond"));
	CASE("link", DOCTOR_WARNING, "eth0", "is down", "ip link set dev eth0 up",
	     ETH0->is_up = false);
	CASE("link", DOCTOR_WARNING, "eth1", "no carrier", "ethtool eth1",
	     ETH1->has_carrier = false);
}

static void drivers_are_judged(void **state)
{
	(void)state;
	CASE("driver", DOCTOR_ERROR, "eth0", "driver tg3 has no native XDP", "xdp: generic",
	     COPY(ETH0->driver, "tg3");
	     ETH0->xdp_features = 0);
	CASE("driver", DOCTOR_WARNING, "eth0", "driver tg3 has no native XDP", "xdp: generic",
	     COPY(ETH0->driver, "tg3");
	     ETH0->xdp_features = 0; f->xdp_mode = XDP_ATTACH_AUTO);
	CASE("driver", DOCTOR_WARNING, "eth0", "generic XDP is asked for", "xdp: native",
	     f->xdp_mode = XDP_ATTACH_GENERIC);
	CASE("driver", DOCTOR_ERROR, "eth0", "as many receive queues as its far end",
	     "ethtool -L eth0 rx 8", COPY(ETH0->kind, "veth");
	     COPY(ETH0->driver, "veth"); ETH0->xdp_features = 0;
	     ETH0->channels = (struct doctor_channels){.rx = 4, .max_rx = 8});
	CASE("driver", DOCTOR_ERROR, "eth0", "all members can (eth5, eth6)",
	     "sluicectl doctor eth5 eth6", COPY(ETH0->kind, "bond");
	     COPY(ETH0->members, "eth5, eth6"); ETH0->xdp_features = 0);
	CASE("driver", DOCTOR_WARNING, "eth0", "all members can (none)",
	     "ip link set dev MEMBER master eth0", COPY(ETH0->kind, "bond");
	     ETH0->xdp_features = 0);
	CASE("driver", DOCTOR_UNSEEN, "eth0", "whether driver exotic has native XDP", "",
	     COPY(ETH0->driver, "exotic");
	     ETH0->has_xdp_features = FACT_NO);
}

static void programs_and_redirects_are_judged(void **state)
{
	(void)state;
	CASE("program", DOCTOR_ERROR, "eth0",
	     "another XDP program runs here: filter (id 7, native)",
	     "ip link set dev eth0 xdpdrv off",
	     ETH0->program =
		     ((struct doctor_program){7, "filter", false, FACT_NO, FACT_NO, 0, ""}));
	CASE("program", DOCTOR_ERROR, "eth0", "name unknown (id 7, generic)",
	     "ip link set dev eth0 xdpgeneric off",
	     ETH0->program = ((struct doctor_program){7, "", true, FACT_NO, FACT_UNKNOWN, 0, ""}));
	CASE("program", DOCTOR_ERROR, "eth0", "libxdp's dispatcher (id 7, native) runs 2 programs",
	     "xdp_shared: join",
	     ETH0->program = ((struct doctor_program){7, "xdp_dispatcher", false, FACT_NO, FACT_YES,
						      2, "a (id 8), b (id 9)"}));
	CASE("program", DOCTOR_NOTE, "eth0", "runs 1 program here: a (id 8), which sluiced joins",
	     "", fake_facts_config->sharing = XDP_SHARED_JOIN;
	     ETH0->program = ((struct doctor_program){7, "xdp_dispatcher", false, FACT_NO, FACT_YES,
						      1, "a (id 8)"}));
	CASE("program", DOCTOR_ERROR, "eth0", "runs 1 program here: a (id 8), and xdp is native",
	     "xdp: auto", fake_facts_config->sharing = XDP_SHARED_JOIN;
	     ETH0->program = ((struct doctor_program){7, "xdp_dispatcher", true, FACT_NO, FACT_YES,
						      1, "a (id 8)"}));
	fake_facts_config->sharing = XDP_SHARED_NEVER;
	CASE("program", DOCTOR_UNSEEN, "eth0", "whose the XDP program (id 7, native)",
	     "sudo sluicectl",
	     ETH0->program =
		     ((struct doctor_program){7, "", false, FACT_UNKNOWN, FACT_UNKNOWN, 0, ""}));
	CASE("redirect", DOCTOR_WARNING, "eth1", "its driver (ice) transmits no redirected frames",
	     "interfaces: add eth1", ETH1->xdp_features = DOCTOR_XDP_BASIC);
	CASE("redirect", DOCTOR_WARNING, "eth1", "the far end of this veth has no XDP program",
	     "passes everything", COPY(ETH1->kind, "veth");
	     ETH1->xdp_features = DOCTOR_XDP_BASIC);
	CASE("redirect", DOCTOR_WARNING, "eth1", "has GRO, but no XDP program",
	     "sluice-decap attach far1 --from 240.0.0.1", COPY(ETH1->kind, "veth");
	     COPY(ETH1->far_name, "far1"); ETH1->has_far_program = FACT_NO);
	CASE("redirect", DOCTOR_UNSEEN, "eth1", "Linux tells from 6.3 on", "",
	     ETH1->has_xdp_features = FACT_NO);
}

static void queues_are_judged(void **state)
{
	(void)state;
	CASE("queues", DOCTOR_WARNING, "eth1", "2 queues for 4 CPUs: driver mlx5_core",
	     "ethtool -L eth1 combined 4", COPY(ETH1->driver, "mlx5_core");
	     ETH1->channels.combined = 2);
	CASE("queues", DOCTOR_WARNING, "eth0", "8 of 8 queues are used: driver ena",
	     "ethtool -L eth0 combined 4", COPY(ETH0->driver, "ena");
	     ETH0->channels.combined = 8);
	CASE("queues", DOCTOR_NOTE, "eth0", "driver virtio_net sends from XDP under a lock", "",
	     COPY(ETH0->driver, "virtio_net");
	     ETH0->channels.combined = 8);
	CASE("queues", DOCTOR_WARNING, "eth0", "driver bnxt_en runs XDP only on combined",
	     "ethtool -L eth0 rx 0 tx 0 combined 4", COPY(ETH0->driver, "bnxt_en");
	     ETH0->channels = (struct doctor_channels){.rx = 4, .tx = 4});
	CASE("queues", DOCTOR_NOTE, "eth0", "receives by one queue: one of 4 CPUs",
	     "ethtool -L eth0 combined 4", ETH0->rx_queues = 1;
	     ETH0->channels.combined = 1);
}

static void frames_are_judged(void **state)
{
	(void)state;
	CASE("frame-size", DOCTOR_WARNING, "eth0", "MTU 9000: driver ice runs XDP up to about 3046",
	     "ip link set dev eth0 mtu 3046", ETH0->mtu = 9000;
	     f->path_count = 0);
	CASE("frame-size", DOCTOR_WARNING, "eth0",
	     "driver veth runs XDP up to about 3506, at both ends", "ip link set dev eth0 mtu 3506",
	     COPY(ETH0->driver, "veth");
	     COPY(ETH0->kind, "veth"); ETH0->mtu = 4000; f->path_count = 0);
	CASE("merging", DOCTOR_WARNING, "eth0", "LRO is on", "ethtool -K eth0 lro off",
	     ETH0->lro = FACT_YES);
	CASE("merging", DOCTOR_WARNING, "eth0", "GRO in hardware is on",
	     "ethtool -K eth0 rx-gro-hw off", ETH0->gro_hw = FACT_YES);
	CASE("vlan", DOCTOR_WARNING, "eth0", "VLANs on it (eth0.5)", "ethtool -K eth0 rxvlan off",
	     COPY(ETH0->vlans, "eth0.5"));
}

static void services_are_judged(void **state)
{
	(void)state;
	CASE("addresses", DOCTOR_ERROR, "tunnel", "192.0.2.1 is an address of this host",
	     "ip address del 192.0.2.1/24 dev eth0",
	     f->services[SERVICE_TUNNEL].is_local = FACT_YES;
	     f->services[SERVICE_TUNNEL].prefix_length = 24;
	     COPY(f->services[SERVICE_TUNNEL].device, "eth0"));
	CASE("addresses", DOCTOR_ERROR, "direct", "192.0.2.2 is an address of this host",
	     "ip route del local 192.0.2.2 table local",
	     f->services[SERVICE_DIRECT].is_local = FACT_YES);
	CASE("addresses", DOCTOR_ERROR, "here", "192.0.2.3 is no address of this host",
	     "ip address add 192.0.2.3/32 dev lo", f->services[SERVICE_HERE].is_local = FACT_NO);
	CASE("next-hops", DOCTOR_WARNING, "direct", "member 10.0.0.4: no route to host",
	     "ip route get 10.0.0.4", COPY(f->paths[DIRECT].problem, "no route to host"));
	CASE("next-hops", DOCTOR_WARNING, "direct", "only members on the same segment",
	     "mode: ipip", f->paths[DIRECT].has_gateway = true);
	CASE("next-hops", DOCTOR_WARNING, "tunnel", "gateway 10.0.0.1 on eth1 does not answer",
	     "ping -c 1 -I eth1 10.0.0.1", f->paths[TUNNEL1].neighbour = DOCTOR_NEIGHBOUR_FAILED;
	     f->paths[TUNNEL1].has_gateway = true);
	CASE("next-hops", DOCTOR_NOTE, "direct", "member 10.0.0.4 on eth1 has not been asked",
	     "ping -c 1 -I eth1 10.0.0.4", f->paths[DIRECT].neighbour = DOCTOR_NEIGHBOUR_MISSING);
}

static void paths_are_judged(void **state)
{
	struct pool_config gue;

	(void)state;
	CASE("mtu", DOCTOR_NOTE, "tunnel",
	     "ipip over IPv4 adds 20 bytes: the path to 10.0.0.2 carries 1500, so clients may send "
	     "1480",
	     "sluice-backend setup ipip 192.0.2.1 --from 10.0.0.254 --advmss 1440; or, if every "
	     "hop takes it: ip route get 10.0.0.2",
	     f->paths[TUNNEL2].mtu = 1500;
	     addr_parse("10.0.0.254", &f->paths[TUNNEL2].source));
	CASE("mtu", DOCTOR_NOTE, "six", "carries 1500, so clients may send 1480",
	     "sluice-backend setup ipip 2001:db8:1::1 --from BALANCER --advmss 1420; or, if every "
	     "hop takes it: ip link set dev eth1 mtu 1520",
	     f->paths[SIX].mtu = 1500;
	     ETH1->mtu = 1500);
	CASE("mtu", DOCTOR_NOTE, "tunnel",
	     "gue over IPv4 adds 28 bytes: the path to 10.0.0.2 carries 1500, so clients may send "
	     "1472",
	     "on the members: advmss 1432 on their default routes; or, if every hop takes it: "
	     "ip route get 10.0.0.2",
	     f->paths[TUNNEL2].mtu = 1500;
	     gue = *f->paths[TUNNEL2].pool; gue.mode = SLUICE_MODE_GUE;
	     f->paths[TUNNEL2].pool = &gue);
	CASE("mtu", DOCTOR_WARNING, "six",
	     "carries 1290 bytes, 1270 of them for the client's packet: IPv6",
	     "ip link set dev eth1 mtu 1520", f->paths[SIX].mtu = 1290;
	     ETH1->mtu = 1290);
	CASE("mtu", DOCTOR_WARNING, "direct",
	     "packets of 1500 bytes come in, the path to 10.0.0.4 carries",
	     "ip link set dev eth1 mtu 1500", f->paths[DIRECT].mtu = 1400;
	     ETH1->mtu = 1400);
	CASE("rp-filter", DOCTOR_WARNING, "tunl0",
	     "strict reverse-path filter: clients' packets that come",
	     "sysctl -w net.ipv4.conf.tunl0.rp_filter=2", f->tunnels[0].rp_filter = 1);
	CASE("rp-filter", DOCTOR_WARNING, "eth0",
	     "the stack drops clients' packets for here (mode local)",
	     "sysctl -w net.ipv4.conf.eth0.rp_filter=2", ETH0->rp_filter = 1;
	     ETH0->is_default_route = FACT_NO);
	/* Answers to probes through the path: from the service, by the member's device. */
	CASE("rp-filter", DOCTOR_WARNING, "eth1",
	     "answers to probes of tunnel (192.0.2.1) come in here, and this host has its route to "
	     "it by eth0",
	     "sysctl -w net.ipv4.conf.eth1.rp_filter=2", f->paths[TUNNEL1].rp_filter = 1;
	     f->paths[TUNNEL2].rp_filter = 1; f->paths[SIX].rp_filter = 1;
	     COPY(f->services[SERVICE_TUNNEL].way, "eth0"));
	CASE("rp-filter", DOCTOR_WARNING, "eth1",
	     "answers to probes of direct (192.0.2.2) come in here, and this host has no route to "
	     "it",
	     "sysctl -w net.ipv4.conf.eth1.rp_filter=0", f->paths[DIRECT].rp_filter = 2;
	     f->services[SERVICE_DIRECT].way[0] = '\0');
}

/* Kernels that count locked memory are too old anyway: a second finding, in the same row. */
static void locked_memory_counts_on_old_kernels(void **state)
{
	(void)state;
	CASE("memlock", DOCTOR_ERROR, "configuration", "take 256 MiB, but only 1 MiB may be locked",
	     "ulimit -l unlimited", HOST->version = DOCTOR_VERSION(5, 10));
}

static void every_check_can_find_something(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < doctor_check_count; i++)
		if (!is_spoilt[i] && strcmp(doctor_checks[i].name, "forwarding"))
			fail_msg("no row spoils what %s looks at", doctor_checks[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_is_judged),
		cmocka_unit_test(memory_and_clock_are_judged),
		cmocka_unit_test(devices_are_judged),
		cmocka_unit_test(drivers_are_judged),
		cmocka_unit_test(programs_and_redirects_are_judged),
		cmocka_unit_test(queues_are_judged),
		cmocka_unit_test(frames_are_judged),
		cmocka_unit_test(services_are_judged),
		cmocka_unit_test(paths_are_judged),
		cmocka_unit_test(locked_memory_counts_on_old_kernels),
		cmocka_unit_test(every_check_can_find_something),
	};

	return cmocka_run_group_tests(tests, fake_facts_set_up, fake_facts_tear_down);
}
