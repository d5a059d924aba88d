/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What no single key can know: relations between services, members and limits. Parts that were
 * not readable have an error already and are left out (address zero, mode none). Everything that
 * may be numerous is compared after sorting.
 */
#include "core/check_spec.h"
#include "core/config_read.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"

static const char *proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

static int compare_listen(const void *a, const void *b)
{
	const struct service_config *x = *(const struct service_config *const *)a;
	const struct service_config *y = *(const struct service_config *const *)b;
	int order = addr_compare(&x->addr, &y->addr);

	if (order == 0)
		order = (x->proto > y->proto) - (x->proto < y->proto);
	if (order == 0)
		order = (x->port > y->port) - (x->port < y->port);
	/* the file's order decides which of two is "the other" */
	return order ? order : (x->line > y->line) - (x->line < y->line);
}

static size_t enter_service(struct config_reader *r, const struct service_config *service)
{
	size_t mark = config_enter(r, "services");

	config_enter(r, service->name);
	return mark;
}

static const char *announce_name(enum announce announce)
{
	static const char *const names[ANNOUNCE_MAX] = {"none", "arp", "route"};

	return names[announce];
}

static void check_announce(struct config_reader *r, const struct service_config *first,
			   const struct service_config *service)
{
	char address[ADDR_TEXT_MAX];
	size_t mark;

	if (first->announce == service->announce)
		return;
	mark = enter_service(r, service);
	config_enter(r, "announce");
	err_hint(config_fail_line(r, service->line, ERR_CONFLICT,
				  "is %s here, but %s for service %s on the same address %s",
				  announce_name(service->announce), announce_name(first->announce),
				  first->name, addr_format(&service->addr, address)),
		 "an address is announced in one way: write the same for both");
	config_leave(r, mark);
}

/* The routes are for others to learn, not for this host to follow. */
static void check_routes(struct config_reader *r)
{
	enum { FIRST = 253, LAST = 255 }; /* rtnetlink(7) */
	static const char *const names[] = {"default", "main", "local"};
	uint32_t table = r->config->route_table;
	size_t mark;

	if (table < FIRST || table > LAST)
		return;
	mark = config_enter(r, "routes");
	config_enter(r, "table");
	err_hint(config_fail_line(r, 0, ERR_INVALID,
				  "%u is the table %s, which this host routes by", table,
				  names[table - FIRST]),
		 "a blackhole there would take effect: use a table that no rule points at, such as "
		 "201");
	config_leave(r, mark);
}

/* Two services on one address. */
static void check_neighbours(struct config_reader *r, const struct service_config *first,
			     const struct service_config *service)
{
	char address[ADDR_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX], where[256];
	bool is_mixed = first->mode && service->mode &&
			(first->mode == SLUICE_MODE_LOCAL) != (service->mode == SLUICE_MODE_LOCAL);
	size_t mark = enter_service(r, service);

	addr_format(&service->addr, address);
	if (is_mixed) {
		config_enter(r, "mode");
		err_hint(config_fail_line(r, service->line, ERR_CONFLICT,
					  "%s is mode %s, but service %s on the same address %s is "
					  "not",
					  service->name,
					  service->mode == SLUICE_MODE_LOCAL ? "local"
									     : "l2, ipip or gue",
					  first->name, address),
			 "an address is either this host's own or balanced: use another address");
	} else if (first->is_unknown_port_passed != service->is_unknown_port_passed) {
		config_enter(r, "unknown_port");
		err_hint(
			config_fail_line(r, service->line, ERR_CONFLICT,
					 "is %s here, but %s for service %s on the same address %s",
					 service->is_unknown_port_passed ? "pass" : "drop",
					 first->is_unknown_port_passed ? "pass" : "drop",
					 first->name, address),
			"it applies to the whole address: write the same for both");
	}
	config_leave(r, mark);
	if (!is_mixed)
		check_announce(r, first, service);
	if (first->proto != service->proto || first->port != service->port)
		return;
	mark = enter_service(r, service);
	config_enter(r, "listen");
	err_hint(config_fail_line(r, service->line, ERR_DUPLICATE, "%s %s%s is service %s already",
				  proto_name(service->proto),
				  addr_format_endpoint(&service->addr, service->port, endpoint),
				  service->port ? "" : " (all ports)", first->name),
		 "it is in %s", config_where(r->config, first->line, where, sizeof(where)));
	config_leave(r, mark);
}

/* Returns the services with an address, sorted by it. */
static const struct service_config **sort_services(struct config_reader *r, size_t *ret_count)
{
	const struct config *config = r->config;
	const struct service_config **sorted =
		util_alloc_array(config->service_count, sizeof(*sorted));
	size_t count = 0;

	for (size_t i = 0; i < config->service_count; i++) {
		if (config->services[i].proto)
			sorted[count++] = &config->services[i];
	}
	qsort(sorted, count, sizeof(*sorted), compare_listen);
	*ret_count = count;
	return sorted;
}

