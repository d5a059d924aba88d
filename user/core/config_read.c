/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/config_read.h"

#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/config_merge.h"
#include "core/config_probe.h"

size_t config_enter(struct config_reader *r, const char *key)
{
	size_t mark = r->path_length;
	int n = snprintf(r->path + mark, sizeof(r->path) - mark, "%s%s", mark ? "." : "", key);

	r->path_length = MIN(mark + (size_t)n, sizeof(r->path) - 1);
	return mark;
}

size_t config_enter_index(struct config_reader *r, size_t index)
{
	size_t mark = r->path_length;
	int n = snprintf(r->path + mark, sizeof(r->path) - mark, "[%zu]", index);

	r->path_length = MIN(mark + (size_t)n, sizeof(r->path) - 1);
	return mark;
}

void config_leave(struct config_reader *r, size_t mark)
{
	r->path_length = mark;
	r->path[mark] = '\0';
}

/* Where the next error goes: into the list, or past its bound. */
static struct err *new_error(struct config_reader *r, enum err_code code, int line, int column)
{
	struct err *e = &r->spare;

	if (r->errors->count < CONFIG_ERRORS_MAX)
		e = errs_add(r->errors, code, r->path, "%s", "");
	else
		r->unlisted++;
	e->line = line;
	config_place(r->config, e);
	e->column = column;
	return e;
}

struct err *config_fail(struct config_reader *r, const yaml_node_t *node, enum err_code code,
			const char *fmt, ...)
{
	struct err *e = new_error(r, code, node ? config_line(node) : 0,
				  node ? (int)node->start_mark.column + 1 : 0);
	va_list args;

	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return e;
}

struct err *config_fail_line(struct config_reader *r, int line, enum err_code code, const char *fmt,
			     ...)
{
	struct err *e = new_error(r, code, line, 0);
	va_list args;

	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
	return e;
}

int config_line(const yaml_node_t *node)
{
	return (int)(config_merge_file(node) << CONFIG_LINE_BITS | (node->start_mark.line + 1));
}

yaml_node_t *config_node(struct config_reader *r, yaml_node_item_t id)
{
	return yaml_document_get_node(r->document, id);
}

yaml_node_t *config_find(struct config_reader *r, yaml_node_t *mapping, const char *key,
			 yaml_node_t **ret_key)
{
	if (mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	     pair < mapping->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = config_node(r, pair->key);
		const char *text = config_text(r, node, true);

		if (!text || strcmp(text, key) != 0)
			continue;
		if (ret_key)
			*ret_key = node;
		return config_node(r, pair->value);
	}
	return NULL;
}

