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

int dp_access_compare(const struct dp_access_entry *a, const struct dp_access_entry *b)
{
	int order = (int)a->list - (int)b->list;

	return order ? order : prefix_compare(&a->prefix, &b->prefix);
}
