/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/check_spec.h"
#include "core/config_merge.h"
#include "core/config_read.h"
#include "core/config_yaml.h"

static void read_root(struct config_reader *r)
{
	yaml_node_t *root = yaml_document_get_root_node(r->document), *node;
	struct config *config = r->config;
	size_t mark;

	config_schema_defaults(CONFIG_SECTION_ROOT, config);
	config_schema_defaults(CONFIG_SECTION_NODE, config);
	config_schema_defaults(CONFIG_SECTION_ROUTES, config);
	config_schema_defaults(CONFIG_SECTION_METRICS, config);
	config_schema_defaults(CONFIG_SECTION_CAPACITY, &config->capacity);
	config_schema_defaults(CONFIG_SECTION_FLOWS, &config->flows);
	if (!config_read_section(r, CONFIG_SECTION_ROOT, root, root, config))
		return;
	config->has_hash_seed = config_find(r, root, "hash_seed", NULL) != NULL;
	node = config_find(r, root, "services", NULL);
	if (node) {
		mark = config_enter(r, "services");
		config->services = util_alloc_array(config_count_named(node, CONFIG_SERVICES_MAX),
						    sizeof(*config->services));
		config_read_named(r, node, CONFIG_SERVICES_MAX, config_read_service, NULL);
		config_leave(r, mark);
	}
	node = config_find(r, root, "limits", NULL);
	if (node) {
		mark = config_enter(r, "limits");
		config->limits = util_alloc_array(config_count_named(node, CONFIG_LIMITS_MAX),
						  sizeof(*config->limits));
		config_read_named(r, node, CONFIG_LIMITS_MAX, config_read_limit, NULL);
		config_leave(r, mark);
	}
	node = config_find(r, root, "lists", NULL);
	if (node) {
		mark = config_enter(r, "lists");
		config->lists = util_alloc_array(config_count_named(node, CONFIG_LISTS_MAX),
						 sizeof(*config->lists));
		config_read_named(r, node, CONFIG_LISTS_MAX, config_read_list, NULL);
		config_leave(r, mark);
	}
	config_check_limits(r);
	config_check_services(r);
	config_check_lists(r);
}

void config_place(const struct config *config, struct err *e)
{
	size_t file = (size_t)e->line >> CONFIG_LINE_BITS;

	if (!config || !file)
		return;
	if (file < config->file_count)
		util_copy(e->file, sizeof(e->file), config->files[file]);
	e->line &= (1 << CONFIG_LINE_BITS) - 1;
}

void config_place_all(const struct config *config, struct errs *errors, size_t from)
{
	for (; from < errors->count; from++)
		config_place(config, &errors->list[from]);
}

const char *config_where(const struct config *config, int line, char *buffer, size_t size)
{
	struct err e = {.line = line};

	config_place(config, &e);
	snprintf(buffer, size, "line %d%s%s", e.line, e.file[0] ? " of " : "", e.file);
	return buffer;
}

/* In the order of the files and in them; errors without a line come last. */
static int compare_errors(const void *a, const void *b)
{
	const struct err *x = a, *y = b;
	int line_x = x->line ? x->line : INT32_MAX, line_y = y->line ? y->line : INT32_MAX;
	int order = strcmp(x->file, y->file);

	if (order)
		return order;
	if (line_x != line_y)
		return line_x < line_y ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return 0;
}

/* A later file onto what there is. Its mistakes get its name. */
static int load_later(const struct config_file *files, size_t i, yaml_document_t *document,
		      struct errs *errors)
{
	size_t before = errors->count;
	yaml_document_t later;
	int r = config_yaml_load(files[i].text, files[i].length, &later, errors);

	if (!r) {
		r = config_merge(document, &later, (unsigned int)i, errors);
		yaml_document_delete(&later);
	}
	for (; before < errors->count; before++)
		util_copy(errors->list[before].file, sizeof(errors->list[before].file),
			  files[i].path);
	return r;
}

static int load_files(const struct config_file *files, size_t count, yaml_document_t *ret_document,
		      struct errs *errors)
{
	int result = config_yaml_load(files[0].text, files[0].length, ret_document, errors);

	if (result)
		return result;
	config_merge_begin(ret_document);
	for (size_t i = 1; i < count; i++) {
		int r = load_later(files, i, ret_document, errors);

		result = result ? result : r;
	}
	if (result)
		yaml_document_delete(ret_document);
	return result;
}

int config_parse_files(const struct config_file *files, size_t count, struct config **ret_config,
		       struct errs *errors)
{
	struct config_reader r = {.errors = errors};
	size_t before = errors->count;
	yaml_document_t document;
	int result;

	assert(count > 0 && count <= CONFIG_FILES_MAX);
	result = load_files(files, count, &document, errors);
	if (result < 0)
		return result;
	r.document = &document;
	r.config = util_alloc(sizeof(*r.config));
	for (size_t i = 0; i < count; i++)
		r.config->files[r.config->file_count++] = util_strdup(files[i].path);
	read_root(&r);
	yaml_document_delete(&document);
	if (errors->count == before && r.unlisted == 0) {
		*ret_config = r.config;
		return 0;
	}
	config_free(r.config);
	qsort(errors->list + before, errors->count - before, sizeof(*errors->list), compare_errors);
	if (r.unlisted)
		errs_add(errors, ERR_INVALID, NULL, "%zu more mistakes are not listed", r.unlisted);
	return -EINVAL;
}

int config_parse(const char *yaml, size_t length, struct config **ret_config, struct errs *errors)
{
	struct config_file file = {.text = yaml, .length = length};

	return config_parse_files(&file, 1, ret_config, errors);
}

bool config_has_names(const struct config *config)
{
	for (size_t s = 0; s < config->service_count; s++)
		for (size_t p = 0; p < config->services[s].pool_count; p++)
			if (config->services[s].pools[p].names)
				return true;
	return false;
}

size_t config_member_count(const struct config *config)
{
	size_t count = 0;

	for (size_t s = 0; s < config->service_count; s++)
		for (size_t p = 0; p < config->services[s].pool_count; p++)
			count += config->services[s].pools[p].member_count;
	return count;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->file_count; i++)
		free(config->files[i]);
	for (size_t i = 0; i < config->interface_count; i++)
		free(config->interfaces[i]);
	for (size_t i = 0; i < config->service_count; i++) {
		struct service_config *service = &config->services[i];

		for (size_t j = 0; j < service->pool_count; j++) {
			check_set_unref(service->pools[j].checks);
			name_set_unref(service->pools[j].names);
			free(service->pools[j].members);
		}
		free(service->pools);
	}
	for (size_t i = 0; i < config->list_count; i++) {
		prefix_set_unref(config->lists[i].prefixes);
		prefix_set_unref(config->lists[i].written);
	}
	for (size_t i = 0; i < config->limit_count; i++)
		limit_exceptions_unref(config->limits[i].exceptions);
	prefix_set_unref(config->management);
	free(config->services);
	free(config->limits);
	free(config->lists);
	free(config);
}
