/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/nexthops.h"

#include <string.h>
#include <uthash.h>

#include <sluice/abi.h>

#include "base/log.h"
#include "daemon/targets.h"

struct target_key {
	struct sluice_addr addr;
	uint32_t is_on_link_only;
};

/* What members are told. */
struct answer {
	enum nexthop_state state;
	struct nexthop nexthop;
	const char *text;
};

struct target {
	struct target_key key;
	bool is_wanted;
	uint64_t *members;
	size_t member_count, member_capacity;
	uint32_t ifindex; /* by which it is reached, 0: it is not */
	char *no_port;	  /* why that cannot be a transmit port; NULL: it is one */
	UT_hash_handle hh;
};

struct nexthops {
	struct dp_bpf *dp;
	struct resolver *resolver;
	nexthops_fn fn;
	void *arg;
	struct target *targets;
	struct targets *can;
	struct port {
		uint32_t ifindex;
		char refusal[TARGETS_TEXT_MAX]; /* why it does not transmit now, "" */
	} ports[SLUICE_TX_PORTS_MAX];		/* interfaces that are transmit ports */
	size_t port_count;
	struct sluice_addr source4, source6; /* of tunnels; zero: the route's */
};

static struct target_key make_key(const struct sluice_addr *addr, bool is_on_link_only)
{
	struct target_key key;

	memset(&key, 0, sizeof(key));
	key.addr = *addr;
	key.is_on_link_only = is_on_link_only;
	return key;
}

static struct port *find_port(struct nexthops *nexthops, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < nexthops->port_count; i++)
		if (nexthops->ports[i].ifindex == ifindex)
			return &nexthops->ports[i];
	return NULL;
}

static bool is_used(const struct nexthops *nexthops, uint32_t ifindex)
{
	const struct target *target, *tmp;

	HASH_ITER (hh, nexthops->targets, target, tmp)
		if (target->ifindex == ifindex)
			return true;
	return false;
}

static void remove_port(struct nexthops *nexthops, struct port *port)
{
	dp_bpf_tx_port_remove(nexthops->dp, port->ifindex);
	*port = nexthops->ports[--nexthops->port_count];
}

/* Of members that were removed: until there is need of it their last packets may want it. */
static void make_room(struct nexthops *nexthops)
{
	size_t i;

	for (i = 0; i < nexthops->port_count; i++) {
		if (is_used(nexthops, nexthops->ports[i].ifindex))
			continue;
		remove_port(nexthops, &nexthops->ports[i]);
		return;
	}
}

/* NULL with the reason. */
static struct port *add_port(struct nexthops *nexthops, uint32_t ifindex, struct err *e)
{
	struct port *port = find_port(nexthops, ifindex);

	if (port)
		return port;
	if (nexthops->port_count == SLUICE_TX_PORTS_MAX)
		make_room(nexthops);
	if (nexthops->port_count == SLUICE_TX_PORTS_MAX) {
		err_set(e, ERR_CAPACITY, "", "more than %d egress interfaces", SLUICE_TX_PORTS_MAX);
		return NULL;
	}
	if (dp_bpf_tx_port_add(nexthops->dp, ifindex, e))
		return NULL;
	port = &nexthops->ports[nexthops->port_count++];
	port->ifindex = ifindex;
	targets_can(nexthops->can, ifindex, port->refusal);
	return port;
}

/* An interface that went away loses its place; its number may come back as another device. */
static void drop_port(struct nexthops *nexthops, uint32_t ifindex)
{
	struct port *port = find_port(nexthops, ifindex);

	if (port && !is_used(nexthops, ifindex))
		remove_port(nexthops, port);
}

static void use_source(struct sluice_addr *source, const struct sluice_addr *configured)
{
	if (configured->d[0] | configured->d[1])
		*source = *configured;
}

/* What the resolver found, as far as the packet path can use it. The text is valid until its next turn. */
static struct answer find_answer(struct nexthops *nexthops, const struct target *target)
{
	struct answer told = {.text = ""};
	const struct port *port;

	told.state = resolver_answer(nexthops->resolver, &target->key.addr,
				     target->key.is_on_link_only, &told.nexthop, &told.text);
	if (told.state != NEXTHOP_RESOLVED)
		return told;
	port = find_port(nexthops, told.nexthop.ifindex);
	if (!port || port->refusal[0])
		return (struct answer){.state = NEXTHOP_FAILED,
				       .text = port ? port->refusal : util_text(target->no_port)};
	use_source(&told.nexthop.src4, &nexthops->source4);
	use_source(&told.nexthop.src6, &nexthops->source6);
	return told;
}

static void tell(struct nexthops *nexthops, const struct answer *told, uint64_t member_id)
{
	nexthops->fn(nexthops->arg, member_id, told->state, &told->nexthop, told->text);
}

static void judge(struct nexthops *nexthops, struct target *target)
{
	struct err e = {0};
	struct answer told;
	size_t i;

	if (target->ifindex && !add_port(nexthops, target->ifindex, &e))
		log_warning("nexthops", "interface %u cannot be a transmit port (%s)",
			    target->ifindex, e.text);
	util_set_text(&target->no_port, e.text);
	told = find_answer(nexthops, target);
	for (i = 0; i < target->member_count; i++)
		tell(nexthops, &told, target->members[i]);
}

