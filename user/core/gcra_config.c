/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/gcra_config.h"

#include <inttypes.h>

#include <sluice/gcra.h>

#define NS_PER_S 1000000000ULL
#define SECONDS_MAX 3600 /* the slowest rate is the least of a unit in so many */

typedef unsigned __int128 u128;

/* How things are counted. */
struct counting {
	uint64_t rate_max; /* a second */
	uint64_t rate_min; /* in SECONDS_MAX */
	uint64_t packet;   /* of a burst, what one packet needs at most */
	uint32_t inc_min;  /* units; rounding errs by half of one */
	uint32_t log2;	   /* inc is that of 2^log2 */
	const char *unit;  /* behind a number */
	const char *highest;
	const char *slowest;
};

static const struct counting ONES = {
	.rate_max = 10000000,
	.rate_min = 1,
	.packet = 1,
	.inc_min = 100,
	.unit = "",
	.highest = "10000000/s",
	.slowest = "1/h",
};

static const struct counting BYTES = {
	.rate_max = 12500000000,
	.rate_min = 1000,
	.packet = GCRA_BYTES_FRAME,
	.inc_min = (50 << SLUICE_LIMIT_BYTES_LOG2) / GCRA_BYTES_LEAST + 1,
	.log2 = SLUICE_LIMIT_BYTES_LOG2,
	.unit = " bytes",
	.highest = "12500000000 bytes/s (100 Gbit/s)",
	.slowest = "1000 bytes/h",
};

static const struct counting *counting_of(enum sluice_limit_count count)
{
	return count == SLUICE_COUNT_BYTES ? &BYTES : &ONES;
}

static uint64_t burst_min(const struct counting *c, uint64_t rate_n, uint32_t rate_s,
			  uint32_t tick_ns)
{
	u128 per = (u128)rate_s * NS_PER_S;

	return (uint64_t)((2 * (u128)rate_n * tick_ns + per - 1) / per) + c->packet;
}

/* round(2^log2 * rate_s / rate_n, in units of 2^k/16 ns) */
static uint64_t increment(const struct counting *c, uint64_t rate_n, uint32_t rate_s, uint32_t k)
{
	u128 unit = (u128)rate_n << k;

	return (uint64_t)((((u128)rate_s * NS_PER_S << (c->log2 + SLUICE_GCRA_NS_LOG2)) +
			   unit / 2) /
			  unit);
}

/* The largest burst for which tau + inc stay below SLUICE_GCRA_SPAN; 0: none. */
static uint64_t burst_within(const struct counting *c, uint64_t inc)
{
	return inc < SLUICE_GCRA_SPAN ? (((SLUICE_GCRA_SPAN - inc) << c->log2) - 1) / inc : 0;
}

/* The largest burst for this rate, whatever the unit. */
static uint64_t burst_max(const struct counting *c, uint64_t rate_n, uint32_t rate_s)
{
	uint64_t most = 0, inc;
	uint32_t k;

	for (k = 0; k <= SLUICE_GCRA_K_MAX; k++) {
		inc = increment(c, rate_n, rate_s, k);
		if (inc < c->inc_min)
			break;
		most = burst_within(c, inc);
	}
	return most;
}

uint64_t gcra_burst_min(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
			uint32_t tick_ns)
{
	return burst_min(counting_of(count), rate_n, rate_s, tick_ns);
}

uint64_t gcra_rate_max(enum sluice_limit_count count)
{
	return counting_of(count)->rate_max;
}

uint64_t gcra_burst_max(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s)
{
	return burst_max(counting_of(count), rate_n, rate_s);
}

uint64_t gcra_burst_default(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
			    uint32_t tick_ns)
{
	const struct counting *c = counting_of(count);
	uint64_t least = burst_min(c, rate_n, rate_s, tick_ns);
	uint64_t second = rate_n / rate_s + (rate_n % rate_s != 0);
	uint64_t most = rate_n ? burst_max(c, rate_n, rate_s) : 0;

	if (second > most)
		second = most;
	return second > least ? second : least;
}

