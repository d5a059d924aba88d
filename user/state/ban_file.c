/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state/ban_file.h"

#include <errno.h>
#include <string.h>

#include "base/util.h"
#include "state/seal.h"
#include "state/store.h"

static bool is_wanted(const json_t *ban, ban_file_fn fn, void *arg)
{
	const char *limit = json_string_value(json_object_get(ban, "limit"));
	const char *text = json_string_value(json_object_get(ban, "source"));
	json_int_t until_s = json_integer_value(json_object_get(ban, "until_s"));
	struct prefix source;

	return limit && text && !prefix_parse(text, strlen(text), &source, NULL) &&
	       fn(arg, limit, &source, until_s);
}

/* Whether there was one. */
static bool remove_from(json_t *bans, ban_file_fn fn, void *arg)
{
	bool is_changed = false;
	size_t i = 0;

	while (i < json_array_size(bans)) {
		if (is_wanted(json_array_get(bans, i), fn, arg))
			is_changed = !json_array_remove(bans, i);
		else
			i++;
	}
	return is_changed;
}

int ban_file_remove(const char *directory, ban_file_fn fn, void *arg)
{
	AUTO_FREE char *text = NULL;
	json_t *content = NULL;
	struct err e = {0};
	bool is_changed;
	size_t length;
	int r = store_read(directory, BAN_FILE, &text, &length);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (seal_open(text, length, &content, &e))
		return 0;
	is_changed = remove_from(json_object_get(content, "bans"), fn, arg);
	is_changed |= remove_from(json_object_get(content, "waiting"), fn, arg);
	if (is_changed) {
		free(TAKE_PTR(text));
		text = seal_close(content, &length);
		r = store_write_others(directory, BAN_FILE, 0600, text, length);
	}
	json_decref(content);
	return r;
}
