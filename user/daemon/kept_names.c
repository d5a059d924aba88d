/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers of names as JSON: {"names":[{"name","addresses":[],"terminating":[],"ago":[],"refused":[]}]}. "ago"
 * says how many answers before that of the addresses each terminating one was in one; without it: 1.
 * "refused" are those of both that there was no room for, or that could be no members for another reason;
 * without it: none. */
#include "base/addr.h"
#include "base/util.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

json_t *kept_save_names(struct daemon *daemon)
{
	json_t *list = json_array();
	struct name *name, *tmp;
	char text[ADDR_TEXT_MAX];
	size_t i;

	HASH_ITER (hh, daemon->names.table.list, name, tmp) {
		json_t *ready = json_array(), *gone = json_array(), *ago = json_array();
		json_t *refused = json_array();

		for (i = 0; i < name->count; i++) {
			const struct name_address *there = &name->list[i];

			json_array_append_new(there->is_gone ? gone : ready,
					      json_string(addr_format(&there->addr, text)));
			if (there->is_gone)
				json_array_append_new(ago,
						      json_integer(name->answers - there->answer));
			if (there->is_refused)
				json_array_append_new(refused,
						      json_string(addr_format(&there->addr, text)));
		}
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name",
						      name->text, "addresses", ready, "terminating",
						      gone, "ago", ago, "refused", refused));
	}
	return json_pack("{s:o}", "names", list);
}

typedef void (*address_fn)(void *arg, size_t i, const struct sluice_addr *addr);

static bool read_addresses(const json_t *json, const char *key, address_fn fn, void *arg)
{
	const json_t *list = json_object_get(json, key), *item;
	struct sluice_addr addr;
	size_t i;

	json_array_foreach (list, i, item) {
		if (!json_is_string(item) || addr_parse(json_string_value(item), &addr))
			return false;
		if (fn)
			fn(arg, i, &addr);
	}
	return json_is_array(list);
}

static void add_ready(void *arg, size_t i, const struct sluice_addr *addr)
{
	struct check_addresses *answer = arg;

	(void)i;
	if (answer->count < CHECK_ADDRESSES_MAX)
		answer->list[answer->count++] = *addr;
}

/* The longest ago, at least 1; 0 when it makes no sense. */
static uint32_t read_ago(const json_t *json)
{
	const json_t *list = json_object_get(json, "ago"), *item;
	uint32_t longest = 1;
	size_t i;

	if (list && json_array_size(list) != json_array_size(json_object_get(json, "terminating")))
		return 0;
	json_array_foreach (list, i, item) {
		json_int_t ago = json_integer_value(item); /* 0: it is none */

		if (ago < 1 || ago > INT32_MAX)
			return 0;
		longest = MAX(longest, (uint32_t)ago);
	}
	return longest;
}

struct going {
	struct name *name;
	const json_t *ago; /* NULL: not known */
};

static void add_gone(void *arg, size_t i, const struct sluice_addr *addr)
{
	const struct going *going = arg;
	json_int_t ago = going->ago ? json_integer_value(json_array_get(going->ago, i)) : 1;

	/* The next answer is that of the addresses. */
	name_add_gone(going->name, addr, going->name->answers + 1 - (uint32_t)ago);
}

static void add_refused(void *arg, size_t i, const struct sluice_addr *addr)
{
	(void)i;
	name_refuse(arg, addr);
}

int kept_load_names(struct daemon *daemon, const json_t *content, struct err *e)
{
	const json_t *list = json_object_get(content, "names"), *json;
	int r = json_is_array(list) ? 0 : err_set(e, ERR_INVALID, "names", "it has no names");
	size_t i;

	json_array_foreach (list, i, json) {
		const char *text = json_string_value(json_object_get(json, "name")), *hint;
		struct check_addresses ready = {0};
		uint32_t ago = read_ago(json);
		struct going going;

		if (!text || host_name_problem(text, &hint) ||
		    !read_addresses(json, "addresses", add_ready, &ready) ||
		    !read_addresses(json, "terminating", NULL, NULL) || !ago ||
		    (json_object_get(json, "refused") &&
		     !read_addresses(json, "refused", NULL, NULL))) {
			r = err_set(e, ERR_INVALID, "names", "names[%zu] makes no sense", i);
			continue;
		}
		going = (struct going){.name = names_add(&daemon->names.table, text),
				       .ago = json_object_get(json, "ago")};
		going.name->answers += ago; /* those are over */
		read_addresses(json, "terminating", add_gone, &going);
		name_take(going.name, &ready);
		name_keep(going.name);
		read_addresses(json, "refused", add_refused, going.name);
	}
	return r;
}
