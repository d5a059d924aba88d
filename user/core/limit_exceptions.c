/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/limit_exceptions.h"

#include <stdlib.h>

#include "base/util.h"

struct limit_exceptions *limit_exceptions_new(size_t count)
{
	struct limit_exceptions *exceptions =
		util_alloc(sizeof(*exceptions) + count * sizeof(exceptions->list[0]));

	exceptions->references = 1;
	exceptions->count = count;
	return exceptions;
}

struct limit_exceptions *limit_exceptions_ref(struct limit_exceptions *exceptions)
{
	if (exceptions)
		exceptions->references++;
	return exceptions;
}

void limit_exceptions_unref(struct limit_exceptions *exceptions)
{
	if (!exceptions || --exceptions->references)
		return;
	for (size_t i = 0; i < exceptions->count; i++)
		prefix_set_unref(exceptions->list[i].prefixes);
	free(exceptions);
}

size_t limit_exceptions_count(const struct limit_exceptions *exceptions)
{
	return exceptions ? exceptions->count : 0;
}

static bool is_same(const struct limit_exception *a, const struct limit_exception *b)
{
	size_t count = prefix_set_count(a->prefixes);

	if (a->rate.n != b->rate.n || a->rate.s != b->rate.s || a->rate.unit != b->rate.unit ||
	    a->burst.n != b->burst.n || count != prefix_set_count(b->prefixes))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (prefix_compare(&a->prefixes->entries[i].prefix,
				   &b->prefixes->entries[i].prefix))
			return false;
	}
	return true;
}

bool limit_exceptions_equal(const struct limit_exceptions *a, const struct limit_exceptions *b)
{
	if (limit_exceptions_count(a) != limit_exceptions_count(b))
		return false;
	for (size_t i = 0; i < limit_exceptions_count(a); i++) {
		if (!is_same(&a->list[i], &b->list[i]))
			return false;
	}
	return true;
}

const struct limit_exception *limit_exceptions_find(const struct limit_exceptions *exceptions,
						    const struct sluice_addr *addr)
{
	const struct prefix source = prefix_of_addr(addr);
	const struct limit_exception *found = NULL;
	int length = -1;

	for (size_t i = 0; i < limit_exceptions_count(exceptions); i++) {
		const struct limit_exception *exception = &exceptions->list[i];

		for (size_t j = 0; j < prefix_set_count(exception->prefixes); j++) {
			const struct prefix *prefix = &exception->prefixes->entries[j].prefix;

			if (prefix->length <= length || !prefix_covers(prefix, &source))
				continue;
			found = exception;
			length = prefix->length;
		}
	}
	return found;
}
