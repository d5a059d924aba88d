/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of the configuration. */
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "core/config_read.h"

static void read_exceptions(struct config_reader *r, yaml_node_t *value, struct limit_config *limit)
{
	yaml_node_t *node = config_find(r, value, "except", NULL);
	size_t mark, count;

	if (!node)
		return;
	mark = config_enter(r, "except");
	count = node->type == YAML_SEQUENCE_NODE
			? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start)
			: 0;
	if (node->type != YAML_SEQUENCE_NODE)
		err_hint(config_fail(r, node, ERR_INVALID, "must be a list of sections"),
			 "such as [{prefixes: [198.51.100.7], rate: 500/s}]");
	else if (count > LIMIT_EXCEPTIONS_MAX)
		config_fail(r, node, ERR_CAPACITY, "has %zu entries, more than %d", count,
			    LIMIT_EXCEPTIONS_MAX);
	else if (count)
		limit->exceptions = limit_exceptions_new(count);
	for (size_t i = 0; i < limit_exceptions_count(limit->exceptions); i++) {
		struct limit_exception *exception = &limit->exceptions->list[i];
		yaml_node_t *item = config_node(r, node->data.sequence.items.start[i]);
		size_t item_mark = config_enter_index(r, i);

		exception->line = config_line(item);
		if (config_may_go_on(r, item))
			config_read_section(r, CONFIG_SECTION_EXCEPTION, item, item, exception);
		config_leave(r, item_mark);
	}
	config_leave(r, mark);
}

void config_read_limit(struct config_reader *r, const char *name, yaml_node_t *key,
		       yaml_node_t *value, void *user)
{
	struct limit_config *limit = &r->config->limits[r->config->limit_count++];

	(void)user;
	config_schema_defaults(CONFIG_SECTION_LIMIT, limit);
	config_schema_defaults(CONFIG_SECTION_PER, limit);
	util_copy(limit->name, sizeof(limit->name), name);
	limit->line = config_line(key);
	if (config_find(r, value, "ban", NULL))
		config_schema_defaults(CONFIG_SECTION_BAN, &limit->ban);
	if (config_read_section(r, CONFIG_SECTION_LIMIT, value, key, limit))
		read_exceptions(r, value, limit);
}

/* ---- relations ------------------------------------------------------------------------------ */

/* What fits each thing that is counted. */
static const struct {
	const char *counts, *rate, *burst;
} EXAMPLES[SLUICE_COUNT_MAX] = {
	[SLUICE_COUNT_PACKETS] = {"packets", "10k/s, or 10k pkt/s", "20k"},
	[SLUICE_COUNT_NEW_CONNECTIONS] = {"new-connections", "50/s, or 50 conn/s", "200"},
	[SLUICE_COUNT_BYTES] = {"bytes", "25MB/s, or 200Mbit/s", "4MB"},
};

static void fail_unit(struct config_reader *r, enum sluice_limit_count count, int line,
		      const char *key, const char *text, const char *example)
{
	size_t mark = config_enter(r, key);
	struct err *e = config_fail_line(r, line, ERR_CONFLICT,
					 "%s does not count %s, which the limit does", text,
					 EXAMPLES[count].counts);

	err_hint(e, "write it like %s, or change count", example);
	config_leave(r, mark);
}

static void check_units(struct config_reader *r, enum sluice_limit_count count,
			const struct rate *rate, const struct amount *burst, int line)
{
	char text[RATE_TEXT_MAX];

	if (count == SLUICE_COUNT_NONE)
		return;
	if (rate->n && !rate_unit_fits(rate->unit, count))
		fail_unit(r, count, line, "rate", rate_format(rate, text), EXAMPLES[count].rate);
	if (burst->n && !rate_unit_fits(burst->unit, count))
		fail_unit(r, count, line, "burst", amount_format(burst, text),
			  EXAMPLES[count].burst);
}

/* A prefix of an exception, and where it is. */
struct excepted {
	const struct prefix_entry *entry;
	size_t exception;
};

static int compare_excepted(const void *a, const void *b)
{
	const struct excepted *x = a, *y = b;
	int order = prefix_compare(&x->entry->prefix, &y->entry->prefix);

	return order ? order : (x->exception > y->exception) - (x->exception < y->exception);
}

