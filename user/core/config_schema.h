/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The language of the configuration file as one table: a row a key. The reader, the error texts
 * and the test of the manual page sluice.yaml(5) all follow it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A mapping with fixed keys. */
enum config_section {
	CONFIG_SECTION_ROOT,
	CONFIG_SECTION_NODE,
	CONFIG_SECTION_ROUTES,
	CONFIG_SECTION_METRICS,
	CONFIG_SECTION_ACCESS,
	CONFIG_SECTION_OUTER_SOURCE,
	CONFIG_SECTION_CAPACITY,
	CONFIG_SECTION_FLOWS,
	CONFIG_SECTION_SERVICE,
	CONFIG_SECTION_POOL,
	CONFIG_SECTION_MEMBER,
	CONFIG_SECTION_CHECK,
	CONFIG_SECTION_CIRCUIT,
	CONFIG_SECTION_LIMIT,
	CONFIG_SECTION_PER,
	CONFIG_SECTION_EXCEPTION,
	CONFIG_SECTION_BAN,
	CONFIG_SECTION_MANAGEMENT,
	CONFIG_SECTION_LIST,
	CONFIG_SECTION_MAX
};

enum config_type {
	/* one text: config_value_parse() */
	CONFIG_TYPE_NUMBER,
	CONFIG_TYPE_DURATION, /* stored in milliseconds, or with CONFIG_SECONDS */
	CONFIG_TYPE_WORD,
	CONFIG_TYPE_NAME,
	CONFIG_TYPE_GROUP,
	CONFIG_TYPE_SEED,
	CONFIG_TYPE_ADDRESS4,
	CONFIG_TYPE_ADDRESS6,
	CONFIG_TYPE_ADDRESS_TEXT, /* a member's address: kept for the reader of members */
	CONFIG_TYPE_LISTEN,	  /* into struct service_config */
	CONFIG_TYPE_METRICS_LISTEN,
	CONFIG_TYPE_RATE,     /* a struct rate */
	CONFIG_TYPE_NEW_RATE, /* a struct rate of new connections: config_check_ceiling() */
	CONFIG_TYPE_AMOUNT,   /* a struct amount */
	CONFIG_TYPE_PATH,
	CONFIG_TYPE_TEXT,     /* of size - 1 bytes at most */
	CONFIG_TYPE_URL_PATH, /* so are these two */
	CONFIG_TYPE_HOST_NAME,
	CONFIG_TYPE_BYTES,    /* into a struct check_bytes */
	CONFIG_TYPE_STATUSES, /* into a struct check_details, added to what it has */
	/* read by the generic reader */
	CONFIG_TYPE_SECTION,
	CONFIG_TYPE_INTERFACES,
	CONFIG_TYPE_LIMIT_NAMES,
	CONFIG_TYPE_LIST_NAMES,
	CONFIG_TYPE_COMMAND,  /* into a struct check_details */
	CONFIG_TYPE_PREFIXES, /* into a struct prefix_set * */
	/* read by the owner of the section, after its other keys */
	CONFIG_TYPE_NAMED,
	CONFIG_TYPE_MEMBERS,
	CONFIG_TYPE_CHECK,
	CONFIG_TYPE_EXCEPTIONS,
	/* part of the language, but not of this version: help says why and what to do */
	CONFIG_TYPE_REFUSED,
	CONFIG_TYPE_MAX
};

struct config_word {
	const char *text;
	uint32_t value;
	const char *refused; /* why this word is not accepted and what to do, or NULL */
};

#define CONFIG_REQUIRED (1U << 0)
#define CONFIG_POWER_OF_TWO (1U << 1) /* anything else is an error */
#define CONFIG_ROUND_UP (1U << 2)     /* to a power of two */
#define CONFIG_SECONDS (1U << 3)      /* a duration that is stored in seconds, and whole ones */
#define CONFIG_OR_ZERO (1U << 4) /* a duration below min, too, if it is 0: as without the key */

struct config_field {
	enum config_section section;
	const char *key;
	enum config_type type;
	size_t offset; /* in the structure that the section fills */
	size_t size;   /* of the stored number, word or text; 0: nothing is stored */
	uint64_t min, max;
	const char *fallback; /* the default as a user would write it; NULL: none */
	unsigned int flags;
	enum config_section child;
	const struct config_word *words; /* ends with a NULL text */
	const char *help;
};

extern const struct config_field CONFIG_FIELDS[];
extern const size_t CONFIG_FIELD_COUNT;

/* The rows of a section are neighbours: first row and their number. */
const struct config_field *config_schema_section(enum config_section section, size_t *ret_count);
/* NULL if the section has no such key. */
const struct config_field *config_schema_find(enum config_section section, const char *key);
/* "a number, 0 to 65535": what a value must be. */
const char *config_schema_rule(const struct config_field *field, char *buffer, size_t size);
/* The rule and the default: "a number, 0 to 65535; default 100". */
const char *config_schema_describe(const struct config_field *field, char *buffer, size_t size);
/* Writes the defaults of a section's own keys; sections below it are the caller's. */
void config_schema_defaults(enum config_section section, void *base);

/* Parses one text into base (see offset). 0; or -EINVAL and e, without a path, base untouched. */
int config_value_parse(const struct config_field *field, const char *text, void *base,
		       struct err *e);
