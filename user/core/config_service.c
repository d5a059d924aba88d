/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading one service: what it inherits to its pools comes first, then pools and members. */
#include "core/config_read.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "core/config_probe.h"

static void fail_address(struct config_reader *r, yaml_node_t *node, const char *text,
			 const char *problem, const char *hint)
{
	struct err *e = config_fail(r, node, ERR_INVALID,
				    "\"%.64s\" must be an IPv4 or IPv6 address, or a host name",
				    text);

	if (strstr(text, "{{"))
		err_hint(e, "this looks like a template that was not filled in");
	else if (strchr(text, '/'))
		err_hint(e, "members are single addresses, not prefixes");
	else
		err_hint(e, "as a name it %s%s%s", problem, hint ? ": " : "", hint ? hint : "");
}

/* "NAME", "NAME:PORT". False after an error. */
static bool read_member_name(struct config_reader *r, yaml_node_t *node, const char *text,
			     char name[HOST_NAME_MAX_LENGTH + 2], uint16_t *ret_port)
{
	const char *colon = strchr(text, ':'), *rest, *problem, *hint;
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	uint64_t port = 0;

	*ret_port = 0;
	if (length > HOST_NAME_MAX_LENGTH + 1) {
		fail_address(r, node, text, "has more than 253 characters", NULL);
		return false;
	}
	util_copy(name, length + 1, text);
	problem = host_name_problem(name, &hint);
	if (!problem && colon &&
	    (rate_parse_digits(colon + 1, &port, &rest) || *rest || !port || port > UINT16_MAX)) {
		problem = "has no port behind the colon";
		hint = NULL;
	}
	if (problem) {
		fail_address(r, node, text, problem, hint);
		return false;
	}
	*ret_port = (uint16_t)port;
	return true;
}

/* The address as the member's, or else the name; its port can only be the service's. */
static void read_member_address(struct config_reader *r, const struct service_config *service,
				yaml_node_t *node, struct named_member *named)
{
	const char *text = config_text(r, node, false);
	struct member_config *member = &named->member;
	struct sluice_addr addr;
	uint16_t port;

	if (!text)
		return;
	if (addr_parse_endpoint(text, &addr, &port) < 0 &&
	    !read_member_name(r, node, text, named->name, &port))
		return;
	if (port && service->proto && port != service->port) {
		err_hint(config_fail(r, node, ERR_INVALID,
				     "%s: the packet keeps its port in this mode, so the member's "
				     "port must be the service's, %u",
				     text, service->port),
			 "leave the port out, and let the member listen on the service's");
		return;
	}
	if (*named->name)
		return;
	if (!addr_is_routable_unicast(&addr)) {
		err_hint(config_fail(r, node, ERR_INVALID,
				     "%s: a member's address must be unicast and routable", text),
			 "loopback, link-local, multicast, broadcast and unspecified addresses "
			 "cannot be reached by other hosts");
		return;
	}
	member->addr = addr;
}

static void read_member(struct config_reader *r, const struct service_config *service,
			struct pool_config *pool, yaml_node_t *node, struct named_member *named)
{
	struct member_config *member = &named->member;
	struct check_config check;
	yaml_node_t *address;
	size_t mark;

	config_schema_defaults(CONFIG_SECTION_MEMBER, member);
	member->line = config_line(node);
	member->port = service->port;
	member->max_new = pool->max_new_per_member;
	if (node->type != YAML_MAPPING_NODE) {
		read_member_address(r, service, node, named);
		return;
	}
	if (!config_read_section(r, CONFIG_SECTION_MEMBER, node, node, member))
		return;
	config_check_ceiling(r, node, "max_new", &member->max_new);
	if (config_read_check(r, node, &check)) {
		config_settle_via(&check, pool->mode);
		member->check = check_set_add(pool->checks, &check);
	}
	address = config_find(r, node, "address", NULL);
	if (!address || !config_text(r, address, true))
		return; /* has its error already */
	mark = config_enter(r, "address");
	read_member_address(r, service, address, named);
	config_leave(r, mark);
}

static bool has_name(const struct pool_config *pool, const char *name)
{
	for (uint32_t i = 0; pool->names && i < pool->names->count; i++)
		if (strcasecmp(pool->names->list[i].name, name) == 0)
			return true;
	return false;
}