static void check_excepted(struct config_reader *r, const struct limit_config *limit,
			   const struct excepted *excepted, const struct excepted *previous)
{
	const struct prefix *prefix = &excepted->entry->prefix;
	bool is_v4 = addr_family(&prefix->addr) == SLUICE_FAMILY_V4;
	unsigned int per = is_v4 ? limit->prefix4 : limit->prefix6;
	size_t mark = config_enter(r, "except");
	char text[PREFIX_TEXT_MAX], where[256];
	int line = (int)excepted->entry->line;

	config_enter_index(r, excepted->exception);
	config_enter(r, "prefixes");
	if (prefix->length > per)
		err_hint(config_fail_line(r, line, ERR_INVALID,
					  "%s is a part of a source, which is a whole /%u here",
					  prefix_format(prefix, text), per),
			 "write a prefix of at most /%u, or per: {%s: %u}", per,
			 is_v4 ? "ipv4" : "ipv6", prefix->length);
	if (previous && !prefix_compare(&previous->entry->prefix, prefix))
		err_hint(config_fail_line(r, line, ERR_DUPLICATE, "%s has two rates",
					  prefix_format(prefix, text)),
			 "the other one is in %s; of different lengths the longest decides",
			 config_where(r->config, (int)previous->entry->line, where, sizeof(where)));
	config_leave(r, mark);
}

static void check_exceptions(struct config_reader *r, const struct limit_config *limit)
{
	AUTO_FREE struct excepted *list = NULL;
	size_t count = 0, filled = 0;

	for (size_t i = 0; i < limit_exceptions_count(limit->exceptions); i++) {
		const struct limit_exception *exception = &limit->exceptions->list[i];
		size_t mark = config_enter(r, "except");

		config_enter_index(r, i);
		check_units(r, limit->count, &exception->rate, &exception->burst, exception->line);
		config_leave(r, mark);
		count += prefix_set_count(exception->prefixes);
	}
	list = util_alloc_array(count + 1, sizeof(*list));
	for (size_t i = 0; i < limit_exceptions_count(limit->exceptions); i++) {
		const struct prefix_set *set = limit->exceptions->list[i].prefixes;

		for (size_t j = 0; j < prefix_set_count(set); j++)
			list[filled++] = (struct excepted){&set->entries[j], i};
	}
	qsort(list, filled, sizeof(*list), compare_excepted);
	for (size_t i = 0; i < filled; i++)
		check_excepted(r, limit, &list[i], i ? &list[i - 1] : NULL);
}

static void check_ban(struct config_reader *r, const struct limit_config *limit)
{
	size_t mark;

	if (!limit->ban.after || limit->ban.for_s <= limit->ban.max_s)
		return;
	mark = config_enter(r, "ban");
	config_enter(r, "for");
	err_hint(
		config_fail_line(r, limit->line, ERR_INVALID, "is %u s, longer than max, %u s",
				 limit->ban.for_s, limit->ban.max_s),
		"a source that somebody else spoofs is kept away as long: lower for, or raise max");
	config_leave(r, mark);
}

/* Limits of a scope as "a, b and c"; how many there are. */
static size_t name_limits(const struct config *config, enum limit_scope scope, char *buffer,
			  size_t size)
{
	size_t count = 0, length = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < config->limit_count; i++) {
		if (config->limits[i].scope != scope)
			continue;
		if (length < size)
			length += (size_t)snprintf(buffer + length, size - length, "%s%s",
						   count ? ", " : "", config->limits[i].name);
		count++;
	}
	return count;
}

static const struct limit_config *find_limit(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->limit_count; i++) {
		if (strcmp(config->limits[i].name, name) == 0)
			return &config->limits[i];
	}
	return NULL;
}

static void fail_scope(struct config_reader *r, const struct service_config *service,
		       const struct limit_config *limit)
{
	bool is_services = limit->scope == LIMIT_SCOPE_SERVICES;

	err_hint(config_fail_line(r, service->line, ERR_CONFLICT, "%s has scope %s", limit->name,
				  is_services ? "services" : "everything"),
		 is_services ? "it applies to each service by itself: remove it here"
			     : "it counts all packets by itself: remove it here");
}

