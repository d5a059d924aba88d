/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's checks of one interface. What the kernel does not tell (limits inside drivers) comes
 * from tables, and is never more than a warning. */
#include <string.h>

#include "core/doctor_internal.h"

/* What drivers ask for before they run XDP, as far as their code says so (Linux 6.1 to 6.18). */
enum queue_rule {
	QUEUES_ANY,
	QUEUES_CPU_EACH,   /* redirected frames leave by the queue of the CPU, if it has one */
	QUEUES_HALF_FREE,  /* as many unused as used: XDP takes those for sending */
	QUEUES_CPUS_SPARE, /* one more a CPU, or sending takes a lock */
	QUEUES_COMBINED
};

struct driver {
	const char *name;
	uint32_t page_used; /* bytes of a page that frames cannot have; 0: another limit */
	uint32_t mtu_max;   /* with pages of 4 KiB, where page_used is 0; 0: not known */
	enum queue_rule queues;
	bool merges_until_attached; /* turns hardware merging off by itself */
};

static const struct driver drivers[] = {
	{"veth", 590, 0, QUEUES_ANY, false},
	{"virtio_net", 590, 0, QUEUES_CPUS_SPARE, true},
	{"mlx5_core", 598, 0, QUEUES_CPU_EACH, false},
	{"mlx4_en", 598, 0, QUEUES_ANY, false},
	{"ena", 598, 0, QUEUES_HALF_FREE, false},
	{"gve", 0, 0, QUEUES_HALF_FREE, false},
	{"bnxt_en", 594, 0, QUEUES_COMBINED, false},
	{"i40e", 0, 3046, QUEUES_CPU_EACH, false},
	{"ice", 0, 3046, QUEUES_ANY, false},
	{"ixgbe", 0, 3046, QUEUES_ANY, false},
	{"ixgbevf", 0, 3046, QUEUES_ANY, false},
	{"igb", 0, 0, QUEUES_ANY, false},
	{"igc", 0, 0, QUEUES_ANY, false},
	{"atlantic", 0, 0, QUEUES_ANY, false},
	{"bonding", 0, 0, QUEUES_ANY, false},
	{"cpsw", 0, 0, QUEUES_ANY, false},
	{"fsl_dpaa2_eth", 0, 0, QUEUES_ANY, false},
	{"fsl_enetc", 0, 0, QUEUES_ANY, false},
	{"hv_netvsc", 0, 0, QUEUES_ANY, false},
	{"mana", 0, 0, QUEUES_ANY, false},
	{"mvneta", 0, 0, QUEUES_ANY, false},
	{"mvpp2", 0, 0, QUEUES_ANY, false},
	{"netsec", 0, 0, QUEUES_ANY, false},
	{"nfp", 0, 0, QUEUES_ANY, false},
	{"qede", 0, 0, QUEUES_ANY, false},
	{"sfc", 0, 0, QUEUES_ANY, false},
	{"stmmac", 0, 0, QUEUES_ANY, false},
	{"tun", 0, 0, QUEUES_ANY, false},
	{"xen_netfront", 0, 0, QUEUES_ANY, false},
};

static const struct driver *find_driver(const struct doctor_interface *interface)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(interface->driver, drivers[i].name))
			return &drivers[i];
	return NULL;
}

static bool is_kind(const struct doctor_interface *interface, const char *kind)
{
	return !strcmp(interface->kind, kind);
}

/* ---- what it is ------------------------------------------------------------------------------ */

void doctor_judge_device(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	const char *name = interface->name;
	struct finding *finding;

	if (!interface->exists) {
		finding = doctor_find(context, DOCTOR_ERROR, NULL,
				      "there is no interface %s in this network namespace", name);
		doctor_fix(finding, "ip link show (there are: %s)", interface->there_are);
		return;
	}
	if (!interface->is_attach)
		return; /* members behind it: their next hops say more */
	if (is_kind(interface, "bridge")) {
		finding = doctor_find(
			context, DOCTOR_ERROR, NULL,
			"is a bridge, which cannot run XDP in its driver: attach to its ports");
		doctor_fix(finding,
			   interface->members[0] ? "interfaces: [%s]"
						 : "ip link set dev PORT master %s",
			   interface->members[0] ? interface->members : name);
	} else if (is_kind(interface, "vlan")) {
		finding = doctor_find(context, DOCTOR_ERROR, NULL,
				      "is a VLAN device, which cannot run XDP in its driver: "
				      "attach to %s; tags are kept",
				      interface->lower[0] ? interface->lower : "its parent");
		doctor_fix(finding, "interfaces: [%s]",
			   interface->lower[0] ? interface->lower : "PARENT");
	} else if (!interface->is_ethernet) {
		doctor_fix(doctor_find(context, DOCTOR_ERROR, NULL,
				       "is not an Ethernet device: its packets have no header that "
				       "Sluice could rewrite"),
			   "interfaces: [the Ethernet device that packets come in by]");
	} else if (!strcmp(interface->master_kind, "bond")) {
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "is one member of the bond %s: packets that come in by "
				       "another are not balanced",
				       interface->master),
			   "interfaces: [%s]", interface->master);
	}
}