/* With an address among the members, with a name among the names, or nowhere when it is absent. */
static void add_member(struct config_reader *r, struct pool_config *pool, yaml_node_t *item,
		       const struct named_member *named)
{
	if (named->member.admin == (enum admin_state)CONFIG_ADMIN_ABSENT)
		return;
	if (!*named->name) {
		pool->members[pool->member_count++] = named->member;
		pool->written_count = pool->member_count;
		return;
	}
	if (has_name(pool, named->name)) {
		err_hint(config_fail(r, item, ERR_DUPLICATE, "%.64s is in this pool already",
				     named->name),
			 "once is enough: all its addresses are members");
		return;
	}
	if (++r->names > CONFIG_NAMES_MAX) {
		config_fail(r, item, ERR_CAPACITY, "more than %u members are host names",
			    CONFIG_NAMES_MAX);
		return;
	}
	if (!pool->names)
		pool->names = name_set_new();
	*name_set_add(pool->names) = *named;
}

static void read_members(struct config_reader *r, const struct service_config *service,
			 yaml_node_t *mapping, struct pool_config *pool)
{
	yaml_node_t *node = config_find(r, mapping, "members", NULL);
	size_t count, mark;

	if (!node)
		return;
	mark = config_enter(r, "members");
	if (node->type != YAML_SEQUENCE_NODE) {
		err_hint(config_fail(r, node, ERR_INVALID, "must be a list of addresses"),
			 "such as [192.0.2.21, 192.0.2.22]; [] if there are none");
		config_leave(r, mark);
		return;
	}
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	r->members += count;
	if (r->members > CONFIG_MEMBERS_MAX) {
		config_fail(r, node, ERR_CAPACITY,
			    "makes %zu members of all services, more than %u", r->members,
			    CONFIG_MEMBERS_MAX);
		r->members -= count;
		config_leave(r, mark);
		return;
	}
	pool->members = util_alloc_array(count, sizeof(*pool->members));
	pool->member_capacity = count;
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *item = config_node(r, node->data.sequence.items.start[i]);
		size_t item_mark = config_enter_index(r, i);

		if (config_may_go_on(r, item)) {
			struct named_member named = {0};

			read_member(r, service, pool, item, &named);
			add_member(r, pool, item, &named);
		}
		config_leave(r, item_mark);
	}
	config_leave(r, mark);
}

#define NOT_GUE "is for mode gue, which carries packets to the members in UDP"

static void refuse_key(struct config_reader *r, yaml_node_t *value, const char *name,
		       const char *what, const char *hint)
{
	yaml_node_t *key = NULL;
	size_t mark;

	if (!config_find(r, value, name, &key))
		return;
	mark = config_enter(r, name);
	err_hint(config_fail(r, key, ERR_INVALID, "%s", what), "%s", hint);
	config_leave(r, mark);
}

struct pool_context {
	struct service_config *service;
	struct check_config check; /* the service's */
};

static struct pool_config *add_pool(struct pool_context *context, const char *name, int line)
{
	struct pool_config *pool = &context->service->pools[context->service->pool_count++];

	config_schema_defaults(CONFIG_SECTION_POOL, pool);
	util_copy(pool->name, sizeof(pool->name), name);
	pool->mode = context->service->mode;
	pool->gue_port = context->service->gue_port;
	pool->max_new_per_member = context->service->max_new_per_member;
	pool->circuit = context->service->circuit;
	pool->line = line;
	return pool;
}

/* Its own, or a copy of the service's. */
static void set_check(struct pool_config *pool, const struct check_config *check)
{
	pool->check = *check;
	config_settle_via(&pool->check, pool->mode);
	pool->checks = check_set_new();
	check_set_add(pool->checks, &pool->check);
}

/* Where no packets go through UDP, a port is a mistake about the mode. */
static void settle_gue_port(struct config_reader *r, yaml_node_t *value, struct pool_config *pool)
{
	if (pool->mode == SLUICE_MODE_GUE)
		return;
	pool->gue_port = 0;
	if (value)
		refuse_key(r, value, "gue_port", NOT_GUE, "write mode: gue, or remove the key");
}

static void read_pool(struct config_reader *r, const char *name, yaml_node_t *key,
		      yaml_node_t *value, void *user)
{
	struct pool_context *context = user;
	struct pool_config *pool = add_pool(context, name, config_line(key));
	struct check_config check;

	if (!config_read_section(r, CONFIG_SECTION_POOL, value, key, pool))
		return;
	settle_gue_port(r, value, pool);
	config_check_ceiling(r, value, "max_new_per_member", &pool->max_new_per_member);
	if (!config_read_check(r, value, &check))
		check = config_copy_check(&context->check);
	set_check(pool, &check);
	config_check_circuit(r, value, &pool->circuit, &pool->check);
	read_members(r, context->service, value, pool);
}

static void read_pools(struct config_reader *r, yaml_node_t *key, yaml_node_t *node,
		       struct pool_context *context)
{
	struct service_config *service = context->service;
	size_t mark = config_enter(r, "pools"), count = config_count_named(node, CONFIG_POOLS_MAX);

