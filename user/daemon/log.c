/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/daemon.h"

#include <stdarg.h>

void daemon_log_err(enum log_level level, const struct daemon *daemon, const struct err *e)
{
	const char *file = e->line ? daemon->options.config_path : NULL;
	char text[800];

	err_format(e, file, text, sizeof(text));
	log_line(level, e->line ? "config" : "daemon", "%s", text);
}

void daemon_log_mistakes(const struct daemon *daemon, const struct errs *errors)
{
	char text[1024];
	size_t i;

	for (i = 0; i < errors->count; i++) {
		err_format(&errors->list[i], daemon->options.config_path, text, sizeof(text));
		log_error("config", "%s", text);
	}
}

void daemon_log_errs(const struct daemon *daemon, const struct errs *errors)
{
	size_t i;

	for (i = 0; i < errors->count; i++)
		daemon_log_err(LOG_LEVEL_ERROR, daemon, &errors->list[i]);
}

void daemon_event(struct daemon *daemon, enum event_type type, const char *fmt, ...)
{
	struct event event = {.type = type};
	va_list args;

	va_start(args, fmt);
	vsnprintf(event.text, sizeof(event.text), fmt, args);
	va_end(args);
	event_log_add(daemon->events, &event);
}
