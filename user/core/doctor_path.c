/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The doctor's checks of what the configuration wants of this host's network. */
#include <string.h>

#include "base/addr.h"
#include "core/check_spec.h"
#include "core/doctor_internal.h"
#include "core/overhead.h"

#define IPV4_MTU_MIN 576 /* what every host takes (RFC 1122) */
#define IPV6_MTU_MIN 1280
#define RP_FILTER_STRICT 1
#define RP_FILTER_LOOSE 2

/* ---- service addresses ----------------------------------------------------------------------- */

static void judge_address(struct doctor_context *context, const struct doctor_service *service)
{
	const struct service_config *config = service->config;
	bool wants_local = config->mode == SLUICE_MODE_LOCAL;
	int full = addr_family(&config->addr) == SLUICE_FAMILY_V4 ? 32 : 128;
	char address[ADDR_TEXT_MAX];
	struct finding *finding;

	addr_format(&config->addr, address);
	if (service->is_local == FACT_YES && !wants_local) {
		finding =
			doctor_find(context, DOCTOR_ERROR, config->name,
				    "%s is an address of this host: after a detach the host would "
				    "reset its connections",
				    address);
		if (service->device[0])
			doctor_fix(finding, "ip address del %s/%d dev %s (or: mode: local)",
				   address, service->prefix_length, service->device);
		else
			doctor_fix(finding, "ip route del local %s table local (or: mode: local)",
				   address);
	} else if (service->is_local == FACT_NO && wants_local) {
		doctor_fix(doctor_find(context, DOCTOR_ERROR, config->name,
				       "%s is no address of this host, but the mode is local",
				       address),
			   "ip address add %s/%d dev lo", address, full);
	}
}

void doctor_judge_addresses(struct doctor_context *context)
{
	size_t i;

	for (i = 0; i < context->facts->service_count; i++)
		judge_address(context, &context->facts->services[i]);
}

/* ---- next hops ------------------------------------------------------------------------------- */

struct reported {
	struct sluice_addr next[DOCTOR_FINDINGS_MAX];
	size_t count;
};

/* Members share gateways: one finding for each. */
static bool is_reported(struct reported *reported, const struct sluice_addr *next)
{
	size_t i;

	for (i = 0; i < reported->count; i++)
		if (addr_equal(&reported->next[i], next))
			return true;
	if (reported->count < DOCTOR_FINDINGS_MAX)
		reported->next[reported->count++] = *next;
	return false;
}

static void judge_neighbour(struct doctor_context *context, const struct doctor_path *path,
			    struct reported *reported)
{
	bool is_failed = path->neighbour == DOCTOR_NEIGHBOUR_FAILED;
	char next[ADDR_TEXT_MAX];

	if (path->neighbour == DOCTOR_NEIGHBOUR_UNKNOWN ||
	    path->neighbour == DOCTOR_NEIGHBOUR_VALID || is_reported(reported, &path->next))
		return;
	addr_format(&path->next, next);
	doctor_fix(doctor_find(context, is_failed ? DOCTOR_WARNING : DOCTOR_NOTE,
			       path->service->name, "%s%s on %s %s",
			       path->has_gateway ? "gateway " : "member ", next, path->device,
			       is_failed ? "does not answer for its MAC address"
					 : "has not been asked for its MAC address lately"),
		   "ping -c 1 -I %s %s", path->device, next);
}

static void judge_path(struct doctor_context *context, const struct doctor_path *path,
		       struct reported *reported)
{
	char address[ADDR_TEXT_MAX], next[ADDR_TEXT_MAX];

	addr_format(&path->addr, address);
	if (path->problem[0]) {
		doctor_fix(doctor_find(context, DOCTOR_WARNING, path->service->name,
				       "member %s: %s", address, path->problem),
			   "ip route get %s", address);
	} else if (path->pool->mode == SLUICE_MODE_L2 && path->has_gateway) {
		addr_format(&path->next, next);
		doctor_fix(doctor_find(context, DOCTOR_WARNING, path->service->name,
				       "member %s is behind the gateway %s, but mode l2 reaches "
				       "only members on the same segment",
				       address, next),
			   "mode: ipip");
	} else {
		judge_neighbour(context, path, reported);
	}
}

void doctor_judge_next_hops(struct doctor_context *context)
{
	struct reported reported = {};
	size_t i;

	for (i = 0; i < context->facts->path_count; i++)
		judge_path(context, &context->facts->paths[i], &reported);
}

/* ---- MTU ------------------------------------------------------------------------------------- */

