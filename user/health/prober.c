/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/prober.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "health/apart.h"
#include "health/indices.h"
#include "health/pinger.h"
#include "health/tcp.h"

/* Of a worker that is found to hang, and ended. */
#define LINGER_MS 10000

struct prober {
	uv_loop_t *loop;
	struct apart *apart;
	struct pinger *pinger;
	struct tcp *tcp;
	struct health_path path; /* indices 0: there is none */
	struct indices indices;
};

struct prober *prober_new(uv_loop_t *loop, const char *program, const struct health_path *path)
{
	struct prober *prober = util_alloc(sizeof(*prober));

	prober->loop = loop;
	prober->apart = apart_new(loop, program);
	prober->pinger = pinger_new(loop);
	prober->tcp = tcp_new(loop);
	if (path)
		prober->path = *path;
	indices_init(&prober->indices, prober->path.indices);
	return prober;
}

void prober_free(struct prober *prober)
{
	apart_free(prober->apart);
	pinger_free(prober->pinger);
	tcp_free(prober->tcp);
	indices_done(&prober->indices);
	free(prober);
}

uint32_t prober_take_index(struct prober *prober, uint64_t now_ms)
{
	return indices_take(&prober->indices, now_ms);
}

/* sluice-check is not told that a probe was given up: it may begin one as late as its timeout after it
 * was asked, and end it a timeout later. Sockets of our own are closed by now. */
void prober_give_index(struct prober *prober, uint32_t index, const struct check_config *check,
		       uint64_t now_ms)
{
	uint64_t rest_ms = check_type_is_apart(check->type) ? 2ULL * check->timeout_ms + LINGER_MS
							    : 0;

	if (!index)
		return;
	prober->path.clear(prober->path.arg, index);
	indices_give(&prober->indices, index, rest_ms, now_ms);
}

static struct probe *begin(struct prober *prober, const struct way *way,
			   const struct check_config *check, probe_fn fn, void *arg)
{
	if (check_type_is_apart(check->type))
		return apart_probe(prober->apart, way, check, fn, arg);
	if (check->type == CHECK_ICMP)
		return pinger_probe(prober->pinger, &way->addr, check->timeout_ms, fn, arg);
	return tcp_probe(prober->tcp, way, check->timeout_ms, fn, arg);
}

struct probe *prober_direct(struct prober *prober, const struct sluice_addr *addr, uint16_t port,
			    const struct check_config *check, probe_fn fn, void *arg)
{
	const struct way way = {.addr = *addr, .port = port};

	return begin(prober, &way, check, fn, arg);
}

/* ---- through the path ------------------------------------------------------------------------ */

struct through {
	struct probe probe;
	struct prober *prober;
	struct probe *inner;
	uint32_t index;
	struct sluice_addr addr;
	struct path_aim aim;
	probe_fn fn;
	void *arg;
};

static void cancel(struct probe *probe)
{
	struct through *through = (struct through *)probe;

	probe_cancel(through->inner);
	free(through);
}

static void finish(struct through *through, const struct check_answer *answer)
{
	probe_fn fn = through->fn;
	void *arg = through->arg;

	free(through);
	fn(arg, answer);
}

static void finish_undecided(struct through *through, const char *problem)
{
	struct check_answer undecided = {.result = PROBE_UNDECIDED};

	util_copy(undecided.text, sizeof(undecided.text), problem);
	finish(through, &undecided);
}

/* Only what went through the path says something of it: an answer may have come from this host, whose
 * address it is meanwhile. */
static void on_answer(void *arg, const struct check_answer *answer)
{
	struct through *through = arg;
	const struct health_path *path = &through->prober->path;
	char problem[HEALTH_TEXT_MAX];

	through->inner = NULL;
	if (answer->result == PROBE_UNDECIDED ||
	    path->went(path->arg, through->index, &through->addr, &through->aim,
		       answer->result == PROBE_PASS, problem))
		finish(through, answer);
	else
		finish_undecided(through, problem);
}

static bool aim(struct through *through, const struct path_target *target,
		char problem[HEALTH_TEXT_MAX])
{
	const struct health_path *path = &through->prober->path;
	size_t i;

	util_copy(problem, HEALTH_TEXT_MAX,
		  path->indices ? "too many are probed through the path"
				: "there is no path for probes");
	for (i = 0; target->index && i < target->member_count; i++)
		if (path->aim(path->arg, target->index, target->members[i], &through->addr,
			      &through->aim, problem))
			return true;
	return false;
}

/* One that cannot begin, which tells why at the next turn. */
struct unable {
	struct probe probe;
	uv_timer_t timer;
	probe_fn fn;
	void *arg;
	char problem[];
};

static void on_unable_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void cancel_unable(struct probe *probe)
{
	uv_close((uv_handle_t *)&((struct unable *)probe)->timer, on_unable_closed);
}

static void on_unable(uv_timer_t *timer)
{
	struct unable *unable = timer->data;
	struct check_answer undecided = {.result = PROBE_UNDECIDED};

	util_copy(undecided.text, sizeof(undecided.text), unable->problem);
	cancel_unable(&unable->probe);
	unable->fn(unable->arg, &undecided);
}

static struct probe *begin_unable(struct prober *prober, const char *problem, probe_fn fn,
				  void *arg)
{
	size_t size = strlen(problem) + 1;
	struct unable *unable = util_alloc(sizeof(*unable) + size);

	unable->probe.cancel = cancel_unable;
	unable->fn = fn;
	unable->arg = arg;
	memcpy(unable->problem, problem, size);
	uv_timer_init(prober->loop, &unable->timer);
	unable->timer.data = unable;
	uv_timer_start(&unable->timer, on_unable, 0, 0);
	return &unable->probe;
}

struct probe *prober_through(struct prober *prober, const struct path_target *target,
			     const struct sluice_addr *addr, uint16_t port,
			     const struct check_config *check, probe_fn fn, void *arg)
{
	struct through *through = util_alloc(sizeof(*through));
	struct way way = {.addr = *addr, .port = port};
	char problem[HEALTH_TEXT_MAX];

	through->probe.cancel = cancel;
	through->prober = prober;
	through->index = target->index;
	through->addr = *addr;
	through->fn = fn;
	through->arg = arg;
	if (!aim(through, target, problem)) {
		free(through);
		return begin_unable(prober, problem, fn, arg);
	}
	way.mark = through->aim.mark;
	way.source = through->aim.source;
	through->inner = begin(prober, &way, check, on_answer, through);
	return &through->probe;
}

bool prober_can_leave(const struct prober *prober, const struct path_target *target,
		      char problem[HEALTH_TEXT_MAX])
{
	const struct health_path *path = &prober->path;
	size_t i;

	if (!path->can_leave || !target->member_count)
		return true;
	for (i = 0; i < target->member_count; i++)
		if (path->can_leave(path->arg, target->members[i], problem))
			return true;
	return false;
}

/* ---- about it -------------------------------------------------------------------------------- */

void prober_describe(const struct prober *prober, struct check_totals *totals)
{
	apart_describe(prober->apart, totals);
}

const char *prober_icmp_problem(const struct prober *prober, enum sluice_family family)
{
	return pinger_problem(prober->pinger, family);
}
