/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/config_merge.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "core/config_yaml.h"

#define DEPTH_MAX 8 /* the language needs 7; deeper down a value is replaced */

/* libyaml numbers nodes from 1 in the order of their making. Pointers to nodes do not survive the
 * making of another, so everything here works with numbers. */
struct merge {
	yaml_document_t *document;
	size_t made; /* pairs and items; aliases could multiply them */
};

/* A key of a mapping, or an address or a name of a list, and its place. */
struct indexed {
	const char *text;
	struct sluice_addr addr;
	size_t position;
};

static yaml_node_t *node_of(const struct merge *merge, int id)
{
	return yaml_document_get_node(merge->document, id);
}

static const char *text_of(const struct merge *merge, int id)
{
	const yaml_node_t *node = node_of(merge, id);

	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

/* The byte offset of a mark is of no use to anybody here: it holds the file's number. */
unsigned int config_merge_file(const yaml_node_t *node)
{
	return (unsigned int)node->start_mark.index;
}

void config_merge_begin(yaml_document_t *document)
{
	yaml_node_t *node;

	for (node = document->nodes.start; node < document->nodes.top; node++)
		node->start_mark.index = 0;
}

static int made(int id)
{
	if (!id)
		abort(); /* no memory, as everywhere */
	return id;
}

static int new_like(struct merge *merge, const yaml_node_t *from)
{
	yaml_mark_t start = from->start_mark, end = from->end_mark;
	yaml_document_t *document = merge->document;
	int id;

	if (from->type == YAML_SCALAR_NODE)
		id = yaml_document_add_scalar(document, NULL, from->data.scalar.value,
					      (int)from->data.scalar.length,
					      from->data.scalar.style);
	else if (from->type == YAML_SEQUENCE_NODE)
		id = yaml_document_add_sequence(document, NULL, YAML_ANY_SEQUENCE_STYLE);
	else
		id = yaml_document_add_mapping(document, NULL, YAML_ANY_MAPPING_STYLE);
	node_of(merge, made(id))->start_mark = start;
	node_of(merge, id)->end_mark = end;
	return id;
}

/* All of the later file's nodes behind the ones there are; returns by how much they moved. */
static int append_nodes(struct merge *merge, const yaml_document_t *later, unsigned int file)
{
	int offset = (int)(merge->document->nodes.top - merge->document->nodes.start);
	const yaml_node_t *from;
	int id = offset;

	for (from = later->nodes.start; from < later->nodes.top; from++)
		node_of(merge, new_like(merge, from))->start_mark.index = file;
	for (from = later->nodes.start; from < later->nodes.top; from++) {
		const yaml_node_pair_t *pair;
		const yaml_node_item_t *item;

		id++;
		if (from->type == YAML_SEQUENCE_NODE)
			for (item = from->data.sequence.items.start;
			     item < from->data.sequence.items.top; item++)
				made(yaml_document_append_sequence_item(merge->document, id,
									*item + offset));
		else if (from->type == YAML_MAPPING_NODE)
			for (pair = from->data.mapping.pairs.start;
			     pair < from->data.mapping.pairs.top; pair++)
				made(yaml_document_append_mapping_pair(merge->document, id,
								       pair->key + offset,
								       pair->value + offset));
	}
	return offset;
}

static int compare_text(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;
	int order = strcmp(x->text, y->text);

	return order ? order : (x->position > y->position) - (x->position < y->position);
}

static int compare_addr(const void *a, const void *b)
{
	const struct indexed *x = a, *y = b;
	int order = addr_compare(&x->addr, &y->addr);

	if (!order && x->text && y->text)
		order = strcasecmp(x->text, y->text);
	else if (!order)
		order = (x->text != NULL) - (y->text != NULL);
	return order ? order : (x->position > y->position) - (x->position < y->position);
}

/* The first of equals that is not taken, by position; -1 if there is none. */
static long find_free(const struct indexed *index, size_t count, const struct indexed *wanted,
		      int (*compare)(const void *, const void *), const int *taken)
{
	struct indexed key = *wanted;
	size_t low = 0, high = count;

	key.position = 0;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare(&index[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == count || taken[index[low].position])
		return -1;
	key.position = index[low].position;
	return compare(&index[low], &key) ? -1 : (long)key.position;
}

static int merge_nodes(struct merge *merge, const char *key, int a, int b, int depth);

/* Keys of the later mapping replace or are merged; one that it has twice stays twice, for the
 * reader to complain. */
static int merge_mappings(struct merge *merge, int a, int b, int depth)
{
	const yaml_node_t *first = node_of(merge, a), *second = node_of(merge, b);
	size_t n = (size_t)(first->data.mapping.pairs.top - first->data.mapping.pairs.start);
	size_t m = (size_t)(second->data.mapping.pairs.top - second->data.mapping.pairs.start);
	AUTO_FREE yaml_node_pair_t *pairs = util_alloc_array(n + m + 1, sizeof(*pairs));
	AUTO_FREE struct indexed *index = util_alloc_array(n + 1, sizeof(*index));
	AUTO_FREE int *taken = util_alloc_array(n + 1, sizeof(*taken));
	size_t i, count = n, indexed = 0;
	int id;

	memcpy(pairs, first->data.mapping.pairs.start, n * sizeof(*pairs));
	memcpy(pairs + n, second->data.mapping.pairs.start, m * sizeof(*pairs));
	merge->made += n + m;
	for (i = 0; i < n; i++)
		if (text_of(merge, pairs[i].key))
			index[indexed++] = (struct indexed){.text = text_of(merge, pairs[i].key),
							    .position = i};
	qsort(index, indexed, sizeof(*index), compare_text);
	for (i = n; i < n + m; i++) {
		struct indexed wanted = {.text = text_of(merge, pairs[i].key)};
		long at = wanted.text ? find_free(index, indexed, &wanted, compare_text, taken)
				      : -1;

		if (at < 0) {
			pairs[count++] = pairs[i];
			continue;
		}
		taken[at] = 1;
		pairs[at].value =
			merge_nodes(merge, wanted.text, pairs[at].value, pairs[i].value, depth + 1);
		if (pairs[at].value == pairs[i].value)
			pairs[at].key = pairs[i].key; /* replaced: the later line is its place */
	}
	id = new_like(merge, node_of(merge, a));
	for (i = 0; i < count; i++)
		made(yaml_document_append_mapping_pair(merge->document, id, pairs[i].key,
						       pairs[i].value));
	return id;
}

/* An address, or, with the address zero, the name that it may be. */
static bool read_address(const struct merge *merge, int id, struct indexed *ret_indexed)
{
	const yaml_node_t *node = node_of(merge, id);
	const char *text = text_of(merge, id);
	const yaml_node_pair_t *pair;
	uint16_t port;

	if (node->type == YAML_MAPPING_NODE)
		for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
		     pair++) {
			const char *key = text_of(merge, pair->key);

			if (key && strcmp(key, "address") == 0)
				text = text_of(merge, pair->value);
		}
	if (text && addr_parse_endpoint(text, &ret_indexed->addr, &port))
		ret_indexed->text = text;
	return text != NULL;
}

/* A member written as its address alone says nothing new about one that is there. */
static int merge_member(struct merge *merge, int a, int b, int depth)
{
	if (node_of(merge, b)->type != YAML_MAPPING_NODE)
		return a;
	return merge_nodes(merge, "", a, b, depth);
}

static int merge_members(struct merge *merge, int a, int b, int depth)
{
	const yaml_node_t *first = node_of(merge, a), *second = node_of(merge, b);
	size_t n = (size_t)(first->data.sequence.items.top - first->data.sequence.items.start);
	size_t m = (size_t)(second->data.sequence.items.top - second->data.sequence.items.start);
	AUTO_FREE yaml_node_item_t *items = util_alloc_array(n + m + 1, sizeof(*items));
	AUTO_FREE struct indexed *index = util_alloc_array(n + 1, sizeof(*index));
	AUTO_FREE int *taken = util_alloc_array(n + 1, sizeof(*taken));
	size_t i, count = n, indexed = 0;
	int id;

	memcpy(items, first->data.sequence.items.start, n * sizeof(*items));
	memcpy(items + n, second->data.sequence.items.start, m * sizeof(*items));
	merge->made += n + m;
	for (i = 0; i < n; i++) {
		index[indexed].position = i;
		indexed += read_address(merge, items[i], &index[indexed]);
	}
	qsort(index, indexed, sizeof(*index), compare_addr);
	for (i = n; i < n + m; i++) {
		struct indexed wanted = {0};
		long at = read_address(merge, items[i], &wanted)
				  ? find_free(index, indexed, &wanted, compare_addr, taken)
				  : -1;

		if (at < 0) {
			items[count++] = items[i];
			continue;
		}
		taken[at] = 1;
		items[at] = merge_member(merge, items[at], items[i], depth + 1);
	}
	id = new_like(merge, node_of(merge, a));
	for (i = 0; i < count; i++)
		made(yaml_document_append_sequence_item(merge->document, id, items[i]));
	return id;
}

/* One after the other; what is in both counts once. */
static int join_sequences(struct merge *merge, int a, int b)
{
	int id = new_like(merge, node_of(merge, a));
	const int parts[] = {a, b};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const yaml_node_t *from = node_of(merge, parts[i]);
		const yaml_node_item_t *item;

		for (item = from->data.sequence.items.start; item < from->data.sequence.items.top;
		     item++, merge->made++)
			made(yaml_document_append_sequence_item(merge->document, id, *item));
	}
	return id;
}

