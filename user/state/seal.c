/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state/seal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define CHECKSUM_SIZE 17
#define DUMP_FLAGS (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY)

/* FNV-1a: each step is a bijection of the state, so one changed byte always changes the end. */
static int checksum(const json_t *content, char text[CHECKSUM_SIZE])
{
	AUTO_FREE char *dump = json_dumps(content, DUMP_FLAGS);
	uint64_t hash = 0xcbf29ce484222325ULL;
	const char *c;

	if (!dump)
		return -EINVAL;
	for (c = dump; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
	snprintf(text, CHECKSUM_SIZE, "%016" PRIx64, hash);
	return 0;
}

char *seal_close(const json_t *content, size_t *ret_length)
{
	char sum[CHECKSUM_SIZE];
	json_t *file;
	char *text, *line;

	if (checksum(content, sum))
		abort(); /* content that we made ourselves cannot be written */
	file = json_pack("{s:i, s:s, s:O}", "version", SEAL_VERSION, "checksum", sum, "content",
			 content);
	text = json_dumps(file, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	json_decref(file);
	if (!text)
		abort();
	line = util_printf("%s\n", text);
	free(text);
	*ret_length = strlen(line);
	return line;
}

int seal_open(const char *text, size_t length, json_t **ret_content, struct err *e)
{
	json_error_t error;
	json_t *file = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	const json_t *version = json_object_get(file, "version");
	const char *sum = json_string_value(json_object_get(file, "checksum"));
	json_t *content = json_object_get(file, "content");
	char own[CHECKSUM_SIZE];
	int r = 0;

	if (!file)
		r = err_set(e, ERR_SYNTAX, "", "not JSON: %.100s (line %d)", error.text,
			    error.line);
	else if (!json_is_integer(version) || json_integer_value(version) < 1)
		r = err_set(e, ERR_SYNTAX, "", "it has no version");
	else if (json_integer_value(version) > SEAL_VERSION)
		r = err_set(e, ERR_UNSUPPORTED, "",
			    "it was written by a later version of sluiced (format %lld, this one "
			    "knows %d)",
			    (long long)json_integer_value(version), SEAL_VERSION);
	else if (!sum || !content || json_object_size(file) != 3)
		r = err_set(e, ERR_SYNTAX, "", "it lacks its content or its checksum");
	else if (checksum(content, own) || strcmp(own, sum))
		r = err_set(e, ERR_SYNTAX, "", "its checksum does not fit: it was damaged");
	if (!r)
		*ret_content = json_incref(content);
	json_decref(file);
	return r ? -EINVAL : 0;
}
