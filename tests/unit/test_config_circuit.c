/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bad circuits, fallbacks and panics: each row has every error, as "LINE CODE PATH". */
#include "unit/config_errors.h"

#define POOLS WEB "    pools: {a: {members: [192.0.2.21]}, b: {members: [192.0.2.22]}}\n"

static void test_circuit(void **state)
{
	static const struct row ROWS[] = {
		{FULL "    circuit: {}\n", "none\n"},
		{FULL "    circuit: disabled\n", "8 invalid services.web.circuit\n"},
		{FULL "    circuit: {mode: off}\n", "8 invalid services.web.circuit.mode\n"},
		{FULL "    circuit: {open: 999ms, open_max: 2h, trial: 0s}\n",
		 "8 invalid services.web.circuit.open\n"
		 "8 invalid services.web.circuit.open_max\n"
		 "8 invalid services.web.circuit.trial\n"},
		{FULL "    circuit: {open: 10s, open_max: 9s}\n",
		 "8 invalid services.web.circuit\n"},
		{FULL "    circuit: {open: 301s}\n", "8 invalid services.web.circuit\n"},
		{FULL "    circuit: {trial_share: 0, ratio: 101, volume: 1, window: 5s}\n",
		 "8 invalid services.web.circuit.trial_share\n"
		 "8 invalid services.web.circuit.ratio\n"
		 "8 invalid services.web.circuit.volume\n"
		 "8 invalid services.web.circuit.window\n"},
		/* Up to `fall` probes in an interval: the window must have room for the volume. */
		{FULL "    circuit: {ratio: 30}\n    check: {type: tcp, interval: 10s}\n",
		 "none\n"},
		{FULL "    circuit: {volume: 10}\n    check: {type: tcp, interval: 60s}\n",
		 "8 invalid services.web.circuit\n"},
		{FULL "    circuit: {window: 60s}\n    check: {type: tcp, interval: 60s}\n",
		 "8 invalid services.web.circuit\n"},
		{FULL "    circuit: {window: 5m}\n    check: {type: tcp, interval: 60s}\n",
		 "none\n"},
		{FULL "    circuit: {open: 5s}\n    check: {type: tcp, interval: 60s}\n", "none\n"},
		{FULL
		 "    circuit: {ratio: 0, volume: 10}\n    check: {type: tcp, interval: 60s}\n",
		 "none\n"},
		{WEB "    check: {type: tcp, interval: 60s}\n    pools:\n      a:\n"
		     "        members: []\n        circuit: {volume: 7}\n",
		 "11 invalid services.web.pools.a.circuit\n"},
		{WEB
		 "    circuit: {volume: 10}\n    check: {type: tcp, interval: 60s}\n    pools:\n"
		 "      a: {members: [], check: tcp}\n",
		 "none\n"},
		{FULL "    circuit: {passive: observe}\n", "none\n"},
		{FULL "    circuit: {mode: disabled, passive: suspect}\n", "none\n"},
		{FULL "    circuit: {passive: disabled}\n", "none\n"},
		{FULL "    circuit: {passive: off}\n", "8 invalid services.web.circuit.passive\n"},
		{FULL "    circuit: {passive: trip}\n", "8 invalid services.web.circuit.passive\n"},
		{FULL "    circuit: {opens: 5s}\n", "8 unknown_key services.web.circuit.opens\n"},
		{WEB "    pools:\n      a:\n        members: []\n"
		     "        circuit: {open_max: 4s}\n",
		 "10 invalid services.web.pools.a.circuit\n"},
		{FULL "  own: {listen: tcp 192.0.2.9:80, mode: local, circuit: {}, panic: drop,\n"
		      "    min_healthy: 1, fallback: x}\n",
		 "8 invalid services.own.circuit\n8 invalid services.own.panic\n"
		 "9 invalid services.own.min_healthy\n9 invalid services.own.fallback\n"},
	};

	check_rows(ROWS, sizeof(ROWS) / sizeof(ROWS[0]));
	(void)state;
}

static void test_panic(void **state)
{
	static const struct row ROWS[] = {
		{POOLS "    fallback: b\n", "none\n"},
		{POOLS "    fallback: b\n    min_healthy: 1\n", "none\n"},
		{POOLS "    min_healthy: 2\n", "none\n"},
		{POOLS "    fallback: b\n    min_healthy: 2\n",
		 "9 invalid services.web.min_healthy\n"},
		{POOLS "    fallback: c\n", "8 not_found services.web.fallback\n"},
		{POOLS "    fallback: [b]\n", "8 invalid services.web.fallback\n"},
		{POOLS "    fallback: ''\n", "8 invalid services.web.fallback\n"},
		{WEB "    pools: {a: {members: []}}\n    fallback: a\n",
		 "8 invalid services.web.fallback\n"},
		{FULL "    fallback: default\n", "8 invalid services.web.fallback\n"},
		{FULL "    min_healthy: 2\n", "8 invalid services.web.min_healthy\n"},
		{FULL "    min_healthy: 0\n", "8 invalid services.web.min_healthy\n"},
		{FULL "    panic: none\n", "8 invalid services.web.panic\n"},
	};

	check_rows(ROWS, sizeof(ROWS) / sizeof(ROWS[0]));
	(void)state;
}

/* A route is withdrawn only where there is one. */
static void test_on_down(void **state)
{
	static const struct row ROWS[] = {
		{FULL "    announce: route\n    on_down: withdraw\n", "none\n"},
		{FULL "    on_down: announce\n", "none\n"},
		{FULL "    on_down: withdraw\n", "8 invalid services.web.on_down\n"},
		{FULL "    announce: arp\n    on_down: withdraw\n",
		 "9 invalid services.web.on_down\n"},
		{FULL "    announce: route\n    on_down: keep\n",
		 "9 invalid services.web.on_down\n"},
		{FULL "  own: {listen: tcp 192.0.2.9:80, mode: local, on_down: withdraw}\n",
		 "8 invalid services.own.on_down\n8 invalid services.own.on_down\n"},
	};

	check_rows(ROWS, sizeof(ROWS) / sizeof(ROWS[0]));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_circuit),
		cmocka_unit_test(test_panic),
		cmocka_unit_test(test_on_down),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