	service->pools = util_alloc_array(count, sizeof(*service->pools));
	config_read_named(r, node, CONFIG_POOLS_MAX, read_pool, context);
	if (node->type == YAML_MAPPING_NODE && count == 0)
		err_hint(config_fail(r, key, ERR_INVALID, "names no pool"),
			 "write members: [] for a service without members");
	config_leave(r, mark);
}

/* A local service has nothing to choose from, the others have members or pools. */
static void read_targets(struct config_reader *r, yaml_node_t *key, yaml_node_t *value,
			 struct pool_context *context)
{
	static const char *const KEYS[] = {"members", "pools", "check"};
	struct service_config *service = context->service;
	yaml_node_t *keys[ARRAY_SIZE(KEYS)] = {}, *pools = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(KEYS); i++) {
		yaml_node_t *node = config_find(r, value, KEYS[i], &keys[i]);
		size_t mark = config_enter(r, KEYS[i]);

		if (i == 1)
			pools = node;
		if (keys[i] && service->mode == SLUICE_MODE_LOCAL)
			err_hint(config_fail(r, keys[i], ERR_INVALID,
					     "a service in mode local has no %s", KEYS[i]),
				 "its packets go to this host's own stack: remove the key, or use "
				 "mode l2, ipip or gue");
		config_leave(r, mark);
	}
	if (service->mode == SLUICE_MODE_LOCAL)
		return;
	if (keys[0] && keys[1])
		err_hint(config_fail(r, keys[1], ERR_INVALID, "has both members and pools"),
			 "move the members into a pool");
	if (!keys[0] && !keys[1])
		err_hint(config_fail(r, key, ERR_INVALID, "has neither members nor pools"),
			 "list its members; write members: [] if it shall have none");
	if (keys[1]) {
		service->has_pools = true;
		read_pools(r, keys[1], pools, context);
	} else if (keys[0]) {
		struct check_config check = config_copy_check(&context->check);
		struct pool_config *pool;

		service->pools = util_alloc_array(1, sizeof(*service->pools));
		pool = add_pool(context, "default", service->line);
		settle_gue_port(r, NULL, pool);
		set_check(pool, &check);
		read_members(r, service, value, pool);
	}
}

/* The node's choice holds for services without one; of a local address the stack answers ARP. */
static void read_announce(struct config_reader *r, yaml_node_t *value,
			  struct service_config *service)
{
	yaml_node_t *key = NULL;
	size_t mark;

	if (!config_find(r, value, "announce", &key))
		service->announce = r->config->announce;
	if (service->announce != ANNOUNCE_ROUTE && service->is_withdrawn_when_down)
		refuse_key(r, value, "on_down", "withdraws routes, and this service has none",
			   "announce: route, or remove the key");
	if (service->mode != SLUICE_MODE_LOCAL || service->announce != ANNOUNCE_ARP)
		return;
	service->announce = ANNOUNCE_NONE;
	if (!key)
		return;
	mark = config_enter(r, "announce");
	err_hint(config_fail(r, key, ERR_INVALID, "arp is not for a service in mode local"),
		 "its address is this host's own, which answers for it: remove the key");
	config_leave(r, mark);
}

static bool is_pool(const struct service_config *service, const char *name)
{
	for (size_t i = 0; i < service->pool_count; i++)
		if (strcmp(service->pools[i].name, name) == 0)
			return true;
	return false;
}

static void fail_fallback(struct config_reader *r, yaml_node_t *key,
			  const struct service_config *service)
{
	const char *names[CONFIG_POOLS_MAX], *nearest;
	struct err *e;

	if (!service->has_pools) {
		err_hint(config_fail(r, key, ERR_INVALID, "needs several pools"),
			 "write pools instead of members, one of them for the fallback");
		return;
	}
	e = config_fail(r, key, ERR_NOT_FOUND, "there is no pool %s in this service",
			service->fallback);
	for (size_t i = 0; i < service->pool_count; i++)
		names[i] = service->pools[i].name;
	nearest = util_nearest(service->fallback, names, service->pool_count);
	if (nearest)
		err_hint(e, "did you mean %s?", nearest);
	else
		err_hint(e, "name one of its pools");
}

/* Who serves when too few do. */
static void check_fallback(struct config_reader *r, yaml_node_t *value,
			   struct service_config *service)
{
	yaml_node_t *key = NULL;
	size_t mark, members = 0;

