/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sampled packet events from the ring. */
#include <errno.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "dataplane/dp_internal.h"
#include "sluice.skel.h"

static int take_event(void *arg, void *data, size_t size)
{
	struct dp_bpf *dp = arg;
	struct sluice_event event;

	if (size < sizeof(event) || !dp->event_fn)
		return 0;
	memcpy(&event, data, sizeof(event));
	dp->event_fn(dp->event_arg, &event);
	return 0;
}

int dp_events_open(struct dp_bpf *dp, struct err *e)
{
	dp->ring = ring_buffer__new(bpf_map__fd(dp->skel->maps.events), take_event, dp, NULL);
	if (!dp->ring)
		return err_set(e, ERR_SYSTEM, "", "cannot open the event ring: %s",
			       strerror(errno));
	return 0;
}

void dp_events_close(struct dp_bpf *dp)
{
	ring_buffer__free(dp->ring);
}

int dp_bpf_events_fd(const struct dp_bpf *dp)
{
	return ring_buffer__epoll_fd(dp->ring);
}

int dp_bpf_events_read(struct dp_bpf *dp, dp_bpf_event_fn fn, void *arg)
{
	int ret;

	dp->event_fn = fn;
	dp->event_arg = arg;
	ret = ring_buffer__consume(dp->ring);
	dp->event_fn = NULL;
	return ret;
}
