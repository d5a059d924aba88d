/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Candidates for the shell, one a line: `sluicectl __complete -- WORD... CURRENT`. */
#pragma once

#include <stdio.h>

/* argv: the words after the program's name; the last is the one being completed, maybe "". Never
 * fails and never prints an error: a shell would show it in the middle of the line. */
void complete_print(FILE *out, int argc, char *const *argv);
