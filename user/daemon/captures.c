/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "daemon/captures.h"

#include <string.h>
#include <time.h>

#include "base/log.h"
#include "dataplane/dp_bpf.h"

#define KEEP_MS 60000 /* after its end */

struct captures {
	struct dp_bpf *dp;
	struct capture current; /* id 0: none */
	size_t capacity;
	uint64_t ended_ms;
	uint64_t read_ms; /* when somebody last asked for its packets */
	int64_t wall_ns;  /* to add to the monotonic clock */
};

struct captures *captures_new(struct dp_bpf *dp)
{
	struct captures *captures = util_alloc(sizeof(*captures));

	captures->dp = dp;
	return captures;
}

static void forget(struct captures *captures)
{
	free(captures->current.packets);
	memset(&captures->current, 0, sizeof(captures->current));
	captures->capacity = 0;
}

void captures_free(struct captures *captures)
{
	if (!captures)
		return;
	forget(captures);
	free(captures);
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void keep_packet(void *arg, const struct sluice_capture *packet)
{
	struct captures *captures = arg;
	struct capture *current = &captures->current;

	if (current->count >= current->request.packets)
		return;
	current->packets = util_grow(current->packets, &captures->capacity, current->count + 1,
				     sizeof(*current->packets));
	current->packets[current->count] = *packet;
	current->packets[current->count].time_ns += (uint64_t)captures->wall_ns;
	current->count++;
}

static void end(struct captures *captures, enum capture_state state, uint64_t now_ms)
{
	dp_bpf_capture_stop(captures->dp);
	captures->current.state = state;
	captures->ended_ms = now_ms;
	log_info("capture", "capture %u ended (%s): packets=%zu", captures->current.id,
		 capture_state_name(state), captures->current.count);
}

static void turn(struct captures *captures, uint64_t now_ms)
{
	struct capture *current = &captures->current;

	if (!current->id || current->state != CAPTURE_RUNNING)
		return;
	captures->wall_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	dp_bpf_capture_read(captures->dp, keep_packet, captures);
	dp_bpf_capture_missed(captures->dp, &current->withheld, &current->lost);
	if (current->count >= current->request.packets)
		end(captures, CAPTURE_FULL, now_ms);
	else if (now_ms >= current->ends_ms)
		end(captures, CAPTURE_TIME_OVER, now_ms);
	else if (now_ms - captures->read_ms >= CAPTURE_UNREAD_MS)
		end(captures, CAPTURE_UNREAD, now_ms);
}

int captures_start(struct captures *captures, const struct capture_request *request,
		   uint64_t now_ms, uint32_t *ret_id, struct err *e)
{
	struct capture *current = &captures->current;
	int r;

	turn(captures, now_ms);
	if (current->id && current->state == CAPTURE_RUNNING) {
		r = err_set(e, ERR_CONFLICT, "",
			    "a capture is running already: uid %u (pid %d) has started it",
			    current->request.uid, current->request.pid);
		err_hint(e,
			 "it ends by itself in %llu s, or after %u packets; sluicectl capture "
			 "--stop "
			 "ends it now",
			 (unsigned long long)(current->ends_ms - now_ms + 999) / 1000,
			 current->request.packets);
		return r;
	}
	forget(captures);
	r = dp_bpf_capture_start(captures->dp, &request->filter, request->for_s * 1000ULL,
				 &current->id);
	if (r)
		return err_set(e, ERR_SYSTEM, "", "cannot read the packet path's clock: %s",
			       strerror(-r));
	current->request = *request;
	captures->read_ms = now_ms;
	current->started_ms = now_ms;
	current->ends_ms = now_ms + request->for_s * 1000ULL;
	log_info("capture", "capture %u started: packets=%u seconds=%u uid=%u pid=%d", current->id,
		 request->packets, request->for_s, request->uid, request->pid);
	*ret_id = current->id;
	return 0;
}

const struct capture *captures_get(struct captures *captures, uint32_t id, uint64_t now_ms)
{
	if (id && captures->current.id == id)
		captures->read_ms = now_ms;
	turn(captures, now_ms);
	if (!captures->current.id || (id && captures->current.id != id))
		return NULL;
	return &captures->current;
}

bool captures_stop(struct captures *captures, uint32_t id, uint64_t now_ms)
{
	const struct capture *current = captures_get(captures, id, now_ms);

	if (!current || current->state != CAPTURE_RUNNING)
		return false;
	end(captures, CAPTURE_STOPPED, now_ms);
	return true;
}

void captures_tick(struct captures *captures, uint64_t now_ms)
{
	turn(captures, now_ms);
	if (captures->current.id && captures->current.state != CAPTURE_RUNNING &&
	    now_ms - captures->ended_ms > KEEP_MS)
		forget(captures);
}
