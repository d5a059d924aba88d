/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state/dropin.h"

#include <inttypes.h>
#include <string.h>

#include "base/addr.h"
#include "base/utf8.h"
#include "base/util.h"

struct writer {
	FILE *out;
	size_t count;
	/* Headings are written before the first thing that needs them. */
	bool has_services, has_service, has_pool, has_limits, has_lists, has_list;
	const struct service_config *service;
	const struct pool_config *pool;
};

static const struct service_config *service_config_of(const struct config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->service_count; i++)
		if (strcmp(config->services[i].name, name) == 0)
			return &config->services[i];
	return NULL;
}

/* Names are quoted: null, true and 1.0 are names, too. */
static void write_headings(struct writer *w)
{
	if (!w->has_services)
		fprintf(w->out, "services:\n");
	if (!w->has_service)
		fprintf(w->out, "  \"%s\":\n%s", w->service->name,
			w->service->has_pools ? "    pools:\n" : "");
	if (!w->has_pool && w->service->has_pools)
		fprintf(w->out, "      \"%s\":\n        members:\n", w->pool->name);
	else if (!w->has_pool)
		fprintf(w->out, "    members:\n");
	w->has_services = w->has_service = w->has_pool = true;
}

static void write_member(struct writer *w, const struct sluice_addr *addr, const uint32_t *weight,
			 const char *admin)
{
	char text[ADDR_TEXT_MAX];

	write_headings(w);
	w->count++;
	fprintf(w->out, "%s- {address: \"%s\"", w->service->has_pools ? "          " : "      ",
		addr_format(addr, text));
	if (weight)
		fprintf(w->out, ", weight: %" PRIu32, *weight);
	if (admin)
		fprintf(w->out, ", admin: %s", admin);
	fprintf(w->out, "}\n");
}

/* The position of the member; the count of members when it is not written. */
static size_t find_written(const struct pool_config *pool, const struct sluice_addr *addr)
{
	size_t i;

	for (i = 0; i < pool->member_count; i++)
		if (addr_equal(&pool->members[i].addr, addr))
			break;
	return i;
}

static void write_pool(struct writer *w, const struct model_pool *pool)
{
	size_t m;

	w->has_pool = false;
	for (m = 0; m < pool->member_count; m++) {
		const struct model_member *member = &pool->members[m];
		size_t at = find_written(w->pool, &member->addr);
		bool is_said = at < w->pool->member_count;
		enum admin_state admin = is_said ? w->pool->members[at].admin : ADMIN_READY;
		bool is_weight_new = !is_said || w->pool->members[at].weight != member->weight;

		if (member->name) /* only its name is for a file */
			continue;
		if (is_weight_new || admin != member->admin)
			write_member(w, &member->addr, is_weight_new ? &member->weight : NULL,
				     admin != member->admin || !is_said
					     ? model_admin_name(member->admin)
					     : NULL);
	}
	for (m = 0; m < w->pool->member_count; m++) {
		const struct sluice_addr *addr = &w->pool->members[m].addr;

		if (!w->pool->members[m].name &&
		    !model_find_member((struct model_pool *)pool, addr))
			write_member(w, addr, NULL, "absent");
	}
}

static void write_service(struct writer *w, const struct model_service *service)
{
	size_t p;

	w->has_service = false;
	for (p = 0; p < w->service->pool_count; p++) {
		const struct model_pool *pool =
			model_find_pool((struct model_service *)service, w->service->pools[p].name);

		w->pool = &w->service->pools[p];
		if (pool)
			write_pool(w, pool);
	}
}

static void write_limit(struct writer *w, const struct limit_config *config,
			const struct model_limit *limit)
{
	if (!limit || limit->config.mode == config->mode)
		return;
	if (!w->has_limits)
		fprintf(w->out, "limits:\n");
	w->has_limits = true;
	w->count++;
	fprintf(w->out, "  \"%s\": {mode: %s}\n", config->name,
		model_limit_mode_name(limit->config.mode));
}

/* Behind a #. What YAML takes for the end of a line, besides control characters, becomes spaces. */
static void write_comment(struct writer *w, const char *text)
{
	static const char *const ends[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	AUTO_FREE char *line = util_strdup(text);
	size_t i;
	char *at;

	utf8_clean(line);
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		while ((at = strstr(line, ends[i])))
			memset(at, ' ', strlen(ends[i]));
	fprintf(w->out, " # %s", line);
}

static void write_entry(struct writer *w, const char *list, const struct prefix_set *set,
			const struct prefix_entry *entry)
{
	char text[PREFIX_TEXT_MAX];

	if (!w->has_lists)
		fprintf(w->out, "lists:\n");
	if (!w->has_list)
		fprintf(w->out, "  \"%s\":\n    prefixes:\n", list);
	w->count += !w->has_list;
	w->has_lists = w->has_list = true;
	fprintf(w->out, "      - \"%s\"", prefix_format(&entry->prefix, text));
	if (*prefix_set_comment(set, entry))
		write_comment(w, prefix_set_comment(set, entry));
	fprintf(w->out, "\n");
}

static void write_list(struct writer *w, const struct list_config *config,
		       const struct model_list *list)
{
	struct prefix_set *all;
	size_t i;

	w->has_list = false;
	if (!list || list->action != config->action)
		return;
	all = prefix_set_merge(list->runtime, list->configured);
	for (i = 0; i < all->count; i++)
		if (!all->entries[i].expires_s &&
		    !prefix_set_find(config->prefixes, &all->entries[i].prefix))
			write_entry(w, config->name, all, &all->entries[i]);
	prefix_set_unref(all);
}

char *dropin_render(const struct model *model, bool is_active, const struct config *config,
		    size_t *ret_count)
{
	struct writer w = {0};
	size_t i, size;
	char *text;

	w.out = open_memstream(&text, &size);
	if (!w.out)
		abort();
	fprintf(w.out,
		"# Written by sluicectl save: what commands changed while running. Each save "
		"writes it anew.\nversion: 1\n");
	for (i = 0; i < model_service_count(model); i++) {
		const struct model_service *service = model_service_at(model, i);

		w.service = service_config_of(config, service->name);
		if (w.service)
			write_service(&w, service);
	}
	for (i = 0; i < config->limit_count; i++)
		write_limit(&w, &config->limits[i],
			    model_find_limit(model, config->limits[i].name));
	for (i = 0; i < config->list_count; i++)
		write_list(&w, &config->lists[i], model_find_list(model, config->lists[i].name));
	if (!is_active && !config->is_standby_first) {
		fprintf(w.out, "node: {start: standby}\n");
		w.count++;
	}
	fclose(w.out);
	*ret_count = w.count;
	return text;
}

static bool is_of_name(const struct model *model, const struct overlay_entry *entry)
{
	struct model_service *service = model_find_service(model, entry->service);
	struct model_pool *pool = service ? model_find_pool(service, entry->pool) : NULL;
	const struct model_member *member = pool ? model_find_member(pool, &entry->addr) : NULL;

	return member && member->name;
}

const char *dropin_rest(const struct model *model, const struct overlay_entry *entry, char *buffer,
			size_t size)
{
	struct overlay_entry rest = *entry;

	*buffer = '\0';
	if (entry->kind != OVERLAY_MEMBER_ADDED && entry->kind != OVERLAY_MEMBER_SET)
		return buffer;
	rest.kind = OVERLAY_MEMBER_SET;
	if (!is_of_name(model, entry)) {
		rest.weight_file = rest.weight;
		rest.admin_file = rest.admin;
	}
	return overlay_change(&rest, buffer, size);
}