/* The largest packet that can come in: of the interfaces that the program is to run on. */
static uint32_t largest_mtu(const struct doctor_facts *facts)
{
	uint32_t mtu = 0;
	size_t i;

	for (i = 0; i < facts->interface_count; i++)
		if (facts->interfaces[i].is_attach)
			mtu = MAX(mtu, facts->interfaces[i].mtu);
	return mtu;
}

static const struct doctor_interface *find_interface(const struct doctor_facts *facts,
						     const char *name)
{
	size_t i;

	for (i = 0; i < facts->interface_count; i++)
		if (!strcmp(facts->interfaces[i].name, name))
			return &facts->interfaces[i];
	return NULL;
}

/* The command that makes room: on the device, unless a route is narrower than its device. */
static void fix_mtu(const struct doctor_context *context, struct finding *finding,
		    const struct doctor_path *path, uint32_t wanted)
{
	const struct doctor_interface *egress = find_interface(context->facts, path->egress);
	char address[ADDR_TEXT_MAX];

	addr_format(&path->addr, address);
	if (egress && egress->mtu > path->mtu)
		doctor_fix(finding, "ip route get %s (shows the route whose mtu is %u)", address,
			   path->mtu);
	else
		doctor_fix(finding, "ip link set dev %s mtu %u", path->device, wanted);
}

/* Smaller segments, which the members have to ask for, or more room. */
static void fix_tunnel(const struct doctor_context *context, struct finding *finding,
		       const struct doctor_path *path, uint32_t wanted, uint32_t mss)
{
	static const struct sluice_addr unknown;
	char service[ADDR_TEXT_MAX], source[ADDR_TEXT_MAX] = "BALANCER";
	struct finding wider = {0};

	fix_mtu(context, &wider, path, wanted);
	addr_format(&path->service->addr, service);
	if (!addr_equal(&path->source, &unknown))
		addr_format(&path->source, source);
	if (path->pool->mode == SLUICE_MODE_GUE) {
		doctor_fix(
			finding,
			"on the members: advmss %u on their default routes; or, if every hop takes "
			"it: %s",
			mss, wider.fix);
		return;
	}
	doctor_fix(finding,
		   "on the members: sluice-backend setup %s %s --from %s --advmss %u; or, if every "
		   "hop takes it: %s",
		   overhead_mode_name(path->pool->mode), service, source, mss, wider.fix);
}

static void judge_narrowest(struct doctor_context *context, const struct doctor_path *path)
{
	enum sluice_family inner = addr_family(&path->service->addr);
	enum sluice_family outer = addr_family(&path->addr);
	uint32_t bytes = overhead_bytes(path->pool->mode, outer);
	uint32_t room = path->mtu > bytes ? path->mtu - bytes : 0;
	uint32_t least = inner == SLUICE_FAMILY_V4 ? IPV4_MTU_MIN : IPV6_MTU_MIN;
	uint32_t incoming = largest_mtu(context->facts);
	const char *name = path->service->name;
	char address[ADDR_TEXT_MAX];
	struct finding *finding;

	addr_format(&path->addr, address);
	if (room < least) {
		finding =
			doctor_find(context, DOCTOR_WARNING, name,
				    "the path to %s carries %u bytes, %u of them for the client's "
				    "packet: %s needs %u",
				    address, path->mtu, room,
				    inner == SLUICE_FAMILY_V4 ? "IPv4" : "IPv6", least);
		fix_mtu(context, finding, path, MAX(incoming, least) + bytes);
	} else if (room < incoming && bytes) {
		finding = doctor_find(context, DOCTOR_NOTE, name,
				      "%s over %s adds %u bytes: the path to %s carries %u, so "
				      "clients may send %u",
				      overhead_mode_name(path->pool->mode),
				      outer == SLUICE_FAMILY_V4 ? "IPv4" : "IPv6", bytes, address,
				      path->mtu, room);
		fix_tunnel(context, finding, path, incoming + bytes, overhead_mss(room, inner));
	} else if (room < incoming) {
		finding =
			doctor_find(context, DOCTOR_WARNING, name,
				    "packets of %u bytes come in, the path to %s carries %u: what "
				    "is larger is dropped",
				    incoming, address, path->mtu);
		fix_mtu(context, finding, path, incoming);
	}
}

/* Paths are in the order of the configuration: one finding for the narrowest of each pool and
 * family. */