	if (service->mode == SLUICE_MODE_LOCAL)
		return;
	mark = config_enter(r, "fallback");
	if (config_find(r, value, "fallback", &key) && *service->fallback) {
		if (!service->has_pools || !is_pool(service, service->fallback))
			fail_fallback(r, key, service);
		else if (service->pool_count < 2)
			err_hint(config_fail(r, key, ERR_INVALID, "%s is the service's only pool",
					     service->fallback),
				 "it would be the fallback of nothing: remove the key");
	}
	config_leave(r, mark);
	for (size_t i = 0; i < service->pool_count; i++) {
		struct pool_config *pool = &service->pools[i];

		if (strcmp(pool->name, service->fallback) == 0)
			pool->share =
				MAX(pool->share, 1); /* alone when it serves, whatever it is */
		else
			members += pool->names ? CONFIG_MEMBERS_MAX : pool->member_count;
	}
	if (!config_find(r, value, "min_healthy", &key) || service->min_healthy <= MAX(members, 1))
		return;
	mark = config_enter(r, "min_healthy");
	err_hint(config_fail(r, key, ERR_INVALID, "is %u, but only %zu members could serve",
			     service->min_healthy, members),
		 "it would always be a panic: lower it, or add members");
	config_leave(r, mark);
}

/* How flows are kept at their members: what fits the protocol. */
static void read_affinity(struct config_reader *r, yaml_node_t *value,
			  struct service_config *service)
{
	static const char *const KEYS[] = {
		"affinity", "learn",	   "idle",  "window",	"slow_start", "max_new_per_member",
		"circuit",  "min_healthy", "panic", "fallback", "on_down"};
	bool is_set = config_find(r, value, "affinity", NULL) != NULL;

	if (service->mode == SLUICE_MODE_LOCAL) {
		for (size_t i = 0; i < ARRAY_SIZE(KEYS); i++)
			refuse_key(r, value, KEYS[i], "is not for a service in mode local",
				   "it has no members that get flows: remove the key");
		service->affinity = AFFINITY_HASH;
		return;
	}
	/* What moves from one pool to another shall do so client by client. */
	if (!is_set && service->pool_count > 1)
		service->affinity = AFFINITY_SOURCE;
	if (service->proto == IPPROTO_TCP &&
	    (service->affinity == AFFINITY_TRACK || service->affinity == AFFINITY_WINDOW)) {
		refuse_key(r, value, "affinity", "track and window are for udp",
			   "connections of tcp are kept without: remove the key, or write source");
		service->affinity = AFFINITY_HASH;
	}
}

/* The other ports of a local address are this host's own: SSH must not end there, nor answers to
 * its own connections, nor ICMP. */
static void check_unknown_port(struct config_reader *r, yaml_node_t *value,
			       struct service_config *service)
{
	yaml_node_t *key = NULL;
	size_t mark;

	if (service->mode != SLUICE_MODE_LOCAL || service->is_unknown_port_passed)
		return;
	service->is_unknown_port_passed = true;
	if (!config_find(r, value, "unknown_port", &key))
		return;
	mark = config_enter(r, "unknown_port");
	err_hint(config_fail(r, key, ERR_INVALID,
			     "drop would cut this host off: in mode local all other ports of the "
			     "address are its own, those of its connections too"),
		 "remove the key; what else shall be refused is for a firewall");
	config_leave(r, mark);
}

/* The service's is for its pools, of which one at least must be able to use it. */
static void check_gue_port(struct config_reader *r, yaml_node_t *value,
			   const struct service_config *service)
{
	size_t i;

	if (service->mode == SLUICE_MODE_GUE || service->mode == SLUICE_MODE_NONE)
		return;
	for (i = 0; i < service->pool_count; i++)
		if (service->pools[i].mode == SLUICE_MODE_GUE)
			return;
	refuse_key(r, value, "gue_port", NOT_GUE, "write mode: gue, or remove the key");
}

void config_read_service(struct config_reader *r, const char *name, yaml_node_t *key,
			 yaml_node_t *value, void *user)
{
	struct service_config *service = &r->config->services[r->config->service_count++];
	struct pool_context context = {.service = service};

	(void)user;
	config_schema_defaults(CONFIG_SECTION_SERVICE, service);
	config_schema_defaults(CONFIG_SECTION_CIRCUIT, &service->circuit);
	util_copy(service->name, sizeof(service->name), name);
	service->line = config_line(key);
	if (!config_read_section(r, CONFIG_SECTION_SERVICE, value, key, service))
		return;
	check_unknown_port(r, value, service);
	read_announce(r, value, service);
	config_check_ceiling(r, value, "max_new", &service->max_new);
	config_check_ceiling(r, value, "max_new_per_member", &service->max_new_per_member);
	if (service->mode == SLUICE_MODE_LOCAL || !config_read_check(r, value, &context.check))
		context.check = config_default_check(service->proto);
	config_check_circuit(r, value, &service->circuit,
			     config_find(r, value, "pools", NULL) ? NULL : &context.check);
	read_targets(r, key, value, &context);
	free((void *)context.check.spec);
	check_gue_port(r, value, service);
	check_fallback(r, value, service);
	read_affinity(r, value, service);
}
