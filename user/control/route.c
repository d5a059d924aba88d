/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/route.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* Cuts the next segment off *cursor (which stands on a '/'). False at the end. */
static bool next_segment(const char **cursor, const char **ret_start, size_t *ret_length)
{
	const char *start = *cursor;

	if (*start != '/')
		return false;
	start++;
	*ret_start = start;
	*ret_length = strcspn(start, "/");
	*cursor = start + *ret_length;
	return true;
}

static bool decode(const char *text, size_t length, char value[ROUTE_PARAM_SIZE])
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%') {
			char hex[3];

			if (length - i < 3 || !isxdigit((unsigned char)text[i + 1]) ||
			    !isxdigit((unsigned char)text[i + 2]))
				return false;
			hex[0] = text[i + 1];
			hex[1] = text[i + 2];
			hex[2] = '\0';
			c = (unsigned char)strtoul(hex, NULL, 16);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || used + 1 >= ROUTE_PARAM_SIZE)
			return false;
		value[used++] = (char)c;
	}
	value[used] = '\0';
	return used > 0;
}

static bool match_segment(const char *pattern, size_t pattern_length, const char *text,
			  size_t length, struct route_params *params)
{
	if (pattern[0] != '{')
		return pattern_length == length && !memcmp(pattern, text, length);
	if (params->count >= ROUTE_PARAMS_MAX ||
	    !decode(text, length, params->list[params->count].value))
		return false;
	util_copy(params->list[params->count].name,
		  MIN(pattern_length - 1, sizeof(params->list[0].name)), pattern + 1);
	params->count++;
	return true;
}

/* Walks both; returns the number of segments that fit, and whether both ended together. */
static size_t walk(const char *pattern, const char *path, struct route_params *params,
		   bool *ret_is_whole)
{
	size_t fit = 0;

	*ret_is_whole = false;
	while (fit < ROUTE_SEGMENTS_MAX) {
		const char *want, *have;
		size_t want_length, have_length;
		bool has_want = next_segment(&pattern, &want, &want_length);
		bool has_have = next_segment(&path, &have, &have_length);

		if (!has_want || !has_have) {
			*ret_is_whole = !has_want && !has_have && !*pattern && !*path;
			break;
		}
		if (!match_segment(want, want_length, have, have_length, params))
			break;
		fit++;
	}
	return fit;
}

bool route_match(const char *pattern, const char *path, struct route_params *ret_params)
{
	struct route_params params = {0};
	bool is_whole;

	walk(pattern, path, &params, &is_whole);
	if (is_whole && ret_params)
		*ret_params = params;
	return is_whole;
}

const char *route_param(const struct route_params *params, const char *name)
{
	size_t i;

	for (i = 0; i < params->count; i++)
		if (!strcmp(params->list[i].name, name))
			return params->list[i].value;
	return NULL;
}

size_t route_common(const char *pattern, const char *path)
{
	struct route_params params = {0};
	bool is_whole;

	return walk(pattern, path, &params, &is_whole);
}
