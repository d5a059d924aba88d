/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers of names as JSON: {"names":[{"name","addresses":[],"terminating":[]}]}. */
#include "base/addr.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"

json_t *kept_save_names(struct daemon *daemon)
{
	json_t *list = json_array();
	struct name *name, *tmp;
	char text[ADDR_TEXT_MAX];
	size_t i;

	HASH_ITER (hh, daemon->names.table.list, name, tmp) {
		json_t *ready = json_array(), *gone = json_array();

		for (i = 0; i < name->count; i++)
			json_array_append_new(name->list[i].is_gone ? gone : ready,
					      json_string(addr_format(&name->list[i].addr, text)));
		json_array_append_new(list, json_pack("{s:s, s:o, s:o}", "name", name->text,
						      "addresses", ready, "terminating", gone));
	}
	return json_pack("{s:o}", "names", list);
}

typedef void (*address_fn)(void *arg, const struct sluice_addr *addr);

static bool read_addresses(const json_t *json, const char *key, address_fn fn, void *arg)
{
	const json_t *list = json_object_get(json, key), *item;
	struct sluice_addr addr;
	size_t i;

	json_array_foreach (list, i, item) {
		if (!json_is_string(item) || addr_parse(json_string_value(item), &addr))
			return false;
		if (fn)
			fn(arg, &addr);
	}
	return json_is_array(list);
}

static void add_ready(void *arg, const struct sluice_addr *addr)
{
	struct check_addresses *answer = arg;

	if (answer->count < CHECK_ADDRESSES_MAX)
		answer->list[answer->count++] = *addr;
}

static void add_gone(void *arg, const struct sluice_addr *addr)
{
	name_add_gone(arg, addr);
}

int kept_load_names(struct daemon *daemon, const json_t *content, struct err *e)
{
	const json_t *list = json_object_get(content, "names"), *json;
	int r = json_is_array(list) ? 0 : err_set(e, ERR_INVALID, "names", "it has no names");
	size_t i;

	json_array_foreach (list, i, json) {
		const char *text = json_string_value(json_object_get(json, "name")), *hint;
		struct check_addresses ready = {0};
		struct name *name;

		if (!text || host_name_problem(text, &hint) ||
		    !read_addresses(json, "addresses", add_ready, &ready) ||
		    !read_addresses(json, "terminating", NULL, NULL)) {
			r = err_set(e, ERR_INVALID, "names", "names[%zu] makes no sense", i);
			continue;
		}
		name = names_add(&daemon->names.table, text);
		name->answers++; /* that one is over */
		read_addresses(json, "terminating", add_gone, name);
		name_take(name, &ready);
	}
	return r;
}
