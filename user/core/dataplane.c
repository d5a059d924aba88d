/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/dataplane.h"

#include <stdlib.h>
#include <string.h>

void dp_adopted_done(struct dp_adopted *adopted)
{
	free(adopted->services);
	free(adopted->members);
	free(adopted->nexthops);
	free(adopted->limits);
	memset(adopted, 0, sizeof(*adopted));
}
