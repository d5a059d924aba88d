/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Tells the service manager how far we are (sd_notify(3)): nothing happens without one. */
#pragma once

#include "base/util.h"

/* Lines as "READY=1\nSTATUS=...". */
void notify_send(const char *fmt, ...) PRINTF(1, 2);
