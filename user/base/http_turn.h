/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the two servers on libmicrohttpd share. */
#pragma once

#include <microhttpd.h>

static inline unsigned int http_turn_connections(struct MHD_Daemon *http)
{
	return MHD_get_daemon_info(http, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections;
}

/* At its limit of connections libmicrohttpd stops to listen, and begins again at the start of the
 * first turn after one has ended: without another one now, that might be never. */
static inline void http_turn(struct MHD_Daemon *http)
{
	unsigned int before, after;

	do {
		before = http_turn_connections(http);
		MHD_run(http);
		after = http_turn_connections(http);
	} while (after < before);
}