/* Never changes a node, for an alias may have it elsewhere; returns the number of the result. */
static int merge_nodes(struct merge *merge, const char *key, int a, int b, int depth)
{
	yaml_node_type_t first = node_of(merge, a)->type, second = node_of(merge, b)->type;

	if (depth > DEPTH_MAX || merge->made > CONFIG_NODES_MAX || first != second)
		return b;
	if (first == YAML_MAPPING_NODE)
		return merge_mappings(merge, a, b, depth);
	if (first == YAML_SEQUENCE_NODE && strcmp(key, "members") == 0)
		return merge_members(merge, a, b, depth);
	if (first == YAML_SEQUENCE_NODE && strcmp(key, "prefixes") == 0)
		return join_sequences(merge, a, b);
	return b;
}

int config_merge(yaml_document_t *document, const yaml_document_t *later, unsigned int file,
		 struct errs *errors)
{
	struct merge merge = {.document = document};
	int offset = append_nodes(&merge, later, file);
	int id = merge_nodes(&merge, "", 1, 1 + offset, 0);
	yaml_node_t *nodes = document->nodes.start, root;

	if (merge.made > CONFIG_NODES_MAX) {
		err_hint(errs_add(errors, ERR_TOO_LARGE, NULL,
				  "merging makes more than %u keys and values, aliases expanded",
				  CONFIG_NODES_MAX),
			 "use fewer aliases, or fewer drop-ins");
		return -EFBIG;
	}
	/* The root of a document is its first node. */
	root = nodes[0];
	nodes[0] = nodes[id - 1];
	nodes[id - 1] = root;
	return 0;
}
