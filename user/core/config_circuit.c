/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the keys of a circuit must be to each other, and to the check. */
#include "core/config_read.h"

/* After a failure probes come soon, up to `fall` of them in an interval. */
static uint64_t window_probes(const struct circuit_config *circuit,
			      const struct check_config *check)
{
	return (circuit->window_ms / MAX(check->interval_ms, 1) + 1ULL) * check->fall;
}

/* Does it say something of the ratio, which can eject nobody for all that? */
static bool is_ratio_idle(struct config_reader *r, yaml_node_t *section,
			  const struct circuit_config *circuit, const struct check_config *check)
{
	return circuit->is_enabled && circuit->ratio_percent && check->type != CHECK_NONE &&
	       window_probes(circuit, check) < circuit->volume &&
	       (config_find(r, section, "ratio", NULL) || config_find(r, section, "volume", NULL) ||
		config_find(r, section, "window", NULL));
}

void config_check_circuit(struct config_reader *r, yaml_node_t *mapping,
			  const struct circuit_config *circuit, const struct check_config *check)
{
	yaml_node_t *key = NULL, *section = config_find(r, mapping, "circuit", &key);
	struct err *e;
	size_t mark;

	if (!section)
		return;
	mark = config_enter(r, "circuit");
	if (circuit->open_ms > circuit->open_max_ms)
		err_hint(config_fail(r, key, ERR_INVALID,
				     "open of %u ms is longer than open_max of %u ms",
				     circuit->open_ms, circuit->open_max_ms),
			 "open is the first pause, open_max the longest: lower open or raise "
			 "open_max");
	if (check && is_ratio_idle(r, section, circuit, check)) {
		e = config_fail(
			r, key, ERR_INVALID,
			"%u ms have room for %u probes with an interval of %u ms, and volume "
			"wants %u: no ratio would ever eject a member",
			circuit->window_ms, (uint32_t)window_probes(circuit, check),
			check->interval_ms, circuit->volume);
		err_hint(e, "lower volume, raise window, probe more often, or say ratio: 0");
	}
	config_leave(r, mark);
}