void doctor_judge_link(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;

	if (!interface->is_up)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL, "is down"),
			   "ip link set dev %s up", interface->name);
	else if (!interface->has_carrier)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "has no carrier: its far end is down, or not plugged in"),
			   "ethtool %s", interface->name);
}

/* ---- whether XDP runs there ------------------------------------------------------------------ */

/* "a, b" as "a b": names for a command. */
static void make_words(const char *list, char *buffer, size_t size)
{
	size_t used = 0;

	for (; *list && used + 1 < size; list++)
		if (*list != ',')
			buffer[used++] = *list;
	buffer[used] = '\0';
}

/* The kernel says that the driver has no native XDP now. Why, and what helps? */
static void find_no_native(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	bool is_optional = context->facts->xdp_mode != XDP_ATTACH_NATIVE ||
			   (is_kind(interface, "bond") && !interface->members[0]);
	enum doctor_severity severity = is_optional ? DOCTOR_WARNING : DOCTOR_ERROR;
	const struct doctor_channels *channels = &interface->channels;
	const char *name = interface->name;
	char words[sizeof(interface->members)];

	make_words(interface->members, words, sizeof(words));
	if (is_kind(interface, "veth"))
		doctor_fix(doctor_find(context, severity, NULL,
				       "a veth runs native XDP only with as many receive queues as "
				       "its far end has for sending: this one has %u",
				       interface->rx_queues),
			   "ethtool -L %s rx %u (at least the tx of the far end)", name,
			   MAX(channels->max_rx, interface->rx_queues));
	else if (is_kind(interface, "bond"))
		doctor_fix(doctor_find(context, severity, NULL,
				       "a bond runs native XDP only if its mode and all members "
				       "can (%s): one of them cannot",
				       interface->members[0] ? interface->members : "none"),
			   words[0] ? "sluicectl doctor %s" : "ip link set dev MEMBER master %s",
			   words[0] ? words : name);
	else if (interface->lro == FACT_YES)
		doctor_fix(doctor_find(context, severity, NULL,
				       "driver %s offers no native XDP while LRO is on",
				       interface->driver),
			   "ethtool -K %s lro off", name);
	else
		doctor_fix(doctor_find(context, severity, NULL, "driver %s has no native XDP",
				       interface->driver[0] ? interface->driver : "(none)"),
			   "xdp: generic (every packet then takes the slow path)");
}

void doctor_judge_driver(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;

	if (!interface->is_attach || is_kind(interface, "bridge") || is_kind(interface, "vlan"))
		return;
	if (context->facts->xdp_mode == XDP_ATTACH_GENERIC)
		doctor_fix(
			doctor_find(context, DOCTOR_WARNING, NULL,
				    "generic XDP is asked for: every packet takes the slow path"),
			"xdp: native");
	else if (interface->has_xdp_features == FACT_NO && !find_driver(interface))
		doctor_find(context, DOCTOR_UNSEEN, NULL,
			    "whether driver %s has native XDP: Linux tells from 6.3 on, and it is "
			    "none that Sluice knows",
			    interface->driver[0] ? interface->driver : "(none)");
	else if (interface->has_xdp_features == FACT_YES &&
		 !(interface->xdp_features & DOCTOR_XDP_BASIC))
		find_no_native(context);
}

