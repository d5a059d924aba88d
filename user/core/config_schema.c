/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/config_schema.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "core/config.h"

const struct config_field *config_schema_section(enum config_section section, size_t *ret_count)
{
	const struct config_field *first = CONFIG_FIELDS, *end = CONFIG_FIELDS + CONFIG_FIELD_COUNT;
	const struct config_field *last;

	while (first < end && first->section != section)
		first++;
	assert(first < end);
	for (last = first; last < end && last->section == section; last++)
		;
	*ret_count = (size_t)(last - first);
	return first;
}

const struct config_field *config_schema_find(enum config_section section, const char *key)
{
	size_t count;
	const struct config_field *field = config_schema_section(section, &count);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(field[i].key, key) == 0)
			return &field[i];
	}
	return NULL;
}

static const char *format_ms(uint64_t ms, char buffer[24])
{
	if (ms >= 3600000 && ms % 3600000 == 0)
		snprintf(buffer, 24, "%" PRIu64 "h", ms / 3600000);
	else if (ms >= 1000 && ms % 1000 == 0)
		snprintf(buffer, 24, "%" PRIu64 "s", ms / 1000);
	else
		snprintf(buffer, 24, "%" PRIu64 "ms", ms);
	return buffer;
}

static void rule_of_words(const struct config_word *words, char *buffer, size_t size)
{
	size_t length = 0, accepted = 0;

	for (const struct config_word *word = words; word->text; word++)
		accepted += !word->refused;
	for (; words->text && length < size; words++) {
		const char *before = length ? ", " : accepted > 1 ? "one of " : "";

		if (words->refused)
			continue;
		length += (size_t)snprintf(buffer + length, size - length, "%s%s", before,
					   words->text);
	}
}

const char *config_schema_rule(const struct config_field *field, char *buffer, size_t size)
{
	static const char *const RULES[CONFIG_TYPE_MAX] = {
		[CONFIG_TYPE_NAME] = "a name: 1 to 63 letters, digits or . _ -",
		[CONFIG_TYPE_GROUP] = "the name of a group",
		[CONFIG_TYPE_SEED] = "64 hex digits",
		[CONFIG_TYPE_ADDRESS4] = "an IPv4 address of this host",
		[CONFIG_TYPE_ADDRESS6] = "an IPv6 address of this host",
		[CONFIG_TYPE_ADDRESS_TEXT] = "an IPv4 or IPv6 address, or a host name",
		[CONFIG_TYPE_LISTEN] = "tcp or udp, then ADDRESS:PORT, or ADDRESS for all ports",
		[CONFIG_TYPE_METRICS_LISTEN] = "ADDRESS:PORT or disabled",
		[CONFIG_TYPE_RATE] = "a rate such as 50/s, 100/min, 50 conn/s, 25MB/s or 200Mbit/s",
		[CONFIG_TYPE_NEW_RATE] =
			"a rate of new connections such as 50/s, 100/min or 10k conn/s",
		[CONFIG_TYPE_AMOUNT] = "a number, 1 to 1000000000000, such as 200, 10k or 4MB",
		[CONFIG_TYPE_SECTION] = "a section",
		[CONFIG_TYPE_INTERFACES] = "a list of 1 to 16 interface names",
		[CONFIG_TYPE_PATH] = "the absolute path of a file",
		[CONFIG_TYPE_URL_PATH] = "a path that begins with /, without spaces",
		[CONFIG_TYPE_HOST_NAME] = "a host name or an address",
		[CONFIG_TYPE_BYTES] = "a text, or hex: and digits; at most 512 bytes",
		[CONFIG_TYPE_STATUSES] = "codes and ranges, such as 200, 204, 300-399",
		[CONFIG_TYPE_COMMAND] = "a list of a program's absolute path and its arguments",
		[CONFIG_TYPE_LIMIT_NAMES] = "a list of at most 4 names of limits",
		[CONFIG_TYPE_LIST_NAMES] = "a list of 1 to 4 names of allow lists",
		[CONFIG_TYPE_PREFIXES] = "a list of prefixes",
		[CONFIG_TYPE_NAMED] = "one section for each name",
		[CONFIG_TYPE_MEMBERS] =
			"a list of addresses or {address, weight, admin, max_new, check}",
		[CONFIG_TYPE_CHECK] = "a type or a section",
		[CONFIG_TYPE_EXCEPTIONS] = "a list of {prefixes, rate, burst}",
		[CONFIG_TYPE_REFUSED] = "absent",
	};
	char min[24], max[24];

	switch (field->type) {
	case CONFIG_TYPE_NUMBER:
		if (field->min == field->max)
			snprintf(buffer, size, "%" PRIu64, field->min);
		else
			snprintf(buffer, size, "a number, %" PRIu64 " to %" PRIu64 "%s", field->min,
				 field->max,
				 field->flags & CONFIG_POWER_OF_TWO ? ", a power of two" : "");
		break;
	case CONFIG_TYPE_DURATION:
		snprintf(buffer, size, "a duration, %s to %s%s", format_ms(field->min, min),
			 format_ms(field->max, max),
			 field->flags & CONFIG_OR_ZERO ? ", or 0s" : "");
		break;
	case CONFIG_TYPE_TEXT:
		snprintf(buffer, size, "a text of 1 to %zu bytes", field->size - 1);
		break;
	case CONFIG_TYPE_WORD:
		rule_of_words(field->words, buffer, size);
		break;
	default:
		util_copy(buffer, size, RULES[field->type]);
	}
	return buffer;
}

const char *config_schema_describe(const struct config_field *field, char *buffer, size_t size)
{
	char rule[160];

	config_schema_rule(field, rule, sizeof(rule));
	if (field->fallback)
		snprintf(buffer, size, "%s; default %s", rule, field->fallback);
	else
		snprintf(buffer, size, "%s; %s", rule,
			 field->flags & CONFIG_REQUIRED ? "required" : "optional");
	return buffer;
}

void config_schema_defaults(enum config_section section, void *base)
{
	const struct config_field *field;
	size_t count;
	int r;

	field = config_schema_section(section, &count);
	for (size_t i = 0; i < count; i++) {
		if (!field[i].fallback)
			continue;
		r = config_value_parse(&field[i], field[i].fallback, base, NULL);
		assert(r == 0); /* a default that breaks its own rule is our mistake */
		(void)r;
	}
}