static bool is_null(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (*text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

/* {{ name }} reads as a mapping whose key is a mapping. */
static bool is_template(struct config_reader *r, const yaml_node_t *node)
{
	yaml_node_pair_t *pair;

	if (node->type == YAML_SCALAR_NODE)
		return strstr((const char *)node->data.scalar.value, "{{") != NULL;
	if (node->type != YAML_MAPPING_NODE)
		return false;
	pair = node->data.mapping.pairs.start;
	return pair < node->data.mapping.pairs.top &&
	       config_node(r, pair->key)->type == YAML_MAPPING_NODE;
}

static const char *kind_of(const yaml_node_t *node)
{
	if (node->type == YAML_SCALAR_NODE)
		return is_null(node) ? "nothing" : "a single value";
	return node->type == YAML_MAPPING_NODE ? "a section" : "a list";
}

static void hint_template(struct config_reader *r, const yaml_node_t *node, struct err *e)
{
	if (is_template(r, node))
		err_hint(e, "this looks like a template that was not filled in");
}

const char *config_text(struct config_reader *r, yaml_node_t *node, bool is_quiet)
{
	const char *text;
	struct err *e;

	if (node->type != YAML_SCALAR_NODE) {
		if (is_quiet)
			return NULL;
		e = config_fail(r, node, ERR_INVALID, "must be one value, is %s", kind_of(node));
		hint_template(r, node, e);
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	if (!is_null(node) && strlen(text) == node->data.scalar.length)
		return text;
	if (!is_quiet)
		config_fail(r, node, ERR_INVALID,
			    is_null(node) ? "has no value" : "contains a zero byte");
	return NULL;
}

bool config_may_go_on(struct config_reader *r, yaml_node_t *node)
{
	if (r->values >= CONFIG_VALUES_MAX)
		return false;
	if (++r->values == CONFIG_VALUES_MAX)
		err_hint(config_fail(r, node, ERR_TOO_LARGE,
				     "more than %u values, aliases expanded", CONFIG_VALUES_MAX),
			 "use fewer aliases");
	return r->values < CONFIG_VALUES_MAX;
}

bool config_read_text(struct config_reader *r, const struct config_field *field, yaml_node_t *node,
		      void *base)
{
	const char *text = config_text(r, node, false);
	struct err e, *added;

	if (!text)
		return false;
	if (config_value_parse(field, text, base, &e) == 0)
		return true;
	added = config_fail(r, node, e.code, "%s", e.text);
	err_hint(added, "%s", e.hint);
	hint_template(r, node, added);
	return false;
}

static bool is_interface_name(const char *text)
{
	return *text && strlen(text) < IFNAMSIZ && !strpbrk(text, "/: \t\r\n") &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Adds one text to a list of the field's kind. */
static void read_item(struct config_reader *r, const struct config_field *field, size_t position,
		      yaml_node_t *node, void *base)
{
	struct service_config *service = base;
	struct config *config = base;
	const char *text = config_text(r, node, false);
	bool is_limit = field->type == CONFIG_TYPE_LIMIT_NAMES;
	char(*names)[NAME_MAX_LENGTH + 1];
	size_t count = 0;

	if (!text || position >= field->max)
		return;
	if (field->type == CONFIG_TYPE_STATUSES) {
		config_read_text(r, field, node, base);
		return;
	}
	if (field->type == CONFIG_TYPE_COMMAND) {
		config_read_word(r, node, position, text, base);
		return;
	}
	if (field->type == CONFIG_TYPE_INTERFACES) {
		if (!is_interface_name(text)) {
			config_fail(r, node, ERR_INVALID,
				    "\"%.32s\" cannot be the name of an interface", text);
			return;
		}
		for (size_t i = 0; i < config->interface_count; i++) {
			if (strcmp(config->interfaces[i], text) == 0) {
				config_fail(r, node, ERR_DUPLICATE, "%s is listed already", text);
				return;
			}
		}
		config->interfaces[config->interface_count++] = util_strdup(text);
		return;
	}
	if (!util_name_is_valid(text)) {
		config_fail(r, node, ERR_INVALID, "\"%.64s\" cannot be the name of a %s", text,
			    is_limit ? "limit" : "list");
		return;
	}
	names = is_limit ? service->limits : service->allow;
	for (; count < field->max && *names[count]; count++) {
		if (strcmp(names[count], text) == 0) {
			config_fail(r, node, ERR_DUPLICATE, "%s is listed already", text);
			return;
		}
	}
	util_copy(names[count], sizeof(names[count]), text);
}

static void read_sequence(struct config_reader *r, const struct config_field *field,
			  yaml_node_t *node, void *base)
{
	size_t count, mark;
	char rule[160];

	if (node->type != YAML_SEQUENCE_NODE) {
		struct err *e = config_fail(r, node, ERR_INVALID, "must be %s, is %s",
					    config_schema_rule(field, rule, sizeof(rule)),
					    kind_of(node));

		if (node->type == YAML_SCALAR_NODE && !is_null(node))
			err_hint(e, "write %s: [%.64s]", field->key,
				 (const char *)node->data.scalar.value);
		hint_template(r, node, e);
		return;
	}
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	if (count < field->min || count > field->max)
		config_fail(r, node, ERR_INVALID, "has %zu entries, must be %s", count,
			    config_schema_rule(field, rule, sizeof(rule)));
	if (field->type == CONFIG_TYPE_PREFIXES) {
		config_read_prefixes(r, field, node, base);
		return;
	}
	for (size_t i = 0; i < MIN(count, (size_t)field->max); i++) {
		mark = config_enter_index(r, i);
		read_item(r, field, i, config_node(r, node->data.sequence.items.start[i]), base);
		config_leave(r, mark);
	}
}

static void read_field(struct config_reader *r, const struct config_field *field, yaml_node_t *key,
		       yaml_node_t *node, void *base)
{
	switch (field->type) {
	case CONFIG_TYPE_SECTION:
		config_read_section(r, field->child, node, key, (char *)base + field->offset);
		break;
	case CONFIG_TYPE_INTERFACES:
	case CONFIG_TYPE_LIMIT_NAMES:
	case CONFIG_TYPE_LIST_NAMES:
	case CONFIG_TYPE_PREFIXES:
	case CONFIG_TYPE_COMMAND:
		read_sequence(r, field, node, base);
		break;
	case CONFIG_TYPE_STATUSES:
		if (node->type == YAML_SEQUENCE_NODE)
			read_sequence(r, field, node, base);
		else
			config_read_text(r, field, node, base);
		break;
	case CONFIG_TYPE_REFUSED:
		config_fail(r, key, ERR_UNSUPPORTED, "%s %s", field->key, field->help);
		break;
	case CONFIG_TYPE_NAMED:
	case CONFIG_TYPE_MEMBERS:
	case CONFIG_TYPE_CHECK:
	case CONFIG_TYPE_EXCEPTIONS:
		break; /* their owner reads them */
	default:
		config_read_text(r, field, node, base);
	}
}

static void fail_unknown_key(struct config_reader *r, enum config_section section, yaml_node_t *key,
			     const char *text)
{
	const char *candidates[32], *nearest;
	const struct config_field *field;
	size_t count, n = 0;
	struct err *e = config_fail(r, key, ERR_UNKNOWN_KEY, "unknown key");
	char list[sizeof(e->hint)] = "";
	size_t length = 0;

	field = config_schema_section(section, &count);
	for (size_t i = 0; i < count && n < ARRAY_SIZE(candidates); i++) {
		if (field[i].type == CONFIG_TYPE_REFUSED)
			continue;
		candidates[n++] = field[i].key;
		if (length < sizeof(list))
			length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
						   length ? ", " : "", field[i].key);
	}
	nearest = util_nearest(text, candidates, n);
	if (strcmp(text, "<<") == 0)
		err_hint(e, "merge keys are not part of this language");
	else if (nearest)
		err_hint(e, "did you mean %s?", nearest);
	else
		err_hint(e, "known here: %.230s", list);
}

static void fail_missing(struct config_reader *r, const struct config_field *field,
			 const yaml_node_t *place)
{
	size_t mark = config_enter(r, field->key);
	char rule[160];

	err_hint(config_fail(r, place, ERR_INVALID, "is missing"), "%s: %s", field->help,
		 config_schema_rule(field, rule, sizeof(rule)));
	config_leave(r, mark);
}

bool config_read_section(struct config_reader *r, enum config_section section, yaml_node_t *node,
			 yaml_node_t *place, void *base)
{
	const struct config_field *fields, *field;
	size_t count, mark;
	uint64_t seen = 0;

	if (node->type != YAML_MAPPING_NODE || is_template(r, node)) {
		hint_template(r, node,
			      config_fail(r, node, ERR_INVALID,
					  "must be a section (keys and values), is %s",
					  is_template(r, node) ? "a template" : kind_of(node)));
		return false;
	}
	fields = config_schema_section(section, &count);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = config_node(r, pair->key);
		const char *text = config_text(r, key, false);

		if (!text || !config_may_go_on(r, key))
			continue;
		field = config_schema_find(section, text);
		mark = config_enter(r, text);
		if (!field)
			fail_unknown_key(r, section, key, text);
		else if (seen & 1ULL << (field - fields))
			config_fail(r, key, ERR_DUPLICATE, "is given twice");
		else
			read_field(r, field, key, config_node(r, pair->value), base);
		config_leave(r, mark);
		if (field)
			seen |= 1ULL << (field - fields);
	}
	for (size_t i = 0; i < count; i++) {
		if (fields[i].flags & CONFIG_REQUIRED && !(seen & 1ULL << i))
			fail_missing(r, &fields[i], place);
	}
	return true;
}

size_t config_count_named(const yaml_node_t *node, size_t max)
{
	if (node->type != YAML_MAPPING_NODE)
		return 0;
	return MIN((size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start), max);
}

struct named {
	const char *name; /* NULL: not usable */
	size_t position;
};

static int compare_named(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order;

	if (!x->name || !y->name)
		return (x->name != NULL) - (y->name != NULL);
	order = strcmp(x->name, y->name);
	if (order != 0)
		return order;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* Which pairs repeat a name: found by sorting, for there may be many. */
static bool *find_repeated(struct config_reader *r, const yaml_node_pair_t *pairs, size_t count)
{
	AUTO_FREE struct named *names = util_alloc_array(count, sizeof(*names));
	bool *is_repeated = util_alloc_array(count, sizeof(*is_repeated));

	for (size_t i = 0; i < count; i++)
		names[i] = (struct named){config_text(r, config_node(r, pairs[i].key), true), i};
	qsort(names, count, sizeof(*names), compare_named);
	for (size_t i = 1; i < count; i++) {
		if (names[i].name && names[i - 1].name &&
		    strcmp(names[i].name, names[i - 1].name) == 0)
			is_repeated[names[i].position] = true;
	}
	return is_repeated;
}

void config_read_named(struct config_reader *r, yaml_node_t *node, size_t max,
		       config_read_named_fn read, void *user)
{
	size_t count = config_count_named(node, max), mark;
	AUTO_FREE bool *is_repeated = NULL;
	yaml_node_pair_t *pairs;

	if (node->type != YAML_MAPPING_NODE || is_template(r, node)) {
		struct err *e = config_fail(r, node, ERR_INVALID,
					    "must be one section for each name, is %s",
					    is_template(r, node) ? "a template" : kind_of(node));

		if (node->type == YAML_SCALAR_NODE && is_null(node))
			err_hint(e, "write {} if there are none");
		hint_template(r, node, e);
		return;
	}
	if (config_count_named(node, SIZE_MAX) > max)
		config_fail(r, node, ERR_CAPACITY, "has %zu names, more than %zu",
			    config_count_named(node, SIZE_MAX), max);
	pairs = node->data.mapping.pairs.start;
	is_repeated = find_repeated(r, pairs, count);
	for (size_t i = 0; i < count; i++) {
		yaml_node_t *key = config_node(r, pairs[i].key);
		const char *name = config_text(r, key, false);

		if (!name || !config_may_go_on(r, key))
			continue;
		mark = config_enter(r, name);
		if (!util_name_is_valid(name))
			config_fail(r, key, ERR_INVALID,
				    "a name must have 1 to 63 letters, digits or . _ -, and begin "
				    "with a letter or digit");
		else if (is_repeated[i])
			config_fail(r, key, ERR_DUPLICATE, "is given twice");
		else
			read(r, name, key, config_node(r, pairs[i].value), user);
		config_leave(r, mark);
	}
}
