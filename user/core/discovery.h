/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#pragma once

/* What whoever finds members says of one: a name's answers, or a controller through the API. */
enum discovery_state {
	DISCOVERY_READY,
	DISCOVERY_TERMINATING, /* serves while nobody else does */
	DISCOVERY_NOT_READY,
	DISCOVERY_STATE_MAX
};
