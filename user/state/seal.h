/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a file of the state directory looks like inside: {"version":1,"checksum":"…","content":…}.
 * The checksum is over the content as compact JSON with sorted keys, so a flipped byte or a cut
 * file is noticed, and one from a later version is told from a damaged one.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"

#define SEAL_VERSION 1

/* Returns the text of a file, owned by the caller. content stays the caller's. */
char *seal_close(const json_t *content, size_t *ret_length);
/* 0 and the content, to be released by the caller; or -EINVAL and an err that says what is wrong:
 * ERR_UNSUPPORTED for a later version, ERR_SYNTAX for anything else. */
int seal_open(const char *text, size_t length, json_t **ret_content, struct err *e);