static void judge_dispatcher(struct doctor_context *context)
{
	const struct config *config = context->facts->config;
	enum xdp_sharing sharing = config ? config->sharing : XDP_SHARED_NEVER;
	const struct doctor_program *program = &context->interface->program;
	const char *mode = program->is_generic ? "generic" : "native";
	enum doctor_severity severity = DOCTOR_ERROR;
	const char *how = "", *fix = "";
	struct finding *finding;

	if (sharing == XDP_SHARED_NEVER) {
		how = ", and xdp_shared is never";
		fix = "xdp_shared: join (sluiced then keeps CAP_SYS_ADMIN)";
	} else if (context->facts->host.has_extensions == FACT_NO) {
		how = ", and this kernel refuses extension programs";
	} else if (program->is_ours == FACT_YES) {
		severity = DOCTOR_NOTE;
	} else if (program->is_generic && context->facts->xdp_mode == XDP_ATTACH_NATIVE) {
		how = ", and xdp is native";
		fix = "xdp: auto (every packet then takes the slow path)";
	} else {
		severity = DOCTOR_NOTE;
		how = ", which sluiced joins";
	}
	finding = doctor_find(context, severity, NULL,
			      "libxdp's dispatcher (id %u, %s) runs %zu program%s here%s%s%s",
			      program->id, mode, program->dispatched,
			      program->dispatched == 1 ? "" : "s", program->names[0] ? ": " : "",
			      program->names, how);
	if (fix[0])
		doctor_fix(finding, "%s", fix);
	else if (severity == DOCTOR_ERROR)
		doctor_fix(finding, "ip link set dev %s %s off (if nobody needs it)",
			   context->interface->name, program->is_generic ? "xdpgeneric" : "xdpdrv");
}

void doctor_judge_program(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	const struct doctor_program *program = &interface->program;
	const char *mode = program->is_generic ? "generic" : "native";
	struct finding *finding;

	if (!interface->is_attach)
		return;
	if (interface->master_program_id && !strcmp(interface->master_kind, "bond"))
		doctor_fix(doctor_find(
				   context, DOCTOR_ERROR, NULL,
				   "the bond %s that it is a member of runs an XDP program (id %u)",
				   interface->master, interface->master_program_id),
			   "ip link set dev %s xdpdrv off (if nobody needs it)", interface->master);
	if (program->id && program->is_dispatcher == FACT_YES) {
		judge_dispatcher(context);
		return;
	}
	if (!program->id || program->is_ours == FACT_YES)
		return;
	if (program->is_ours == FACT_UNKNOWN) {
		doctor_fix(doctor_find(context, DOCTOR_UNSEEN, NULL,
				       "whose the XDP program (id %u, %s) is that runs here",
				       program->id, mode),
			   "sudo sluicectl doctor %s", interface->name);
		return;
	}
	finding = doctor_find(context, DOCTOR_ERROR, NULL,
			      "another XDP program runs here: %s (id %u, %s)",
			      program->name[0] ? program->name : "name unknown", program->id, mode);
	doctor_fix(finding, "ip link set dev %s %s off (if nobody needs it)", interface->name,
		   program->is_generic ? "xdpgeneric" : "xdpdrv");
}

void doctor_judge_redirect(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	bool is_veth = is_kind(interface, "veth");

	/* Sending back by the same interface is part of XDP itself, except on veth. */
	if (!interface->is_egress || (interface->is_attach && !is_veth))
		return;
	if (interface->has_xdp_features != FACT_YES) {
		doctor_find(context, DOCTOR_UNSEEN, NULL,
			    "whether it transmits redirected frames: Linux tells from 6.3 on");
		return;
	}
	if (interface->xdp_features & DOCTOR_XDP_TARGET) {
		/* Its GRO makes the kernel say that frames arrive, but nobody wakes it for them. */
		if (is_veth && interface->has_far_program == FACT_NO)
			doctor_fix(
				doctor_find(context, DOCTOR_WARNING, NULL,
					    "the far end of this veth has GRO, but no XDP program: "
					    "frames that XDP sends there come late or not at all"),
				"sluice-decap attach %s --from 240.0.0.1 (at the far end: it "
				"passes everything)",
				interface->far_name[0] ? interface->far_name : "INTERFACE");
		return;
	}
	if (is_veth)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "the far end of this veth has no XDP program: frames that "
				       "XDP sends there are lost"),
			   "at the far end attach a program that passes everything");
	else
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "members are behind it, and its driver (%s) transmits no "
				       "redirected frames now; many do once they run a program",
				       interface->driver[0] ? interface->driver : "none"),
			   "interfaces: add %s", interface->name);
}

