/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whether a program can be run, or a file be read, by somebody who is not root. */
#pragma once

#include <stdbool.h>

/* False with the reason and what to do. */
bool program_look(const char *path, bool is_program, char text[200], char hint[200]);
