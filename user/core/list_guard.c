/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/list_guard.h"

#include <errno.h>

#define ERRORS_MAX 10

static bool is_too_short(const struct prefix *prefix)
{
	return prefix->length < (addr_family(&prefix->addr) == SLUICE_FAMILY_V4
					 ? LIST_GUARD_LENGTH4
					 : LIST_GUARD_LENGTH6);
}

/* The first prefix of the set that is covered; what is covered follows right behind in the order. */
static const struct prefix *find_covered(const struct prefix_set *set, const struct prefix *prefix)
{
	size_t low = 0, high = prefix_set_count(set);

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&set->entries[middle].prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < prefix_set_count(set) && prefix_covers(prefix, &set->entries[low].prefix))
		return &set->entries[low].prefix;
	return NULL;
}

/* The one that covers it; sets whose prefixes are not single addresses are short. */
static const struct prefix *find_covering(const struct prefix_set *set, const struct prefix *prefix)
{
	for (size_t i = 0; i < prefix_set_count(set); i++) {
		if (prefix_covers(&set->entries[i].prefix, prefix))
			return &set->entries[i].prefix;
	}
	return NULL;
}

static bool is_refused(const struct list_guard *guard, const struct prefix *prefix, char *why,
		       size_t size)
{
	static const struct sluice_addr NONE;
	const struct {
		const char *what;
		const struct prefix_set *set;
	} kinds[] = {
		{"this host's own address", guard->own},
		{"a gateway of this host,", guard->gateways},
		{"a member,", guard->members},
	};
	const struct prefix caller = prefix_of_addr(&guard->caller);
	const struct prefix *met = find_covered(guard->management, prefix);
	char text[PREFIX_TEXT_MAX];

	if (!addr_equal(&guard->caller, &NONE) && prefix_covers(prefix, &caller)) {
		snprintf(why, size, "covers %s, where you are", addr_format(&guard->caller, text));
		return true;
	}
	if (!met)
		met = find_covering(guard->management, prefix);
	if (met) {
		snprintf(why, size, "meets the management prefix %s, which cannot be denied",
			 prefix_format(met, text));
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		met = find_covered(kinds[i].set, prefix);
		if (!met)
			continue;
		snprintf(why, size, "covers %s %s", kinds[i].what, addr_format(&met->addr, text));
		return true;
	}
	if (is_too_short(prefix)) {
		snprintf(why, size, "is shorter than /%d",
			 addr_family(&prefix->addr) == SLUICE_FAMILY_V4 ? LIST_GUARD_LENGTH4
									: LIST_GUARD_LENGTH6);
		return true;
	}
	return false;
}

int list_guard_check(const struct list_guard *guard, const char *list, const struct prefix_set *set,
		     const char *path, int line, const char *hint, struct errs *errors)
{
	size_t refused = 0;

	for (size_t i = 0; i < prefix_set_count(set); i++) {
		const struct prefix_entry *entry = &set->entries[i];
		char text[PREFIX_TEXT_MAX], why[160], place[32] = "";
		struct err *e;

		if (!is_refused(guard, &entry->prefix, why, sizeof(why)) || refused++ >= ERRORS_MAX)
			continue;
		if (entry->line)
			snprintf(place, sizeof(place), " (line %u)", entry->line);
		e = errs_add(errors, ERR_CONFLICT, path, "list %s: %s%s %s", list,
			     prefix_format(&entry->prefix, text), place, why);
		e->line = line;
		err_hint(e, "%s", hint);
	}
	if (refused > ERRORS_MAX)
		errs_add(errors, ERR_CONFLICT, path, "list %s: %zu more prefixes are refused", list,
			 refused - ERRORS_MAX)
			->line = line;
	return refused ? -EINVAL : 0;
}
