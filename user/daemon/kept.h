/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of the state directory hold, to and from the daemon; the table is in state.c. */
#pragma once

#include "daemon/state.h"

json_t *kept_save_changes(struct daemon *daemon);
int kept_load_changes(struct daemon *daemon, const json_t *content, struct err *e);
json_t *kept_save_last_good(struct daemon *daemon);
int kept_load_last_good(struct daemon *daemon, const json_t *content, struct err *e);
