/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/access.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 129 /* prefixes that cover each other: one a length */

struct item {
	struct prefix prefix;
	uint16_t list;
	uint8_t kind;
};

/* Everything that is said about the addresses of one prefix. */
struct said {
	struct prefix prefix;
	bool is_management, is_infra;
	uint16_t exempt, deny; /* list ids, 0: none */
	uint64_t word;	       /* what follows from it */
};

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int order = prefix_compare(&x->prefix, &y->prefix);

	return order ? order : (int)x->list - (int)y->list;
}

static uint64_t word_of(const struct said *said)
{
	if (said->is_management)
		return SLUICE_ACCESS(SLUICE_ACCESS_MANAGEMENT, 0);
	if (said->exempt)
		return SLUICE_ACCESS(SLUICE_ACCESS_EXEMPT, said->exempt);
	if (said->is_infra)
		return SLUICE_ACCESS(SLUICE_ACCESS_INFRA, 0);
	if (said->deny)
		return SLUICE_ACCESS(SLUICE_ACCESS_DENY, said->deny);
	return SLUICE_ACCESS(SLUICE_ACCESS_NOTHING, 0);
}

static void emit(struct access_table *table, const struct prefix *prefix, uint16_t scope,
		 uint64_t word)
{
	table->entries[table->count++] = (struct dp_access_entry){
		.prefix = *prefix,
		.list = scope,
		.word = word,
	};
}

/* One prefix: the items [first, end) that have it. parent: the nearest that covers it, or NULL. */
static struct said say(const struct item *first, const struct item *end, const struct said *parent)
{
	struct said said = parent ? *parent : (struct said){};
	bool is_exempt = false, is_denied = false;

	said.prefix = first->prefix;
	for (; first < end; first++) { /* by list id: of equals the lowest is first */
		switch (first->kind) {
		case ACCESS_KIND_MANAGEMENT:
			said.is_management = true;
			break;
		case ACCESS_KIND_INFRA:
			said.is_infra = true;
			break;
		case ACCESS_KIND_EXEMPT:
			said.exempt = is_exempt ? said.exempt : first->list;
			is_exempt = true;
			break;
		default:
			said.deny = is_denied ? said.deny : first->list;
			is_denied = true;
		}
	}
	said.word = word_of(&said);
	return said;
}

/* What covers comes first, so the prefixes that cover the present one form a stack. */
static void build_host(struct access_table *table, const struct item *items, size_t count)
{
	struct said stack[DEPTH_MAX];
	size_t depth = 0, i, next;

	for (i = 0; i < count; i = next) {
		const struct said *parent;

		for (next = i + 1; next < count; next++) {
			if (prefix_compare(&items[i].prefix, &items[next].prefix))
				break;
		}
		while (depth && !prefix_covers(&stack[depth - 1].prefix, &items[i].prefix))
			depth--;
		assert(depth < DEPTH_MAX);
		parent = depth ? &stack[depth - 1] : NULL;
		stack[depth] = say(&items[i], &items[next], parent);
		if (stack[depth].word != (parent ? parent->word : 0))
			emit(table, &items[i].prefix, 0, stack[depth].word);
		depth++;
	}
}

static void build_allow(struct access_table *table, const struct access_source *source)
{
	const struct prefix *last = NULL;
	size_t i;

	for (i = 0; i < prefix_set_count(source->set); i++) {
		const struct prefix *prefix = &source->set->entries[i].prefix;

		if (last && prefix_covers(last, prefix))
			continue;
		last = prefix;
		emit(table, prefix, source->list, SLUICE_ACCESS(SLUICE_ACCESS_ALLOW, source->list));
	}
}

static int compare_entries(const void *a, const void *b)
{
	return dp_access_compare(a, b);
}

void access_build(const struct access_source *sources, size_t count, struct access_table *ret_table)
{
	struct access_table table = {};
	size_t i, j, total = 0, filled = 0; /* host-wide ones */
	AUTO_FREE struct item *items = NULL;

	for (i = 0; i < count; i++)
		total += prefix_set_count(sources[i].set);
	items = util_alloc_array(total + 1, sizeof(*items));
	table.entries = util_alloc_array(total + 1, sizeof(*table.entries));
	for (i = 0; i < count; i++) {
		if (sources[i].kind == ACCESS_KIND_ALLOW) {
			build_allow(&table, &sources[i]);
			continue;
		}
		for (j = 0; j < prefix_set_count(sources[i].set); j++)
			items[filled++] = (struct item){sources[i].set->entries[j].prefix,
							sources[i].list, (uint8_t)sources[i].kind};
	}
	qsort(items, filled, sizeof(*items), compare_items);
	build_host(&table, items, filled);
	qsort(table.entries, table.count, sizeof(*table.entries), compare_entries);
	/* Two sources of one allow list may name the same prefix. */
	for (i = j = 0; i < table.count; i++) {
		if (!j || compare_entries(&table.entries[j - 1], &table.entries[i]))
			table.entries[j++] = table.entries[i];
	}
	table.count = j;
	*ret_table = table;
}

void access_table_done(struct access_table *table)
{
	free(table->entries);
	*table = (struct access_table){};
}