/* Those that it names, and those that apply to every service. */
static void check_service_limits(struct config_reader *r, const struct service_config *service)
{
	size_t mark = config_enter(r, "services"), own = 0, all;
	char names[160], own_names[160] = "";

	config_enter(r, service->name);
	config_enter(r, "limits");
	for (; own < SLUICE_SERVICE_LIMITS_MAX && *service->limits[own]; own++) {
		const struct limit_config *limit = find_limit(r->config, service->limits[own]);
		size_t length = strlen(own_names);

		if (limit && limit->scope != LIMIT_SCOPE_SERVICE)
			fail_scope(r, service, limit);
		snprintf(own_names + length, sizeof(own_names) - length, "%s%s", own ? ", " : "",
			 service->limits[own]);
	}
	all = name_limits(r->config, LIMIT_SCOPE_SERVICES, names, sizeof(names));
	if (own + all > SLUICE_SERVICE_LIMITS_MAX)
		err_hint(config_fail_line(r, service->line, ERR_CAPACITY,
					  "has %zu limits: %s%s%s of scope services", own + all,
					  own_names, own ? ", and " : "", names),
			 "at most %d apply to a packet of a service", SLUICE_SERVICE_LIMITS_MAX);
	config_leave(r, mark);
}

static void check_scope(struct config_reader *r, const struct limit_config *limit)
{
	const struct config *config = r->config;
	size_t mark;

	if (limit->counts_replies && limit->scope != LIMIT_SCOPE_EVERYTHING) {
		mark = config_enter(r, "count_replies");
		err_hint(config_fail_line(r, limit->line, ERR_CONFLICT,
					  "is for a limit with scope everything"),
			 "what a service receives are no replies: remove the key");
		config_leave(r, mark);
	}
	if (limit->scope != LIMIT_SCOPE_EVERYTHING)
		return;
	mark = config_enter(r, "scope");
	if (!prefix_set_count(config->management))
		err_hint(config_fail_line(r, limit->line, ERR_INVALID,
					  "everything counts all packets, also those of your own "
					  "SSH, so it needs management.prefixes"),
			 "name the prefixes you administer this host from: management: "
			 "{prefixes: [10.0.0.0/24]}");
	config_leave(r, mark);
}

/* The packet path has room for so many of everything. */
static void check_everything(struct config_reader *r)
{
	const struct config *config = r->config;
	size_t mark = config_enter(r, "limits"), count;
	char names[160];

	count = name_limits(config, LIMIT_SCOPE_EVERYTHING, names, sizeof(names));
	if (count > SLUICE_SERVICE_LIMITS_MAX)
		err_hint(config_fail_line(r, 0, ERR_CAPACITY,
					  "%zu limits have scope everything: %s", count, names),
			 "at most %d can: give the others to services", SLUICE_SERVICE_LIMITS_MAX);
	config_leave(r, mark);
}

void config_check_limits(struct config_reader *r)
{
	const struct config *config = r->config;

	for (size_t i = 0; i < config->limit_count; i++) {
		const struct limit_config *limit = &config->limits[i];
		size_t mark = config_enter(r, "limits");

		config_enter(r, limit->name);
		check_units(r, limit->count, &limit->rate, &limit->burst, limit->line);
		check_scope(r, limit);
		check_exceptions(r, limit);
		check_ban(r, limit);
		config_leave(r, mark);
	}
	check_everything(r);
	for (size_t i = 0; i < config->service_count; i++)
		check_service_limits(r, &config->services[i]);
}

void config_check_ceiling(struct config_reader *r, yaml_node_t *mapping, const char *key,
			  const struct rate *rate)
{
	yaml_node_t *node = config_find(r, mapping, key, NULL);
	char text[RATE_TEXT_MAX];
	size_t mark;

	if (!node || !rate->n || rate_unit_fits(rate->unit, SLUICE_COUNT_NEW_CONNECTIONS))
		return;
	mark = config_enter(r, key);
	err_hint(config_fail(r, node, ERR_CONFLICT, "%s does not count new connections",
			     rate_format(rate, text)),
		 "write it like %s", EXAMPLES[SLUICE_COUNT_NEW_CONNECTIONS].rate);
	config_leave(r, mark);
}
