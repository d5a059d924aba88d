/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a tree of YAML nodes, along the schema, into structures; every mistake is collected. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "base/err.h"
#include "core/config.h"
#include "core/config_schema.h"

#define CONFIG_LINE_BITS 24	     /* of a line; above them the number of its file */
#define CONFIG_ERRORS_MAX 1000	     /* more are counted, not listed */
#define CONFIG_VALUES_MAX (1U << 21) /* read, aliases expanded */
#define CONFIG_SERVICES_MAX (1U << 16)
#define CONFIG_LIMITS_MAX (SLUICE_LIMITS_DEFAULT - 1)
#define CONFIG_LISTS_MAX (SLUICE_LISTS_MAX - 1)
#define CONFIG_POOLS_MAX 64
#define CONFIG_NAMES_MAX 1000U
#define CONFIG_MEMBERS_MAX (1U << 20) /* of all services */

struct config_reader {
	yaml_document_t *document;
	struct config *config;
	struct errs *errors;
	struct err spare; /* receives what is not listed */
	size_t unlisted;
	size_t values;
	size_t members, names;
	char path[160];
	size_t path_length;
};

/* The place that errors name. Each enter returns what leave wants back. */
size_t config_enter(struct config_reader *r, const char *key);
size_t config_enter_index(struct config_reader *r, size_t index);
void config_leave(struct config_reader *r, size_t mark);

/* Adds an error at the current path; the place is the start of node (may be NULL) or a line. */
struct err *config_fail(struct config_reader *r, const yaml_node_t *node, enum err_code code,
			const char *fmt, ...) PRINTF(4, 5);
struct err *config_fail_line(struct config_reader *r, int line, enum err_code code, const char *fmt,
			     ...) PRINTF(4, 5);

int config_line(const yaml_node_t *node);
yaml_node_t *config_node(struct config_reader *r, yaml_node_item_t id);
/* The value of a key in a mapping, or NULL; the key's node too when asked. */
yaml_node_t *config_find(struct config_reader *r, yaml_node_t *mapping, const char *key,
			 yaml_node_t **ret_key);
/* The text of a scalar with a value; else NULL, with an error unless is_quiet. */
const char *config_text(struct config_reader *r, yaml_node_t *node, bool is_quiet);
/* Counts one value; false, with one error, when aliases have made too many of them. */
bool config_may_go_on(struct config_reader *r, yaml_node_t *node);

/* Reads the keys of a section into base, except those that its owner reads (NAMED, MEMBERS,
 * CHECK, EXCEPTIONS). place: the node whose line a missing key gets. False if it is not a mapping. */
bool config_read_section(struct config_reader *r, enum config_section section, yaml_node_t *node,
			 yaml_node_t *place, void *base);
/* A text by the rule of one field. */
bool config_read_text(struct config_reader *r, const struct config_field *field, yaml_node_t *node,
		      void *base);

/* Calls read for each pair of a mapping of names, in the order of the file; names are valid and
 * differ. Returns the number of pairs in the mapping, at most max, or 0. */
typedef void (*config_read_named_fn)(struct config_reader *r, const char *name, yaml_node_t *key,
				     yaml_node_t *value, void *user);
size_t config_count_named(const yaml_node_t *node, size_t max);
void config_read_named(struct config_reader *r, yaml_node_t *node, size_t max,
		       config_read_named_fn read, void *user);

/* config_service.c: one service. */
void config_read_service(struct config_reader *r, const char *name, yaml_node_t *key,
			 yaml_node_t *value, void *user);
/* config_limit.c: one limit, and what no single key of it can know. */
void config_read_limit(struct config_reader *r, const char *name, yaml_node_t *key,
		       yaml_node_t *value, void *user);
void config_check_limits(struct config_reader *r);
/* A ceiling that the mapping has under a key counts new connections. */
void config_check_ceiling(struct config_reader *r, yaml_node_t *mapping, const char *key,
			  const struct rate *rate);
/* config_circuit.c: the circuit of a mapping, beside the check of its members (NULL: pools may have
 * others). */
void config_check_circuit(struct config_reader *r, yaml_node_t *mapping,
			  const struct circuit_config *circuit, const struct check_config *check);
/* config_list.c: one list, a sequence of prefixes into a set, and what no single list can know. */
void config_read_list(struct config_reader *r, const char *name, yaml_node_t *key,
		      yaml_node_t *value, void *user);
void config_read_prefixes(struct config_reader *r, const struct config_field *field,
			  yaml_node_t *node, void *base);
void config_check_lists(struct config_reader *r);
/* config_check.c: what no single key can know. */
void config_check_services(struct config_reader *r);