static const struct service_config *find_by_address(const struct service_config *const *sorted,
						    size_t count, const struct sluice_addr *addr)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_compare(&sorted[middle]->addr, addr) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && addr_equal(&sorted[low]->addr, addr) ? sorted[low] : NULL;
}

struct place { /* a member and where it is written */
	const struct member_config *member;
	const struct pool_config *pool;
	size_t position;
	size_t order; /* in the service */
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = addr_compare(&x->member->addr, &y->member->addr);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Enters services.NAME.members[N] or services.NAME.pools.POOL.members[N]. */
static size_t enter_member(struct config_reader *r, const struct service_config *service,
			   const struct place *place)
{
	size_t mark = enter_service(r, service);

	if (service->pool_count > 1 || strcmp(place->pool->name, "default") != 0 ||
	    place->pool->line != service->line) {
		config_enter(r, "pools");
		config_enter(r, place->pool->name);
	}
	config_enter(r, "members");
	config_enter_index(r, place->position);
	return mark;
}

static void check_member(struct config_reader *r, const struct service_config *service,
			 const struct place *place, const struct place *previous,
			 const struct service_config *owner)
{
	const struct member_config *member = place->member;
	size_t mark = enter_member(r, service, place);
	char text[ADDR_TEXT_MAX], where[256];

	addr_format(&member->addr, text);
	if (owner)
		err_hint(config_fail_line(r, member->line, ERR_CONFLICT,
					  "%s is the address of service %s", text, owner->name),
			 "a member is reached by an address of its own machine");
	if (place->pool->mode == SLUICE_MODE_L2 && service->proto &&
	    addr_family(&member->addr) != addr_family(&service->addr))
		err_hint(
			config_fail_line(r, member->line, ERR_INVALID,
					 "%s is not of the service's address family, which mode l2 "
					 "needs",
					 text),
			"use an %s address of the member, or mode ipip or gue",
			addr_family(&service->addr) == SLUICE_FAMILY_V4 ? "IPv4" : "IPv6");
	if (previous)
		err_hint(config_fail_line(r, member->line, ERR_DUPLICATE,
					  "%s is a member of this service already", text),
			 "it is in %s",
			 config_where(r->config, previous->member->line, where, sizeof(where)));
	config_leave(r, mark);
}

static void check_members(struct config_reader *r, const struct service_config *service,
			  const struct service_config *const *sorted, size_t sorted_count)
{
	AUTO_FREE struct place *places = NULL;
	size_t count = 0, filled = 0;

	for (size_t i = 0; i < service->pool_count; i++)
		count += service->pools[i].member_count;
	places = util_alloc_array(count, sizeof(*places));
	for (size_t i = 0; i < service->pool_count; i++) {
		const struct pool_config *pool = &service->pools[i];

		for (size_t j = 0; j < pool->member_count; j++) {
			static const struct sluice_addr NONE;

			if (addr_equal(&pool->members[j].addr, &NONE))
				continue;
			places[filled] = (struct place){&pool->members[j], pool, j, filled};
			filled++;
		}
	}
	qsort(places, filled, sizeof(*places), compare_places);
	for (size_t i = 0; i < filled; i++) {
		const struct sluice_addr *addr = &places[i].member->addr;
		bool is_repeated = i > 0 && addr_equal(&places[i - 1].member->addr, addr);

		check_member(r, service, &places[i], is_repeated ? &places[i - 1] : NULL,
			     find_by_address(sorted, sorted_count, addr));
	}
	/* a table gives each member at least 512 slots, as far as tables can grow */
	if (service->slots && service->slots < 1U << SLUICE_SLOTS_LOG2_MAX &&
	    count * SLUICE_SLOTS_PER_MEMBER > service->slots) {
		size_t mark = enter_service(r, service);

		config_enter(r, "slots");
		err_hint(config_fail_line(r, service->line, ERR_CAPACITY,
					  "%u slots are too few for %zu members", service->slots,
					  count),
			 "at least %u slots a member; without the key enough are chosen",
			 SLUICE_SLOTS_PER_MEMBER);
		config_leave(r, mark);
	}
}

static const struct check_config *find_portless(const struct pool_config *pool)
{
	for (uint32_t i = 0; pool->checks && i < pool->checks->count; i++) {
		const struct check_config *check = &pool->checks->list[i];

		if (!check->port && check->type != CHECK_NONE && check->type != CHECK_ICMP &&
		    check->type != CHECK_EXEC)
			return check;
	}
	return NULL;
}

static void check_one_service(struct config_reader *r, const struct service_config *service)
{
	size_t mark = enter_service(r, service);

	if (service->mode == SLUICE_MODE_LOCAL && service->proto && service->port == 0)
		err_hint(config_fail_line(r, service->line, ERR_INVALID,
					  "mode local with all ports would limit everything that "
					  "this host receives there, SSH too"),
			 "write the port of the server");
	for (size_t i = 0; service->proto && !service->port && i < service->pool_count; i++) {
		const struct check_config *check = find_portless(&service->pools[i]);

		if (!check)
			continue;
		err_hint(config_fail_line(r, service->pools[i].line, ERR_INVALID,
					  "a check by %s of a service with all ports needs a port",
					  check_type_name(check->type)),
			 "write check: {type: %s, port: N}, or check: none",
			 check_type_name(check->type));
		break;
	}
	config_leave(r, mark);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_limit_names(struct config_reader *r)
{
	const struct config *config = r->config;
	AUTO_FREE const char **names = util_alloc_array(config->limit_count, sizeof(*names));

	for (size_t i = 0; i < config->limit_count; i++)
		names[i] = config->limits[i].name;
	qsort(names, config->limit_count, sizeof(*names), compare_names);
	for (size_t i = 0; i < config->service_count; i++) {
		const struct service_config *service = &config->services[i];

		for (size_t j = 0; j < SLUICE_SERVICE_LIMITS_MAX && *service->limits[j]; j++) {
			const char *name = service->limits[j], *nearest;
			size_t mark;
			struct err *e;

			if (bsearch(&name, names, config->limit_count, sizeof(*names),
				    compare_names))
				continue;
			mark = enter_service(r, service);
			config_enter(r, "limits");
			e = config_fail_line(r, service->line, ERR_NOT_FOUND,
					     "there is no limit %s", name);
			nearest = util_nearest(name, names, config->limit_count);
			if (nearest)
				err_hint(e, "did you mean %s?", nearest);
			else
				err_hint(e, "define it under limits");
			config_leave(r, mark);
		}
	}
}

/* Times that only make sense together. */
static void check_flows(struct config_reader *r)
{
	const struct config *config = r->config;
	uint32_t pre_s = (config->flows.pre_ms + 999) / 1000;
	size_t mark;

	if (config->flows.refresh_s >= config->flows.closing_life_s ||
	    config->flows.refresh_s >= config->flows.overwrite_s) {
		mark = config_enter(r, "flows");
		config_enter(r, "refresh");
		err_hint(config_fail_line(r, 0, ERR_INVALID,
					  "is %u s, as long as what it dates: closing_life %u s, "
					  "overwrite %u s",
					  config->flows.refresh_s, config->flows.closing_life_s,
					  config->flows.overwrite_s),
			 "lower refresh: a connection's time is written at most so often");
		config_leave(r, mark);
	}
	for (size_t i = 0; i < config->service_count; i++) {
		const struct service_config *service = &config->services[i];

		if (service->mode == SLUICE_MODE_LOCAL ||
		    (service->learn_s > pre_s && service->learn_s > config->flows.refresh_s))
			continue;
		mark = enter_service(r, service);
		config_enter(r, "learn");
		err_hint(config_fail_line(r, service->line, ERR_INVALID,
					  "%u s is not longer than flows.pre (%u s) and "
					  "flows.refresh (%u s)",
					  service->learn_s, pre_s, config->flows.refresh_s),
			 "connections would be forgotten while they are learned: raise learn, or "
			 "lower the others");
		config_leave(r, mark);
	}
}

/* What the tables in the kernel must hold. */
static void check_capacity(struct config_reader *r)
{
	const struct config *config = r->config;
	uint64_t sources = 0, cells = 2ULL * config->service_count;
	size_t mark = config_enter(r, "capacity");

	for (size_t i = 0; i < config->limit_count; i++)
		sources += config->limits[i].sources;
	if (r->members >= config->capacity.members)
		err_hint(config_fail_line(r, 0, ERR_CAPACITY,
					  "members is %u, the services have %zu",
					  config->capacity.members, r->members),
			 "set capacity.members to more than that");
	if (sources > config->capacity.limit_sources)
		err_hint(config_fail_line(r, 0, ERR_CAPACITY,
					  "limit_sources is %u, the limits remember %llu",
					  config->capacity.limit_sources,
					  (unsigned long long)sources),
			 "raise capacity.limit_sources or lower sources of the limits");
	/* half full at most: a cell has two possible places */
	if (cells > config->capacity.service_cells)
		err_hint(config_fail_line(r, 0, ERR_CAPACITY,
					  "service_cells is %u, %zu services need at least %llu",
					  config->capacity.service_cells, config->service_count,
					  (unsigned long long)cells),
			 "raise capacity.service_cells");
	config_leave(r, mark);
}

void config_check_services(struct config_reader *r)
{
	AUTO_FREE const struct service_config **sorted = NULL;
	size_t count;

	sorted = sort_services(r, &count);
	for (size_t i = 1; i < count; i++) {
		if (addr_equal(&sorted[i - 1]->addr, &sorted[i]->addr))
			check_neighbours(r, sorted[i - 1], sorted[i]);
	}
	for (size_t i = 0; i < r->config->service_count; i++) {
		check_one_service(r, &r->config->services[i]);
		check_members(r, &r->config->services[i], sorted, count);
	}
	check_limit_names(r);
	check_routes(r);
	check_flows(r);
	check_capacity(r);
}