static int check_rate(const struct counting *c, uint64_t rate_n, uint32_t rate_s, struct err *e)
{
	int ret;

	if (rate_n == 0 || rate_s == 0) {
		ret = err_set(e, ERR_INVALID, "", "rate is 0; a limit admits something");
		err_hint(e, "the slowest rate is %s; to refuse everybody remove the service",
			 c->slowest);
		return ret;
	}
	if ((u128)rate_n > (u128)c->rate_max * rate_s) {
		ret = err_set(e, ERR_INVALID, "", "rate %" PRIu64 "%s in %" PRIu32 " s is above %s",
			      rate_n, c->unit, rate_s, c->highest);
		err_hint(e, "the highest rate is %s", c->highest);
		return ret;
	}
	if ((u128)rate_n * SECONDS_MAX < (u128)c->rate_min * rate_s) {
		ret = err_set(e, ERR_INVALID, "", "rate %" PRIu64 "%s in %" PRIu32 " s is below %s",
			      rate_n, c->unit, rate_s, c->slowest);
		err_hint(e, "the slowest rate is %s", c->slowest);
		return ret;
	}
	return 0;
}

uint64_t gcra_convert(uint64_t word, uint64_t now_ns, const struct gcra_params *from,
		      const struct gcra_params *to)
{
	uint16_t seen = sluice_gcra_seen(now_ns);
	uint32_t units = sluice_gcra_debt(word, sluice_gcra_now(now_ns, from->k), seen, from->k);
	u128 debt;

	if (!units)
		return 0;
	debt = (((u128)units << from->k) + ((u128)1 << to->k) - 1) >> to->k;
	if (debt > to->tau)
		debt = to->tau;
	return SLUICE_SRC(SLUICE_SRC_TAG(word), seen,
			  sluice_gcra_now(now_ns, to->k) + (uint32_t)debt);
}

static int check_burst(const struct counting *c, uint64_t rate_n, uint32_t rate_s, uint64_t burst,
		       uint32_t tick_ns, struct err *e)
{
	uint64_t least = burst_min(c, rate_n, rate_s, tick_ns);
	int ret;

	if (burst >= least)
		return 0;
	if (burst < c->packet && c == &BYTES)
		ret = err_set(e, ERR_INVALID, "",
			      "burst %" PRIu64
			      " bytes is too small: a frame of %d would never pass",
			      burst, GCRA_BYTES_FRAME);
	else
		ret = err_set(e, ERR_INVALID, "",
			      "burst %" PRIu64 "%s is too small for %" PRIu64 "%s in %" PRIu32
			      " s: a clock of %" PRIu32 " us would lose rate",
			      burst, c->unit, rate_n, c->unit, rate_s, tick_ns / 1000);
	err_hint(e, "the smallest burst for this rate is %" PRIu64 "%s", least, c->unit);
	return ret;
}

int gcra_params_make_from(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
			  uint64_t burst, uint32_t tick_ns, uint32_t k,
			  struct gcra_params *ret_params, struct err *e)
{
	const struct counting *c = counting_of(count);
	uint64_t inc, most = 0;
	int ret = check_rate(c, rate_n, rate_s, e);

	if (ret == 0)
		ret = check_burst(c, rate_n, rate_s, burst, tick_ns, e);
	if (ret)
		return ret;
	/* The finest unit in which the whole burst fits; coarser ones only lose precision. */
	for (; k <= SLUICE_GCRA_K_MAX; k++) {
		inc = increment(c, rate_n, rate_s, k);
		if (inc < c->inc_min)
			break;
		most = burst_within(c, inc);
		if (burst <= most) {
			*ret_params = (struct gcra_params){k, (uint32_t)inc,
							   (uint32_t)(inc * burst >> c->log2)};
			return 0;
		}
	}
	if (!most) {
		ret = err_set(e, ERR_INVALID, "",
			      "rate %" PRIu64 "%s in %" PRIu32
			      " s is too high beside the slowest rate of the same limit",
			      rate_n, c->unit, rate_s);
		err_hint(e, "a smaller burst of the slow one leaves room for it");
		return ret;
	}
	ret = err_set(e, ERR_INVALID, "", "burst %" PRIu64 "%s is longer than the time field holds",
		      burst, c->unit);
	err_hint(e, "the largest burst for this rate is %" PRIu64 "%s", most, c->unit);
	return ret;
}

int gcra_params_make(enum sluice_limit_count count, uint64_t rate_n, uint32_t rate_s,
		     uint64_t burst, uint32_t tick_ns, struct gcra_params *ret_params,
		     struct err *e)
{
	return gcra_params_make_from(count, rate_n, rate_s, burst, tick_ns, 0, ret_params, e);
}
