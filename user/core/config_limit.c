/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of the configuration. */
#include <string.h>

#include "core/config_read.h"

void config_read_limit(struct config_reader *r, const char *name, yaml_node_t *key,
		       yaml_node_t *value, void *user)
{
	struct limit_config *limit = &r->config->limits[r->config->limit_count++];

	(void)user;
	config_schema_defaults(CONFIG_SECTION_LIMIT, limit);
	config_schema_defaults(CONFIG_SECTION_PER, limit);
	util_copy(limit->name, sizeof(limit->name), name);
	limit->line = config_line(key);
	if (config_find(r, value, "ban", NULL))
		config_schema_defaults(CONFIG_SECTION_BAN, &limit->ban);
	config_read_section(r, CONFIG_SECTION_LIMIT, value, key, limit);
}

/* ---- relations ------------------------------------------------------------------------------ */

/* What fits each thing that is counted. */
static const struct {
	const char *counts, *rate, *burst;
} EXAMPLES[SLUICE_COUNT_MAX] = {
	[SLUICE_COUNT_PACKETS] = {"packets", "10k/s, or 10k pkt/s", "20k"},
	[SLUICE_COUNT_NEW_CONNECTIONS] = {"new-connections", "50/s, or 50 conn/s", "200"},
	[SLUICE_COUNT_BYTES] = {"bytes", "25MB/s, or 200Mbit/s", "4MB"},
};

static void fail_unit(struct config_reader *r, const struct limit_config *limit, const char *key,
		      const char *text, const char *example)
{
	size_t mark = config_enter(r, key);
	struct err *e = config_fail_line(r, limit->line, ERR_CONFLICT,
					 "%s does not count %s, which the limit does", text,
					 EXAMPLES[limit->count].counts);

	err_hint(e, "write it like %s, or change count", example);
	config_leave(r, mark);
}

static void check_units(struct config_reader *r, const struct limit_config *limit)
{
	char text[RATE_TEXT_MAX];

	if (limit->rate.n && !rate_unit_fits(limit->rate.unit, limit->count))
		fail_unit(r, limit, "rate", rate_format(&limit->rate, text),
			  EXAMPLES[limit->count].rate);
	if (limit->burst.n && !rate_unit_fits(limit->burst.unit, limit->count))
		fail_unit(r, limit, "burst", amount_format(&limit->burst, text),
			  EXAMPLES[limit->count].burst);
}

static void check_ban(struct config_reader *r, const struct limit_config *limit)
{
	size_t mark;

	if (!limit->ban.after || limit->ban.for_s <= limit->ban.max_s)
		return;
	mark = config_enter(r, "ban");
	config_enter(r, "for");
	err_hint(
		config_fail_line(r, limit->line, ERR_INVALID, "is %u s, longer than max, %u s",
				 limit->ban.for_s, limit->ban.max_s),
		"a source that somebody else spoofs is kept away as long: lower for, or raise max");
	config_leave(r, mark);
}

void config_check_limits(struct config_reader *r)
{
	const struct config *config = r->config;

	for (size_t i = 0; i < config->limit_count; i++) {
		const struct limit_config *limit = &config->limits[i];
		size_t mark = config_enter(r, "limits");

		config_enter(r, limit->name);
		if (limit->count != SLUICE_COUNT_NONE)
			check_units(r, limit);
		check_ban(r, limit);
		config_leave(r, mark);
	}
}
