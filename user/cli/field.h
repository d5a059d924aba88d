/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading fields of the daemon's documents; what is absent, null or of another type is the given
 * default, so an older or newer daemon never breaks the view. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

static inline const char *field_text(const json_t *object, const char *key, const char *absent)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? json_string_value(value) : absent;
}

static inline double field_number(const json_t *object, const char *key, double absent)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : absent;
}

static inline uint64_t field_count(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : 0;
}

static inline bool field_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* A number one object deeper: rates.packets. */
static inline double field_rate(const json_t *object, const char *key)
{
	return field_number(json_object_get(object, "rates"), key, 0);
}
