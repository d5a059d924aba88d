/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/nexthops.h"

#include <string.h>
#include <uthash.h>

#include <sluice/abi.h>

#include "base/log.h"

struct target_key {
	struct sluice_addr addr;
	uint32_t is_on_link_only;
};

struct target {
	struct target_key key;
	bool is_wanted;
	uint64_t *members;
	size_t member_count, member_capacity;
	enum nexthop_state state;
	struct nexthop nexthop;
	char text[96];
	UT_hash_handle hh;
};

struct nexthops {
	struct dp_bpf *dp;
	struct resolver *resolver;
	nexthops_fn fn;
	void *arg;
	struct target *targets;
	uint32_t ports[SLUICE_TX_PORTS_MAX]; /* interfaces that are transmit ports */
	size_t port_count;
};

static struct target_key make_key(const struct sluice_addr *addr, bool is_on_link_only)
{
	struct target_key key;

	memset(&key, 0, sizeof(key));
	key.addr = *addr;
	key.is_on_link_only = is_on_link_only;
	return key;
}

static bool add_port(struct nexthops *nexthops, uint32_t ifindex, struct err *e)
{
	size_t i;

	for (i = 0; i < nexthops->port_count; i++)
		if (nexthops->ports[i] == ifindex)
			return true;
	if (nexthops->port_count == SLUICE_TX_PORTS_MAX) {
		err_set(e, ERR_CAPACITY, "", "more than %d egress interfaces", SLUICE_TX_PORTS_MAX);
		return false;
	}
	if (dp_bpf_tx_port_add(nexthops->dp, ifindex, e))
		return false;
	nexthops->ports[nexthops->port_count++] = ifindex;
	return true;
}

/* An interface that went away loses its place; its number may come back as another device. */
static void drop_port(struct nexthops *nexthops, uint32_t ifindex)
{
	const struct target *target, *tmp;
	size_t i;

	HASH_ITER (hh, nexthops->targets, target, tmp)
		if (target->state == NEXTHOP_RESOLVED && target->nexthop.ifindex == ifindex)
			return;
	for (i = 0; i < nexthops->port_count; i++) {
		if (nexthops->ports[i] != ifindex)
			continue;
		dp_bpf_tx_port_remove(nexthops->dp, ifindex);
		nexthops->ports[i] = nexthops->ports[--nexthops->port_count];
		return;
	}
}

static void tell(struct nexthops *nexthops, const struct target *target, uint64_t member_id)
{
	nexthops->fn(nexthops->arg, member_id, target->state, &target->nexthop, target->text);
}

static void on_answer(void *arg, const struct sluice_addr *addr, bool is_on_link_only,
		      enum nexthop_state state, const struct nexthop *nexthop, const char *text)
{
	struct target_key key = make_key(addr, is_on_link_only);
	struct nexthops *nexthops = arg;
	struct target *target;
	uint32_t old_ifindex;
	struct err e = {0};
	size_t i;

	HASH_FIND(hh, nexthops->targets, &key, sizeof(key), target);
	if (!target)
		return;
	old_ifindex = target->state == NEXTHOP_RESOLVED ? target->nexthop.ifindex : 0;
	target->state = state;
	util_copy(target->text, sizeof(target->text), text ? text : "");
	memset(&target->nexthop, 0, sizeof(target->nexthop));
	if (state == NEXTHOP_RESOLVED && !add_port(nexthops, nexthop->ifindex, &e)) {
		log_warning("nexthops", "interface %u cannot be a transmit port (%s)",
			    nexthop->ifindex, e.text);
		target->state = NEXTHOP_FAILED;
		util_copy(target->text, sizeof(target->text), e.text);
	} else if (state == NEXTHOP_RESOLVED) {
		target->nexthop = *nexthop;
	}
	if (old_ifindex && old_ifindex != target->nexthop.ifindex)
		drop_port(nexthops, old_ifindex);
	for (i = 0; i < target->member_count; i++)
		tell(nexthops, target, target->members[i]);
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
	r = resolver_new(on_answer, nexthops, &nexthops->resolver, e);
	if (r) {
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
	free(target);
}

void nexthops_free(struct nexthops *nexthops)
{
	struct target *target, *tmp;

	if (!nexthops)
		return;
	resolver_free(nexthops->resolver);
	HASH_ITER (hh, nexthops->targets, target, tmp)
		free_target(nexthops, target);
	free(nexthops);
}

struct resolver *nexthops_resolver(struct nexthops *nexthops)
{
	return nexthops->resolver;
}

static bool differs(const struct model_member *member, const struct target *target)
{
	if (member->nexthop_state != target->state)
		return true;
	/* Padding that differs tells the model once more what it knows: harmless. */
	if (target->state == NEXTHOP_RESOLVED)
		/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
		return memcmp(&member->nexthop, &target->nexthop, sizeof(target->nexthop));
	return strcmp(member->nexthop_text, target->text);
}

static void want(struct nexthops *nexthops, const struct model_member *member, bool is_on_link_only)
{
	struct target_key key = make_key(&member->addr, is_on_link_only);
	struct target *target;

	HASH_FIND(hh, nexthops->targets, &key, sizeof(key), target);
	if (!target) {
		target = util_alloc(sizeof(*target));
		target->key = key;
		target->state = NEXTHOP_PENDING;
		HASH_ADD(hh, nexthops->targets, key, sizeof(target->key), target);
		resolver_want(nexthops->resolver, &member->addr, is_on_link_only);
	}
	target->is_wanted = true;
	target->members = util_grow(target->members, &target->member_capacity,
				    target->member_count + 1, sizeof(*target->members));
	target->members[target->member_count++] = member->id;
	if (differs(member, target))
		tell(nexthops, target, member->id);
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
