/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The files that make a configuration: the main one, then drop-ins in the order of their names. For
 * /etc/sluice/sluice.yaml these are /etc/sluice/sluice.d/NAME.yaml. */
#pragma once

#include <jansson.h>

#include "core/config.h"

/* What `save` writes. */
#define SOURCES_OWN_NAME "90-runtime.yaml"

struct sources {
	struct config_file list[CONFIG_FILES_MAX]; /* paths and texts are owned */
	size_t count;
};

void sources_done(struct sources *sources); /* leaves none */
/* The first file is read by util_read_file(), or by util_read_input(): "-" has no drop-ins. 0, or
 * negative errno and an err that names the file; then nothing is filled. */
int sources_read(const char *path, config_read_file_fn read, struct sources *ret_sources,
		 struct err *e);
bool sources_equal(const struct sources *a, const struct sources *b);
/* The folder of drop-ins, owned by the caller. */
char *sources_directory(const char *path);
/* Everything but the file of this path. The copy owns its texts. */
void sources_copy_without(const struct sources *from, const char *path, struct sources *ret_to);
/* In its place by name; takes over the text, copies the path. */
void sources_insert(struct sources *sources, const char *path, char *text);

json_t *sources_to_json(const struct sources *sources);
/* 0, or -EINVAL and an err. */
int sources_from_json(const json_t *json, struct sources *ret_sources, struct err *e);
