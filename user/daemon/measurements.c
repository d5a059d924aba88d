/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/measurements.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define LOOK_MS 1000
#define KEEP_MS 600000	 /* after its end */
#define SPARE_MS 2000	 /* the packet path ends by itself, should we not */
#define SAMPLE_STEP 2	 /* a quarter of the sources */
#define MISSED_PARTS 100 /* more than one packet in so many missed: begin anew */

struct measurements {
	const struct dataplane *port;
	uv_timer_t timer; /* the next look, or when to forget */
	struct measurement *measured;
	struct measurement_run run;
	uint32_t last_id;
	uint64_t packets; /* of the last look */
};

struct measurements *measurements_new(uv_loop_t *loop, const struct dataplane *port,
				      uint32_t tick_ns)
{
	struct measurements *measurements = util_alloc(sizeof(*measurements));

	measurements->port = port;
	measurements->run.tick_ns = tick_ns;
	uv_timer_init(loop, &measurements->timer);
	measurements->timer.data = measurements;
	return measurements;
}

void measurements_free(struct measurements *measurements)
{
	if (!measurements)
		return;
	measurement_free(measurements->measured);
	free(measurements);
}

static int begin(struct measurements *measurements, uint8_t sample_log2, uint64_t now_ms)
{
	struct measurement_run *run = &measurements->run;
	const struct sluice_measure_filter filter = {
		.service = run->request.service,
		.prefix4 = run->request.prefix4,
		.prefix6 = run->request.prefix6,
		.sample_log2 = sample_log2,
	};
	int ret = measurements->port->ops->measure_start(measurements->port->dp, &filter,
							 run->request.for_s * 1000ULL + SPARE_MS);

	if (ret)
		return ret;
	measurement_free(measurements->measured);
	measurements->measured = measurement_new(now_ms);
	run->measured = measurements->measured;
	run->sample_log2 = sample_log2;
	run->ends_ms = now_ms + run->request.for_s * 1000ULL;
	return 0;
}

static void on_forget(uv_timer_t *timer)
{
	struct measurements *measurements = timer->data;

	measurement_free(measurements->measured);
	measurements->measured = NULL;
	measurements->run.id = 0;
}

static void end(struct measurements *measurements, enum measurement_state state)
{
	measurements->port->ops->measure_stop(measurements->port->dp);
	measurements->run.state = state;
	uv_timer_start(&measurements->timer, on_forget, KEEP_MS, 0);
	log_info("measure", "measurement %u ended: sources=%zu seconds=%llu", measurements->run.id,
		 measurement_sources(measurements->measured),
		 (unsigned long long)measurement_seconds(measurements->measured));
}

static void on_measured(void *arg, const struct dp_measured *measured)
{
	struct measurements *measurements = arg;

	measurements->packets += measured->packets;
	measurement_add(measurements->measured, measured);
}

/* Whether there are more sources than fit. */
static bool look(struct measurements *measurements, uint64_t now_ms)
{
	struct measurement_run *run = &measurements->run;

	measurements->packets = 0;
	measurement_begin(measurements->measured, now_ms);
	if (measurements->port->ops->measure_read(measurements->port->dp, on_measured, measurements,
						  &run->missed))
		return false;
	measurement_end(measurements->measured);
	return run->missed > measurements->packets / MISSED_PARTS;
}

static void on_timer(uv_timer_t *timer)
{
	struct measurements *measurements = timer->data;
	const struct measurement_run *run = &measurements->run;
	uint64_t now_ms = clock_now_ms();
	bool is_over = look(measurements, now_ms);

	if (is_over && run->sample_log2 < SLUICE_MEASURE_SAMPLE_LOG2_MAX) {
		if (begin(measurements,
			  MIN(run->sample_log2 + SAMPLE_STEP, SLUICE_MEASURE_SAMPLE_LOG2_MAX),
			  now_ms))
			end(measurements, MEASUREMENT_STOPPED);
	} else if (now_ms >= run->ends_ms) {
		end(measurements, MEASUREMENT_DONE);
	}
}

int measurements_start(struct measurements *measurements, const struct measurement_request *request,
		       uint32_t *ret_id, struct err *e)
{
	struct measurement_run *run = &measurements->run;
	uint64_t now_ms = clock_now_ms();
	int ret;

	if (run->id && run->state == MEASUREMENT_RUNNING) {
		ret = err_set(e, ERR_CONFLICT, "", "sources are being measured already");
		err_hint(e, "it ends by itself in %llu s",
			 (unsigned long long)(run->ends_ms - MIN(now_ms, run->ends_ms) + 999) /
				 1000);
		return ret;
	}
	run->request = *request;
	run->id = 0;
	ret = begin(measurements, 0, now_ms);
	if (ret)
		return err_set(e, ERR_SYSTEM, "", "cannot measure: %s", strerror(-ret));
	run->id = ++measurements->last_id;
	run->state = MEASUREMENT_RUNNING;
	run->missed = 0;
	uv_timer_start(&measurements->timer, on_timer, LOOK_MS, LOOK_MS);
	*ret_id = run->id;
	return 0;
}

const struct measurement_run *measurements_get(struct measurements *measurements, uint32_t id)
{
	const struct measurement_run *run = &measurements->run;

	return run->id && (!id || id == run->id) ? run : NULL;
}

bool measurements_stop(struct measurements *measurements, uint32_t id)
{
	const struct measurement_run *run = measurements_get(measurements, id);

	if (!run || run->state != MEASUREMENT_RUNNING)
		return false;
	end(measurements, MEASUREMENT_STOPPED);
	return true;
}
