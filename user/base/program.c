/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool program_look(const char *path, char text[200], char hint[200])
{
	struct stat st;

	if (stat(path, &st)) {
		snprintf(text, 200, "%.120s: %s", path, strerror(errno));
		snprintf(hint, 200, "write the path of a program that is there");
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(text, 200, "%.120s is no file", path);
		snprintf(hint, 200, "write the path of a program");
		return false;
	}
	if (!(st.st_mode & S_IXOTH)) {
		snprintf(text, 200, "%.120s is not executable for everybody", path);
		snprintf(hint, 200, "it is run by a user without rights: chmod a+rx %.120s", path);
		return false;
	}
	return true;
}