/* ---- how well it runs there ------------------------------------------------------------------ */

static void judge_driver_queues(struct doctor_context *context, enum queue_rule rule)
{
	const struct doctor_interface *interface = context->interface;
	const struct doctor_channels *channels = &interface->channels;
	const char *name = interface->name, *driver = interface->driver;
	uint32_t cpus = context->facts->cpus;

	if (rule == QUEUES_CPU_EACH && interface->is_egress && channels->combined < cpus &&
	    channels->combined)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "%u queues for %u CPUs: driver %s loses frames that a CPU "
				       "without a queue redirects to it",
				       channels->combined, cpus, driver),
			   "ethtool -L %s combined %u", name, cpus);
	else if (rule == QUEUES_HALF_FREE && channels->combined * 2 > channels->max_combined)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "%u of %u queues are used: driver %s runs XDP only while "
				       "half of them are free",
				       channels->combined, channels->max_combined, driver),
			   "ethtool -L %s combined %u", name, channels->max_combined / 2);
	else if (rule == QUEUES_CPUS_SPARE && channels->combined &&
		 channels->combined + cpus > channels->max_combined)
		doctor_find(context, DOCTOR_NOTE, NULL,
			    "%u of at most %u queues are used: with fewer than one a CPU to spare "
			    "(%u), driver %s sends from XDP under a lock",
			    channels->combined, channels->max_combined, cpus, driver);
	else if (rule == QUEUES_COMBINED && !channels->combined && channels->rx)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "has separate queues for receiving and sending: driver %s "
				       "runs XDP only on combined ones",
				       driver),
			   "ethtool -L %s rx 0 tx 0 combined %u", name, channels->rx);
}

void doctor_judge_queues(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	const struct doctor_channels *channels = &interface->channels;
	const struct driver *driver = find_driver(interface);
	uint32_t cpus = context->facts->cpus;
	uint32_t most = MAX(channels->max_combined, channels->max_rx);

	if (driver && driver->queues != QUEUES_ANY)
		judge_driver_queues(context, driver->queues);
	if (interface->is_attach && interface->rx_queues == 1 && cpus > 1 && most > 1 &&
	    !context->found)
		doctor_fix(doctor_find(context, DOCTOR_NOTE, NULL,
				       "receives by one queue: one of %u CPUs does all the work",
				       cpus),
			   "ethtool -L %s %s %u", interface->name,
			   channels->max_combined ? "combined" : "rx", MIN(cpus, most));
}

void doctor_judge_frame_size(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	const struct driver *driver = find_driver(interface);
	uint32_t most;

	if (!driver || !interface->is_attach || context->facts->xdp_mode == XDP_ATTACH_GENERIC)
		return;
	most = driver->page_used ? context->facts->page_bytes - driver->page_used : driver->mtu_max;
	if (!most || interface->mtu <= most)
		return;
	if (!driver->page_used && context->facts->page_bytes != 4096)
		return; /* nobody has measured it */
	doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
			       "MTU %u: driver %s runs XDP up to about %u%s", interface->mtu,
			       driver->name, most,
			       is_kind(interface, "veth") ? ", at both ends" : ""),
		   "ip link set dev %s mtu %u", interface->name, most);
}

void doctor_judge_merging(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;
	const struct driver *driver = find_driver(interface);

	if (!interface->is_attach || (driver && driver->merges_until_attached))
		return;
	if (interface->lro == FACT_YES)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "LRO is on: the hardware merges packets, and drivers refuse "
				       "XDP or what it forwards is too big"),
			   "ethtool -K %s lro off", interface->name);
	if (interface->gro_hw == FACT_YES)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "GRO in hardware is on: the hardware merges packets, and "
				       "drivers refuse XDP or what it forwards is too big"),
			   "ethtool -K %s rx-gro-hw off", interface->name);
}

void doctor_judge_vlan(struct doctor_context *context)
{
	const struct doctor_interface *interface = context->interface;

	if (interface->is_attach && interface->vlans[0] && interface->vlan_offload == FACT_YES)
		doctor_fix(doctor_find(context, DOCTOR_WARNING, NULL,
				       "takes VLAN tags off before XDP sees the packet, and there "
				       "are VLANs on it (%s): their packets look untagged",
				       interface->vlans),
			   "ethtool -K %s rxvlan off", interface->name);
}