static void on_answer(void *arg, const struct sluice_addr *addr, bool is_on_link_only,
		      enum nexthop_state state, const struct nexthop *nexthop, const char *text)
{
	struct target_key key = make_key(addr, is_on_link_only);
	struct nexthops *nexthops = arg;
	struct target *target;
	uint32_t old_ifindex;

	(void)text; /* find_answer() asks for it */
	HASH_FIND(hh, nexthops->targets, &key, sizeof(key), target);
	if (!target)
		return;
	old_ifindex = target->ifindex;
	target->ifindex = state == NEXTHOP_RESOLVED ? nexthop->ifindex : 0;
	judge(nexthops, target);
	if (old_ifindex && old_ifindex != target->ifindex)
		drop_port(nexthops, old_ifindex);
}

static void judge_port(struct nexthops *nexthops, const struct port *port)
{
	struct target *target, *tmp;

	HASH_ITER (hh, nexthops->targets, target, tmp)
		if (target->ifindex == port->ifindex)
			judge(nexthops, target);
}

void nexthops_tick(struct nexthops *nexthops)
{
	char before[TARGETS_TEXT_MAX];
	size_t i;

	for (i = 0; i < nexthops->port_count; i++) {
		struct port *port = &nexthops->ports[i];

		util_copy(before, sizeof(before), port->refusal);
		targets_can(nexthops->can, port->ifindex, port->refusal);
		if (strcmp(before, port->refusal))
			judge_port(nexthops, port);
	}
}

struct targets *nexthops_targets(struct nexthops *nexthops)
{
	return nexthops->can;
}

void nexthops_set_sources(struct nexthops *nexthops, const struct sluice_addr *source4,
			  const struct sluice_addr *source6)
{
	struct target *target, *tmp;

	nexthops->source4 = *source4;
	nexthops->source6 = *source6;
	HASH_ITER (hh, nexthops->targets, target, tmp)
		judge(nexthops, target);
}

void nexthops_use(struct nexthops *nexthops, struct dp_bpf *dp)
{
	nexthops->dp = dp;
}

int nexthops_new(nexthops_fn fn, void *arg, struct nexthops **ret_nexthops, struct err *e)
{
	struct nexthops *nexthops = util_alloc(sizeof(*nexthops));
	int r;

	nexthops->fn = fn;
	nexthops->arg = arg;
	nexthops->can = targets_new();
	r = resolver_new(on_answer, nexthops, &nexthops->resolver, e);
	if (r) {
		targets_free(nexthops->can);
		free(nexthops);
		return r;
	}
	*ret_nexthops = nexthops;
	return 0;
}

static void free_target(struct nexthops *nexthops, struct target *target)
{
	HASH_DEL(nexthops->targets, target);
	free(target->members);
	free(target->no_port);
	free(target);
}

void nexthops_free(struct nexthops *nexthops)
{
	struct target *target, *tmp;

	if (!nexthops)
		return;
	resolver_free(nexthops->resolver);
	targets_free(nexthops->can);
	HASH_ITER (hh, nexthops->targets, target, tmp)
		free_target(nexthops, target);
	free(nexthops);
}

struct resolver *nexthops_resolver(struct nexthops *nexthops)
{
	return nexthops->resolver;
}

static bool differs(const struct model_member *member, const struct answer *told)
{
	if (member->nexthop_state != told->state)
		return true;
	/* Padding that differs tells the model once more what it knows: harmless. */
	if (told->state == NEXTHOP_RESOLVED)
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		return memcmp(&member->nexthop, &told->nexthop, sizeof(told->nexthop));
	return strcmp(util_text(member->nexthop_text), told->text);
}

static void want(struct nexthops *nexthops, const struct model_member *member, bool is_on_link_only)
{
	struct target_key key = make_key(&member->addr, is_on_link_only);
	struct target *target;
	struct answer told;

	HASH_FIND(hh, nexthops->targets, &key, sizeof(key), target);
	if (!target) {
		target = util_alloc(sizeof(*target));
		target->key = key;
		HASH_ADD(hh, nexthops->targets, key, sizeof(target->key), target);
		resolver_want(nexthops->resolver, &member->addr, is_on_link_only);
	}
	target->is_wanted = true;
	target->members = util_grow(target->members, &target->member_capacity,
				    target->member_count + 1, sizeof(*target->members));
	target->members[target->member_count++] = member->id;
	told = find_answer(nexthops, target);
	if (differs(member, &told))
		tell(nexthops, &told, member->id);
}

void nexthops_follow(struct nexthops *nexthops, const struct model *model)
{
	struct target *target, *tmp;
	size_t s, p, m;

	HASH_ITER (hh, nexthops->targets, target, tmp) {
		target->is_wanted = false;
		target->member_count = 0;
	}
	for (s = 0; s < model_service_count(model); s++) {
		const struct model_service *service = model_service_at(model, s);

		for (p = 0; p < service->pool_count; p++)
			for (m = 0; m < service->pools[p].member_count; m++)
				want(nexthops, &service->pools[p].members[m],
				     service->pools[p].mode == SLUICE_MODE_L2);
	}
	HASH_ITER (hh, nexthops->targets, target, tmp) {
		if (target->is_wanted)
			continue;
		resolver_drop(nexthops->resolver, &target->key.addr, target->key.is_on_link_only);
		free_target(nexthops, target);
	}
}
