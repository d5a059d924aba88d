/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool program_look(const char *path, bool is_program, char text[200], char hint[200])
{
	const char *what = is_program ? "program" : "file";
	struct stat st;

	if (stat(path, &st)) {
		snprintf(text, 200, "%.120s: %s", path, strerror(errno));
		snprintf(hint, 200, "write the path of a %s that is there", what);
		return false;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(text, 200, "%.120s is no file", path);
		snprintf(hint, 200, "write the path of a %s", what);
		return false;
	}
	if (is_program && !(st.st_mode & S_IXOTH)) {
		snprintf(text, 200, "%.120s is not executable for everybody", path);
		snprintf(hint, 200, "it is run by a user without rights: chmod a+rx %.120s", path);
		return false;
	}
	if (!is_program && !(st.st_mode & S_IROTH)) {
		snprintf(text, 200, "%.120s is not readable for everybody", path);
		snprintf(hint, 200, "it is read by a user without rights: chmod a+r %.120s", path);
		return false;
	}
	return true;
}
