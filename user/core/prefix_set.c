/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/prefix_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define ERRORS_MAX 10

struct prefix_set *prefix_set_ref(struct prefix_set *set)
{
	if (set)
		set->references++;
	return set;
}

void prefix_set_unref(struct prefix_set *set)
{
	if (!set || --set->references)
		return;
	free(set->entries);
	free(set->comments);
	free(set);
}

size_t prefix_set_count(const struct prefix_set *set)
{
	return set ? set->count : 0;
}

const char *prefix_set_comment(const struct prefix_set *set, const struct prefix_entry *entry)
{
	return set->comments + entry->comment;
}

static int compare_entries(const void *a, const void *b)
{
	return prefix_compare(&((const struct prefix_entry *)a)->prefix,
			      &((const struct prefix_entry *)b)->prefix);
}

const struct prefix_entry *prefix_set_find(const struct prefix_set *set,
					   const struct prefix *prefix)
{
	const struct prefix_entry key = {.prefix = *prefix};

	return set ? bsearch(&key, set->entries, set->count, sizeof(key), compare_entries) : NULL;
}

static struct prefix_set *new_set(size_t room)
{
	struct prefix_set *set = util_alloc(sizeof(*set));

	set->references = 1;
	set->entries = util_alloc_array(room + 1, sizeof(*set->entries));
	set->comments = util_grow(NULL, &set->comments_capacity, 16, 1);
	set->comments_size = 1;
	return set;
}

static uint32_t add_comment(struct prefix_set *set, const char *text)
{
	size_t size = text ? strnlen(text, PREFIX_COMMENT_MAX) + 1 : 1;
	uint32_t at = (uint32_t)set->comments_size;

	if (size == 1)
		return 0;
	set->comments =
		util_grow(set->comments, &set->comments_capacity, set->comments_size + size, 1);
	memcpy(set->comments + at, text, size - 1);
	set->comments[at + size - 1] = '\0';
	utf8_clean(set->comments + at); /* it is shown on terminals */
	set->comments_size += size;
	return at;
}

static struct prefix_entry *add_entry(struct prefix_set *set, const struct prefix_entry *entry)
{
	set->entries[set->count] = *entry;
	if (entry->expires_s && (!set->soonest_s || entry->expires_s < set->soonest_s))
		set->soonest_s = entry->expires_s;
	return &set->entries[set->count++];
}

/* Neighbours mostly share a comment: each text is copied once a run. */
struct copied {
	const struct prefix_set *from;
	uint32_t old, new;
};

static void copy_entry(struct prefix_set *to, struct copied *last, const struct prefix_set *from,
		       const struct prefix_entry *entry)
{
	struct prefix_entry *added = add_entry(to, entry);

	if (!entry->comment)
		return;
	if (last->from != from || last->old != entry->comment)
		*last = (struct copied){from, entry->comment,
					add_comment(to, prefix_set_comment(from, entry))};
	added->comment = last->new;
}

struct sorted { /* an entry, and its place before sorting */
	struct prefix_entry entry;
	size_t order;
};

static int compare_sorted(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int order = compare_entries(&x->entry, &y->entry);

	return order ? order : (x->order > y->order) - (x->order < y->order);
}

struct prefix_set *prefix_set_new(const struct prefix_entry *entries, size_t count,
				  const char *comment, uint32_t expires_s)
{
	AUTO_FREE struct sorted *sorted = util_alloc_array(count + 1, sizeof(*sorted));
	struct prefix_set *set = new_set(count);
	uint32_t at = add_comment(set, comment);
	size_t i;

	for (i = 0; i < count; i++)
		sorted[i] = (struct sorted){entries[i], i};
	qsort(sorted, count, sizeof(*sorted), compare_sorted);
	for (i = 0; i < count; i++) {
		if (i + 1 < count && compare_entries(&sorted[i].entry, &sorted[i + 1].entry) == 0)
			continue;
		sorted[i].entry.comment = at;
		sorted[i].entry.expires_s = expires_s;
		add_entry(set, &sorted[i].entry);
	}
	return set;
}

struct prefix_set *prefix_set_merge(const struct prefix_set *set, const struct prefix_set *over)
{
	size_t a = 0, b = 0, a_count = prefix_set_count(set), b_count = prefix_set_count(over);
	struct prefix_set *merged = new_set(a_count + b_count);
	struct copied last_a = {}, last_b = {};

	while (a < a_count || b < b_count) {
		int order = a == a_count   ? 1
			    : b == b_count ? -1
					   : compare_entries(&set->entries[a], &over->entries[b]);

		if (order < 0) {
			copy_entry(merged, &last_a, set, &set->entries[a++]);
			continue;
		}
		a += order == 0;
		copy_entry(merged, &last_b, over, &over->entries[b++]);
	}
	return merged;
}

struct prefix_set *prefix_set_subtract(const struct prefix_set *set, const struct prefix_set *gone)
{
	size_t i, count = prefix_set_count(set);
	struct prefix_set *left = new_set(count);
	struct copied last = {};

	for (i = 0; i < count; i++) {
		if (!prefix_set_find(gone, &set->entries[i].prefix))
			copy_entry(left, &last, set, &set->entries[i]);
	}
	return left;
}

struct prefix_set *prefix_set_expire(const struct prefix_set *set, uint64_t now_s)
{
	size_t i, count = prefix_set_count(set);
	struct prefix_set *left = new_set(count);
	struct copied last = {};

	for (i = 0; i < count; i++) {
		if (!set->entries[i].expires_s || set->entries[i].expires_s > now_s)
			copy_entry(left, &last, set, &set->entries[i]);
	}
	return left;
}

/* ---- text ----------------------------------------------------------------------------------- */

struct reader {
	struct prefix_entry *entries;
	size_t count, capacity;
	size_t mistakes;
	struct errs *errors;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void read_line(struct reader *r, const char *text, size_t length, uint32_t line)
{
	size_t end = 0;
	struct prefix prefix;
	struct err e;

	while (end < length && text[end] != '#' && text[end] != ';')
		end++;
	while (end && is_blank(text[end - 1]))
		end--;
	for (; end && is_blank(*text); end--)
		text++;
	if (!end)
		return;
	if (prefix_parse(text, end, &prefix, &e) == 0) {
		r->entries = util_grow(r->entries, &r->capacity, r->count + 1, sizeof(*r->entries));
		r->entries[r->count++] = (struct prefix_entry){.prefix = prefix, .line = line};
		return;
	}
	if (r->mistakes++ >= ERRORS_MAX)
		return;
	e.line = (int)line;
	errs_add_err(r->errors, &e);
}

int prefix_set_parse(const char *text, size_t length, const char *comment, uint32_t expires_s,
		     struct prefix_set **ret_set, struct errs *errors)
{
	const char *end = text + length, *next;
	struct reader r = {.errors = errors};
	uint32_t line = 0;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3; /* a byte order mark */
	for (; text < end; text = next + 1) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next ? next : end;
		read_line(&r, text, (size_t)(next - text), ++line);
	}
	if (r.mistakes > ERRORS_MAX)
		errs_add(errors, ERR_INVALID, "", "%zu more mistakes are not listed",
			 r.mistakes - ERRORS_MAX);
	if (r.count > PREFIX_SET_MAX) {
		r.mistakes++;
		errs_add(errors, ERR_CAPACITY, "", "%zu prefixes are more than %u", r.count,
			 PREFIX_SET_MAX);
	}
	if (!r.mistakes)
		*ret_set = prefix_set_new(r.entries, r.count, comment, expires_s);
	free(r.entries);
	return r.mistakes ? -EINVAL : 0;
}
