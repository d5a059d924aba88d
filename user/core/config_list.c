/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Access lists and what refers to them; prefixes from the configuration and from files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_read.h"

const char *list_action_name(enum list_action action)
{
	static const char *const NAMES[LIST_ACTION_MAX] = {"none", "deny", "exempt", "allow"};

	return (unsigned int)action < LIST_ACTION_MAX ? NAMES[action] : "?";
}

void config_read_prefixes(struct config_reader *r, const struct config_field *field,
			  yaml_node_t *node, void *base)
{
	size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	AUTO_FREE struct prefix_entry *entries = NULL;
	struct prefix_set **set = (struct prefix_set **)((char *)base + field->offset);
	size_t filled = 0;

	count = MIN(count, (size_t)field->max);
	entries = util_alloc_array(count + 1, sizeof(*entries));
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *item = config_node(r, node->data.sequence.items.start[i]);
		size_t mark = config_enter_index(r, i);
		const char *text = config_text(r, item, false);
		struct err e;

		if (text && config_may_go_on(r, item)) {
			entries[filled].line = (uint32_t)config_line(item);
			if (prefix_parse(text, strlen(text), &entries[filled].prefix, &e) == 0)
				filled++;
			else
				err_hint(config_fail(r, item, e.code, "%s", e.text), "%s", e.hint);
		}
		config_leave(r, mark);
	}
	prefix_set_unref(*set);
	*set = prefix_set_new(entries, filled, NULL, 0);
}

void config_read_list(struct config_reader *r, const char *name, yaml_node_t *key,
		      yaml_node_t *value, void *user)
{
	struct list_config *list = &r->config->lists[r->config->list_count++];

	(void)user;
	config_schema_defaults(CONFIG_SECTION_LIST, list);
	util_copy(list->name, sizeof(list->name), name);
	list->line = config_line(key);
	config_read_section(r, CONFIG_SECTION_LIST, value, key, list);
	list->written = prefix_set_ref(list->prefixes);
}

/* ---- relations ------------------------------------------------------------------------------ */

static const struct list_config *find_list(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->list_count; i++) {
		if (strcmp(config->lists[i].name, name) == 0)
			return &config->lists[i];
	}
	return NULL;
}

static void fail_no_list(struct config_reader *r, const struct service_config *service,
			 const char *name)
{
	const struct config *config = r->config;
	AUTO_FREE const char **names = util_alloc_array(config->list_count, sizeof(*names));
	struct err *e =
		config_fail_line(r, service->line, ERR_NOT_FOUND, "there is no list %s", name);
	const char *nearest;

	for (size_t i = 0; i < config->list_count; i++)
		names[i] = config->lists[i].name;
	nearest = util_nearest(name, names, config->list_count);
	if (nearest)
		err_hint(e, "did you mean %s?", nearest);
	else
		err_hint(e, "define it under lists, with action: allow");
}

static void check_allow(struct config_reader *r, const struct service_config *service)
{
	size_t mark = config_enter(r, "services");

	config_enter(r, service->name);
	config_enter(r, "allow");
	for (size_t i = 0; i < SLUICE_SERVICE_ALLOW_MAX && *service->allow[i]; i++) {
		const struct list_config *list = find_list(r->config, service->allow[i]);

		if (!list)
			fail_no_list(r, service, service->allow[i]);
		else if (list->action && list->action != LIST_ALLOW)
			err_hint(config_fail_line(r, service->line, ERR_CONFLICT,
						  "list %s has action %s", list->name,
						  list_action_name(list->action)),
				 "a service names lists with action: allow; deny and exempt hold "
				 "for all packets by themselves");
	}
	config_leave(r, mark);
}

void config_check_lists(struct config_reader *r)
{
	const struct config *config = r->config;

	for (size_t i = 0; i < config->service_count; i++)
		check_allow(r, &config->services[i]);
	for (size_t i = 0; i < config->list_count; i++) {
		const struct list_config *list = &config->lists[i];
		size_t mark = config_enter(r, "lists");

		config_enter(r, list->name);
		if (list->action == LIST_DENY && !prefix_set_count(config->management))
			err_hint(
				config_fail_line(r, list->line, ERR_INVALID,
						 "a deny list holds for all packets, also for your "
						 "own SSH, so it needs management.prefixes"),
				"name the prefixes you administer this host from: management: "
				"{prefixes: [10.0.0.0/24]}");
		config_leave(r, mark);
	}
}

/* ---- files ---------------------------------------------------------------------------------- */

int config_take_list(struct list_config *list, const char *text, size_t length, struct errs *errors)
{
	struct prefix_set *set = NULL, *both;
	struct errs mistakes = {};
	char path[100];
	int r;

	snprintf(path, sizeof(path), "lists.%s.file", list->name);
	r = prefix_set_parse(text, length, NULL, 0, &set, &mistakes);
	for (size_t i = 0; i < mistakes.count; i++) {
		const struct err *m = &mistakes.list[i];
		struct err *e;

		if (m->line)
			e = errs_add(errors, m->code, path, "%s line %d: %.120s", list->file,
				     m->line, m->text);
		else
			e = errs_add(errors, m->code, path, "%s: %.120s", list->file, m->text);
		e->line = list->line;
		err_hint(e, "%s", m->hint);
	}
	errs_done(&mistakes);
	if (r < 0)
		return r;
	both = prefix_set_count(list->prefixes) ? prefix_set_merge(set, list->prefixes)
						: prefix_set_ref(set);
	prefix_set_unref(set);
	prefix_set_unref(list->prefixes);
	list->prefixes = both;
	return 0;
}

int config_load_list(struct list_config *list, config_read_file_fn read, struct errs *errors)
{
	AUTO_FREE char *text = NULL;
	char path[100];
	size_t length;
	int r = read(list->file, PREFIX_SET_BYTES_MAX, &text, &length);

	if (r == 0)
		return config_take_list(list, text, length, errors);
	snprintf(path, sizeof(path), "lists.%s.file", list->name);
	errs_add(errors, ERR_INVALID, path, "cannot read %s: %s", list->file, util_read_error(r))
		->line = list->line;
	return r;
}

int config_load_lists(struct config *config, config_read_file_fn read, struct errs *errors)
{
	int result = 0;

	for (size_t i = 0; i < config->list_count; i++) {
		int r = *config->lists[i].file ? config_load_list(&config->lists[i], read, errors)
					       : 0;

		if (r < 0)
			result = r;
	}
	return result;
}
