/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text from outside ends up in JSON, in logs and on terminals, which take only well-formed UTF-8
 * (RFC 3629), and none of which should obey it.
 */
#pragma once

#include <stddef.h>

/* Bytes of the character that text begins with, 1 to 4; 0 if it is malformed, or the end. */
size_t utf8_length(const char *text);
/* In place: control characters become spaces, bytes that are part of no character '?'. */
void utf8_clean(char *text);
