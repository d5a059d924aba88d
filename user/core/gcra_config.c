/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/gcra_config.h"

#include <inttypes.h>

#include <sluice/gcra.h>

#define NS_PER_S 1000000000ULL
#define RATE_MAX 10000000ULL  /* events a second */
#define SECONDS_MAX 3600      /* the slowest rate is one event in so many */
#define UNITS_MIN 100	      /* an increment has at least so many, so rounding errs by 0.5 % */
#define SPAN_MAX (1ULL << 30) /* tau + inc stay below, in units */
#define K_MAX 63

typedef unsigned __int128 u128;

uint64_t gcra_burst_min(uint64_t rate_n, uint32_t rate_s, uint32_t tick_ns)
{
	u128 per = (u128)rate_s * NS_PER_S;

	return (uint64_t)((2 * (u128)rate_n * tick_ns + per - 1) / per) + 1;
}

uint64_t gcra_burst_default(uint64_t rate_n, uint32_t rate_s, uint32_t tick_ns)
{
	uint64_t least = gcra_burst_min(rate_n, rate_s, tick_ns);
	uint64_t second = (rate_n + rate_s - 1) / rate_s;

	return second > least ? second : least;
}

/* round(rate_s / rate_n, in units of 2^k ns) */
static uint64_t increment(uint64_t rate_n, uint32_t rate_s, uint32_t k)
{
	u128 unit = (u128)rate_n << k;

	return (uint64_t)(((u128)rate_s * NS_PER_S + unit / 2) / unit);
}

static int check_rate(uint64_t rate_n, uint32_t rate_s, struct err *e)
{
	int ret;

	if (rate_n == 0 || rate_s == 0) {
		ret = err_set(e, ERR_INVALID, "", "rate is 0; a limit admits something");
		err_hint(e, "the slowest rate is 1/h; to refuse everybody remove the service");
		return ret;
	}
	if ((u128)rate_n > (u128)RATE_MAX * rate_s) {
		ret = err_set(e, ERR_INVALID, "",
			      "rate %" PRIu64 " in %" PRIu32 " s is above %llu/s", rate_n, rate_s,
			      RATE_MAX);
		err_hint(e, "the highest rate is %llu/s", RATE_MAX);
		return ret;
	}
	if ((u128)rate_n * SECONDS_MAX < rate_s) {
		ret = err_set(e, ERR_INVALID, "",
			      "rate %" PRIu64 " in %" PRIu32 " s is below one an hour", rate_n,
			      rate_s);
		err_hint(e, "the slowest rate is 1/h");
		return ret;
	}
	return 0;
}

uint64_t gcra_convert(uint64_t word, uint64_t now_ns, const struct gcra_params *from,
		      const struct gcra_params *to)
{
	uint16_t seen = sluice_gcra_seen(now_ns);
	uint64_t silent_ns = (uint64_t)(uint16_t)(seen - SLUICE_SRC_SEEN(word))
			     << SLUICE_SEEN_NS_LOG2;
	uint64_t span = (uint64_t)from->tau + from->inc, one_tick = 1ULL << SLUICE_SEEN_NS_LOG2;
	uint32_t units =
		sluice_gcra_debt(word, sluice_gcra_now(now_ns, from->k), from->inc, from->tau);
	u128 debt;

	/* As the packet path has it: a time that has wrapped is no debt. */
	if (!word || !units || (silent_ns > one_tick && (silent_ns - one_tick) >> from->k > span))
		return 0;
	debt = (((u128)units << from->k) + ((u128)1 << to->k) - 1) >> to->k;
	if (debt > to->tau)
		debt = to->tau;
	return SLUICE_SRC(SLUICE_SRC_TAG(word), seen,
			  sluice_gcra_now(now_ns, to->k) + (uint32_t)debt);
}

int gcra_params_make(uint64_t rate_n, uint32_t rate_s, uint64_t burst, uint32_t tick_ns,
		     struct gcra_params *ret_params, struct err *e)
{
	uint64_t least, inc, most = 0;
	uint32_t k;
	int ret = check_rate(rate_n, rate_s, e);

	if (ret)
		return ret;
	least = gcra_burst_min(rate_n, rate_s, tick_ns);
	if (burst < least) {
		ret = err_set(e, ERR_INVALID, "",
			      "burst %" PRIu64 " is too small for %" PRIu64 " in %" PRIu32
			      " s: a clock of %" PRIu32 " us would lose rate",
			      burst, rate_n, rate_s, tick_ns / 1000);
		err_hint(e, "the smallest burst for this rate is %" PRIu64, least);
		return ret;
	}
	/* The finest unit in which the whole burst fits; coarser ones only lose precision. */
	for (k = 0; k <= K_MAX; k++) {
		inc = increment(rate_n, rate_s, k);
		if (inc < UNITS_MIN)
			break;
		if ((u128)inc * burst + inc < SPAN_MAX) {
			*ret_params =
				(struct gcra_params){k, (uint32_t)inc, (uint32_t)(inc * burst)};
			return 0;
		}
		most = (SPAN_MAX - 1) / inc - 1;
	}
	ret = err_set(e, ERR_INVALID, "", "burst %" PRIu64 " is longer than the time field holds",
		      burst);
	err_hint(e, "the largest burst for this rate is %" PRIu64, most);
	return ret;
}