void doctor_judge_mtu(struct doctor_context *context)
{
	const struct doctor_path *narrowest[SLUICE_FAMILY_MAX] = {};
	const struct doctor_facts *facts = context->facts;
	const struct doctor_path *path = NULL;
	enum sluice_family family;
	size_t i;

	for (i = 0; i <= facts->path_count; i++) {
		bool is_last = i == facts->path_count;

		if (is_last || (path && facts->paths[i].pool != path->pool)) {
			for (family = 0; family < SLUICE_FAMILY_MAX; family++)
				if (narrowest[family])
					judge_narrowest(context, narrowest[family]);
			memset(narrowest, 0, sizeof(narrowest));
		}
		if (is_last)
			break;
		path = &facts->paths[i];
		family = addr_family(&path->addr);
		if (!path->problem[0] && (!narrowest[family] || path->mtu < narrowest[family]->mtu))
			narrowest[family] = path;
	}
}

/* ---- reverse-path filter --------------------------------------------------------------------- */

static const struct doctor_service *find_local_v4(const struct doctor_facts *facts)
{
	size_t i;

	for (i = 0; i < facts->service_count; i++)
		if (facts->services[i].config->mode == SLUICE_MODE_LOCAL &&
		    addr_family(&facts->services[i].config->addr) == SLUICE_FAMILY_V4)
			return &facts->services[i];
	return NULL;
}

static bool is_probed_by_path(const struct pool_config *pool)
{
	uint32_t i;

	for (i = 0; pool->checks && i < pool->checks->count; i++)
		if (pool->checks->list[i].via == CHECK_VIA_PATH)
			return true;
	return false;
}

static const struct doctor_service *find_service(const struct doctor_facts *facts,
						 const struct service_config *config)
{
	size_t i;

	for (i = 0; i < facts->service_count; i++)
		if (facts->services[i].config == config)
			return &facts->services[i];
	return NULL;
}

/* Answers come from the service's address by the device that the member is reached by: the service, if
 * the filter of that drops them, else NULL. */
static const struct doctor_service *find_deaf(const struct doctor_facts *facts,
					      const struct doctor_path *path)
{
	const struct doctor_service *service = find_service(facts, path->service);

	if (path->problem[0] || !service || addr_family(&path->service->addr) != SLUICE_FAMILY_V4 ||
	    !is_probed_by_path(path->pool))
		return NULL;
	if (path->rp_filter == RP_FILTER_STRICT)
		return strcmp(service->way, path->device) ? service : NULL;
	return path->rp_filter == RP_FILTER_LOOSE && !service->way[0] ? service : NULL;
}

/* One finding for each device. */
static void judge_answers(struct doctor_context *context, const struct doctor_path *path)
{
	const struct doctor_service *service = find_deaf(context->facts, path);
	const struct doctor_path *before;
	char address[ADDR_TEXT_MAX], way[48] = "no route to it";

	if (!service)
		return;
	for (before = context->facts->paths; before < path; before++)
		if (!strcmp(before->device, path->device) && find_deaf(context->facts, before))
			return;
	addr_format(&service->config->addr, address);
	if (service->way[0])
		snprintf(way, sizeof(way), "its route to it by %s", service->way);
	doctor_fix(
		doctor_find(context, DOCTOR_WARNING, path->device,
			    "reverse-path filter: answers to probes of %s (%s) come in here, and "
			    "this host has %s: its stack drops them",
			    service->config->name, address, way),
		"sysctl -w net.ipv4.conf.%s.rp_filter=%d", path->device,
		service->way[0] ? RP_FILTER_LOOSE : 0);
}

void doctor_judge_rp_filter(struct doctor_context *context)
{
	const struct doctor_facts *facts = context->facts;
	const struct doctor_service *local = find_local_v4(facts);
	size_t i;

	for (i = 0; i < facts->path_count; i++)
		judge_answers(context, &facts->paths[i]);

	for (i = 0; i < facts->tunnel_count; i++) {
		const struct doctor_tunnel *tunnel = &facts->tunnels[i];

		if (tunnel->rp_filter == RP_FILTER_STRICT)
			doctor_fix(doctor_find(context, DOCTOR_WARNING, tunnel->name,
					       "strict reverse-path filter: clients' packets that "
					       "come out of this %s tunnel are dropped, because "
					       "the way back to them is another",
					       tunnel->kind),
				   "sysctl -w net.ipv4.conf.%s.rp_filter=2", tunnel->name);
	}
	for (i = 0; local && i < facts->interface_count; i++) {
		const struct doctor_interface *interface = &facts->interfaces[i];

		if (interface->is_attach && interface->rp_filter == RP_FILTER_STRICT &&
		    interface->is_default_route == FACT_NO)
			doctor_fix(doctor_find(context, DOCTOR_WARNING, interface->name,
					       "strict reverse-path filter, and the default route "
					       "leaves elsewhere: the stack drops clients' packets "
					       "for %s (mode local)",
					       local->config->name),
				   "sysctl -w net.ipv4.conf.%s.rp_filter=2", interface->name);
	}
}
