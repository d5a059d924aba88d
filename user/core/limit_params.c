/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/limit_params.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <sluice/gcra.h>

#include "base/util.h"

uint64_t limit_burst(enum sluice_limit_count count, const struct rate *rate,
		     const struct amount *burst, uint32_t tick_ns)
{
	if (burst->n || !rate->s)
		return burst->n;
	return gcra_burst_default(count, rate->n, rate->s, tick_ns);
}

/* A rate and its burst; which: the exception, or -1. */
struct one {
	struct rate rate;
	uint64_t burst;
	int which;
	int line;
};

static struct one one_at(const struct limit_config *config, int which, uint32_t tick_ns)
{
	const struct limit_exception *exception;

	if (which < 0)
		return (struct one){
			config->rate,
			limit_burst(config->count, &config->rate, &config->burst, tick_ns), which,
			config->line};
	exception = &config->exceptions->list[which];
	return (struct one){
		exception->rate,
		limit_burst(config->count, &exception->rate, &exception->burst, tick_ns), which,
		exception->line};
}

static int make_from(enum sluice_limit_count count, const struct one *one, uint32_t tick_ns,
		     uint32_t k, struct gcra_params *ret_params, struct err *e)
{
	int ret = gcra_params_make_from(count, one->rate.n, one->rate.s, one->burst, tick_ns, k,
					ret_params, e);

	if (ret && e) {
		e->line = one->line;
		e->path[0] = '\0';
		if (one->which >= 0)
			snprintf(e->path, sizeof(e->path), "except[%d]", one->which);
	}
	return ret;
}

/* The coarsest unit in which a rate and its burst can be. */
static uint32_t coarsest(enum sluice_limit_count count, const struct one *one, uint32_t tick_ns)
{
	struct gcra_params params;
	uint32_t k = 0;

	while (k < SLUICE_GCRA_K_MAX && !make_from(count, one, tick_ns, k + 1, &params, NULL))
		k++;
	return k;
}

/* The largest burst for a rate whose unit is not coarser than k; 0: none. */
static uint64_t burst_in(enum sluice_limit_count count, const struct one *one, uint32_t tick_ns,
			 uint32_t k)
{
	uint64_t min = gcra_burst_min(count, one->rate.n, one->rate.s, tick_ns);
	uint64_t least = min, most = one->burst;
	struct gcra_params params;
	struct one tried = *one;

	if (least >= most)
		return 0;
	for (tried.burst = least; least < most; tried.burst = least + (most - least) / 2) {
		if (!make_from(count, &tried, tick_ns, 0, &params, NULL) && params.k <= k)
			least = tried.burst + 1;
		else
			most = tried.burst;
	}
	return least > min ? least - 1 : 0;
}

/* `fast` cannot be in the unit that `slow` needs. */
static void explain(const struct limit_config *config, const struct one *fast,
		    const struct one *slow, uint32_t tick_ns, struct err *e)
{
	uint32_t k = coarsest(config->count, fast, tick_ns);
	struct amount burst = {burst_in(config->count, slow, tick_ns, k), config->burst.unit};
	char path[sizeof(e->path)], fast_text[RATE_TEXT_MAX], slow_text[RATE_TEXT_MAX],
		burst_text[RATE_TEXT_MAX];

	rate_format(&fast->rate, fast_text);
	rate_format(&slow->rate, slow_text);
	util_copy(path, sizeof(path), e->path);
	err_set(e, ERR_INVALID, path, "%s and %s of one limit are too far apart for one clock",
		fast_text, slow_text);
	e->line = fast->line;
	if (config->count == SLUICE_COUNT_BYTES)
		burst.unit = RATE_BYTES;
	if (burst.n)
		err_hint(e, "with a burst of at most %s for %s both can be",
			 amount_format(&burst, burst_text), slow_text);
	else
		err_hint(e, "exempt the fast ones by a list, or give them a limit of their own");
}

int limit_params_make(const struct limit_config *config, uint32_t tick_ns,
		      struct gcra_params *ret_params, struct err *e)
{
	int count = (int)limit_exceptions_count(config->exceptions), i, ret = 0;
	struct gcra_params params, own = {};
	struct one slowest = {.which = -2};
	uint32_t k = 0;

	for (i = -1; i < count; i++) {
		const struct one one = one_at(config, i, tick_ns);

		ret = make_from(config->count, &one, tick_ns, 0, &params, e);
		if (ret)
			return ret;
		if (slowest.which == -2 || params.k > k) {
			slowest = one;
			k = params.k;
		}
	}
	for (i = count - 1; i >= -1; i--) {
		const struct one one = one_at(config, i, tick_ns);

		ret = make_from(config->count, &one, tick_ns, k, &own, e);
		if (ret && e)
			explain(config, &one, &slowest, tick_ns, e);
		if (ret)
			return ret;
	}
	*ret_params = own;
	return 0;
}

int limit_exception_params(enum sluice_limit_count count, const struct limit_exception *exception,
			   uint32_t tick_ns, uint32_t k, struct gcra_params *ret_params,
			   struct err *e)
{
	uint64_t burst = limit_burst(count, &exception->rate, &exception->burst, tick_ns);

	return gcra_params_make_from(count, exception->rate.n, exception->rate.s, burst, tick_ns, k,
				     ret_params, e);
}

int limit_ceiling_params(const struct rate *rate, uint32_t tick_ns, struct gcra_params *ret_params,
			 struct err *e)
{
	uint64_t burst =
		gcra_burst_default(SLUICE_COUNT_NEW_CONNECTIONS, rate->n, rate->s, tick_ns);

	return gcra_params_make(SLUICE_COUNT_NEW_CONNECTIONS, rate->n, rate->s, burst, tick_ns,
				ret_params, e);
}
