/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"

static const struct {
	const char *name;
	const char *priority; /* sd-daemon(3): how the journal learns a line's level */
} LEVELS[] = {
	[LOG_LEVEL_ERROR] = {"error", "<3>"},
	[LOG_LEVEL_WARNING] = {"warning", "<4>"},
	[LOG_LEVEL_INFO] = {"info", "<6>"},
	[LOG_LEVEL_DEBUG] = {"debug", "<7>"},
};

_Static_assert(ARRAY_SIZE(LEVELS) == LOG_LEVEL_MAX, "every level has a name");

static enum log_level log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_line(enum log_level level, const char *area, const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *line = NULL;
	bool is_journal = getenv("JOURNAL_STREAM") != NULL;
	int saved_errno = errno, n;
	size_t done = 0, length;
	va_list args;

	if (level > log_level || level >= LOG_LEVEL_MAX)
		return;
	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		errno = saved_errno;
		return;
	}
	utf8_clean(text); /* nothing from outside forges a second line */
	/* The journal has the level from the prefix; elsewhere a problem says so in words. */
	line = util_printf("%s%s: %s%s%s\n", is_journal ? LEVELS[level].priority : "", area,
			   !is_journal && level <= LOG_LEVEL_WARNING ? LEVELS[level].name : "",
			   !is_journal && level <= LOG_LEVEL_WARNING ? ": " : "", text);
	length = strlen(line);
	while (done < length) { /* one write where the kernel allows, so lines do not mix */
		ssize_t written = write(STDERR_FILENO, line + done, length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	errno = saved_errno;
}
