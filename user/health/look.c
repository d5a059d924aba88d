/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "health/look.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/util.h"

struct look {
	struct probe probe;
	struct prober *prober;
	const struct look_target *target;
	struct check_config check; /* as much of the target's as tells whether somebody is there */
	struct probe *inner;
	look_fn fn;
	void *arg;
};

static void cancel(struct probe *probe)
{
	struct look *look = (struct look *)probe;

	probe_cancel(look->inner);
	free(look);
}

static void finish(struct look *look, enum look_result result)
{
	look_fn fn = look->fn;
	void *arg = look->arg;

	free(look);
	fn(arg, result);
}

/* A refusal is an answer, too. */
static bool is_answer(const struct check_answer *answer)
{
	return answer->result == PROBE_PASS ||
	       (answer->result == PROBE_FAIL && answer->cause == HEALTH_ANSWERED);
}

static void on_unpacked(void *arg, const struct check_answer *answer)
{
	if (answer->result == PROBE_UNDECIDED)
		finish(arg, LOOK_ANSWERS);
	else
		finish(arg, is_answer(answer) ? LOOK_NO_ADDRESS : LOOK_NO_DECAP);
}

static void on_direct(void *arg, const struct check_answer *answer)
{
	struct look *look = arg;
	const struct look_target *target = look->target;
	bool is_told_apart = SLUICE_MODE_IS_TUNNEL(target->mode) &&
			     addr_family(&target->addr) == addr_family(&target->service);

	if (answer->result == PROBE_UNDECIDED)
		finish(look, LOOK_NONE);
	else if (!is_answer(answer))
		finish(look, LOOK_SILENT);
	else if (target->mode == SLUICE_MODE_L2)
		finish(look, LOOK_NO_ADDRESS);
	else if (!is_told_apart) /* tunnels are unpacked by family */
		finish(look, LOOK_ANSWERS);
	else
		look->inner = prober_through(look->prober, target->path, &target->addr,
					     target->port, &look->check, on_unpacked, look);
}

struct probe *look_begin(struct prober *prober, const struct look_target *target, look_fn fn,
			 void *arg)
{
	struct look *look = util_alloc(sizeof(*look));

	look->probe.cancel = cancel;
	look->prober = prober;
	look->target = target;
	look->check = *target->check;
	if (look->check.type == CHECK_HTTP || look->check.type == CHECK_HTTPS)
		look->check.type = CHECK_TCP;
	look->fn = fn;
	look->arg = arg;
	look->inner =
		prober_direct(prober, &target->addr, target->port, &look->check, on_direct, look);
	return &look->probe;
}

void look_describe(enum look_result result, enum check_type type, enum sluice_mode mode,
		   const struct sluice_addr *service, char text[HEALTH_TEXT_MAX])
{
	char address[ADDR_TEXT_MAX], way[ADDR_TEXT_MAX + 8] = "through the tunnel";
	/* A server of datagrams may answer from any address of its host, and then nobody hears it. */
	bool is_datagram = type == CHECK_UDP || type == CHECK_DNS;
	const char *why = "";

	addr_format(service, address);
	if (mode == SLUICE_MODE_L2)
		snprintf(way, sizeof(way), "at %s", address);
	switch (result) {
	case LOOK_SILENT:
		why = ", and its own address is silent, too";
		break;
	case LOOK_ANSWERS:
		why = ", but its own address answers: does it unpack, and have the service's "
		      "address on its loopback?";
		break;
	case LOOK_NO_DECAP:
		/* To a port where nobody listens, too: the refusal is not the probe's. */
		why = mode == SLUICE_MODE_GUE ? ", but its own address answers: it does not unpack "
						"GUE, or not at gue_port"
					      : ", but its own address answers: it does not unpack "
						"tunnels";
		break;
	case LOOK_NO_ADDRESS:
		snprintf(text, HEALTH_TEXT_MAX,
			 " (%s), but its own address answers: is %s on its loopback%s?", way,
			 mode == SLUICE_MODE_L2 ? "that" : address,
			 is_datagram ? ", and does its server answer from it" : "");
		return;
	default:
		break;
	}
	snprintf(text, HEALTH_TEXT_MAX, " (%s)%s", way, why);
}
