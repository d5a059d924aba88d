/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state/sources.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

void sources_done(struct sources *sources)
{
	size_t i;

	for (i = 0; i < sources->count; i++) {
		free((char *)sources->list[i].path);
		free((char *)sources->list[i].text);
	}
	memset(sources, 0, sizeof(*sources));
}

char *sources_directory(const char *path)
{
	size_t length = strlen(path);
	const char *end = ".yaml";

	if (length > strlen(end) && strcmp(path + length - strlen(end), end) == 0)
		length -= strlen(end);
	return util_printf("%.*s.d", (int)length, path);
}

static int is_drop_in(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Takes over path and text. */
static void append(struct sources *sources, char *path, char *text, size_t length)
{
	sources->list[sources->count++] =
		(struct config_file){.path = path, .text = text, .length = length};
}

static int read_one(struct sources *sources, char *path, config_read_file_fn read, struct err *e)
{
	size_t length;
	char *text;
	int r = read(path, CONFIG_BYTES_MAX, &text, &length);

	if (r) {
		err_set(e, ERR_INVALID, "", "cannot be read: %s", util_read_error(r));
		if (sources->count) /* else the caller knows which */
			util_copy(e->file, sizeof(e->file), path);
		free(path);
		return r;
	}
	append(sources, path, text, length);
	return 0;
}

static int read_drop_ins(const char *directory, struct sources *sources, struct err *e)
{
	struct dirent **names = NULL;
	int count = scandir(directory, &names, is_drop_in, compare_names);
	int i, r = 0;

	if (count < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (count < 0) {
		r = -errno;
		err_set(e, ERR_INVALID, "", "cannot be read: %s", strerror(-r));
		util_copy(e->file, sizeof(e->file), directory);
		return r;
	}
	if (count >= CONFIG_FILES_MAX) {
		r = err_set(e, ERR_TOO_LARGE, "", "holds %d drop-ins, more than %d", count,
			    CONFIG_FILES_MAX - 1);
		err_hint(e, "put several into one file");
		util_copy(e->file, sizeof(e->file), directory);
	}
	for (i = 0; i < count; i++) {
		if (!r)
			r = read_one(sources, util_printf("%s/%s", directory, names[i]->d_name),
				     util_read_file, e);
		free(names[i]);
	}
	free(names);
	return r;
}

int sources_read(const char *path, config_read_file_fn read, struct sources *ret_sources,
		 struct err *e)
{
	AUTO_FREE char *directory = sources_directory(path);
	struct sources sources = {0};
	int r = read_one(&sources, util_strdup(path), read, e);

	if (!r && strcmp(path, "-"))
		r = read_drop_ins(directory, &sources, e);
	if (r)
		sources_done(&sources);
	else
		*ret_sources = sources;
	return r;
}

bool sources_equal(const struct sources *a, const struct sources *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (a->list[i].length != b->list[i].length ||
		    strcmp(a->list[i].path, b->list[i].path) != 0 ||
		    memcmp(a->list[i].text, b->list[i].text, a->list[i].length) != 0)
			return false;
	return true;
}

void sources_copy_without(const struct sources *from, const char *path, struct sources *ret_to)
{
	size_t i;

	memset(ret_to, 0, sizeof(*ret_to));
	for (i = 0; i < from->count; i++)
		if (i == 0 || strcmp(from->list[i].path, path) != 0)
			append(ret_to, util_strdup(from->list[i].path),
			       util_printf("%.*s", (int)from->list[i].length, from->list[i].text),
			       from->list[i].length);
}

void sources_insert(struct sources *sources, const char *path, char *text)
{
	size_t at = sources->count;

	while (at > 1 && strcmp(sources->list[at - 1].path, path) > 0)
		at--;
	memmove(&sources->list[at + 1], &sources->list[at],
		(sources->count - at) * sizeof(sources->list[0]));
	sources->count++;
	sources->list[at] = (struct config_file){
		.path = util_strdup(path), .text = text, .length = strlen(text)};
}

json_t *sources_to_json(const struct sources *sources)
{
	json_t *files = json_array();
	size_t i;

	for (i = 0; i < sources->count; i++) {
		const struct config_file *file = &sources->list[i];

		json_array_append_new(files, json_pack("{s:s, s:s%}", "path", file->path, "text",
						       file->text, file->length));
	}
	return json_pack("{s:o}", "files", files);
}

int sources_from_json(const json_t *json, struct sources *ret_sources, struct err *e)
{
	const json_t *files = json_object_get(json, "files"), *file;
	struct sources sources = {0};
	size_t i;

	json_array_foreach (files, i, file) {
		const char *path = json_string_value(json_object_get(file, "path"));
		const json_t *text = json_object_get(file, "text");

		if (!path || !json_is_string(text) || sources.count == CONFIG_FILES_MAX)
			break;
		append(&sources, util_strdup(path), util_strdup(json_string_value(text)),
		       json_string_length(text));
	}
	if (sources.count && i == json_array_size(files)) {
		*ret_sources = sources;
		return 0;
	}
	sources_done(&sources);
	err_set(e, ERR_INVALID, "files", "it has no whole configuration");
	return -EINVAL;
}
