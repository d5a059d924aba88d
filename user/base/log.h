/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One line to standard error per event: "area: what happened (reason) key=value". The edge of a
 * component logs, library code returns errors. Under systemd the sd-daemon priority prefix. */
#pragma once

#include "base/util.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_MAX
};

void log_set_level(enum log_level level);
void log_line(enum log_level level, const char *area, const char *fmt, ...) PRINTF(3, 4);

#define log_error(area, ...) log_line(LOG_LEVEL_ERROR, area, __VA_ARGS__)
#define log_warning(area, ...) log_line(LOG_LEVEL_WARNING, area, __VA_ARGS__)
#define log_info(area, ...) log_line(LOG_LEVEL_INFO, area, __VA_ARGS__)
#define log_debug(area, ...) log_line(LOG_LEVEL_DEBUG, area, __VA_ARGS__)
