/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "packet/crowd.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <cmocka.h>
#include <netinet/in.h>

struct sender {
	struct world *world;
	pthread_t thread;
	uint16_t number;
	int each;
};

static void *send_all(void *arg)
{
	const struct sender *sender = arg;
	struct packet packet = {.src = CROWD_CLIENT,
				.dst = "192.0.2.1",
				.proto = IPPROTO_TCP,
				.sport = (uint16_t)(1000 + sender->number),
				.dport = 80,
				.tcp_flags = TCP_SYN};
	struct frame frame;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sender->number % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	frame_build(&frame, &packet);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .data_size_in = frame.len,
		    .repeat = sender->each);
	return (void *)(intptr_t)bpf_prog_test_run_opts(
		bpf_program__fd(sender->world->skel->progs.sluice), &opts);
}

void crowd_open(struct world *world, int each)
{
	struct sender senders[CROWD] = {0};
	void *ret;

	for (uint16_t i = 0; i < CROWD; i++) {
		senders[i] = (struct sender){.world = world, .number = i, .each = each};
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]),
				 0);
	}
	for (int i = 0; i < CROWD; i++) {
		pthread_join(senders[i].thread, &ret);
		assert_null(ret);
	}
}
