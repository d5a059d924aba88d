/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "prober.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static void die(const char *what, int error)
{
	fprintf(stderr, "# prober: %s: %s\n", what, strerror(error));
	exit(1);
}

struct prober *prober_new(struct world *world)
{
	struct prober *prober = calloc(1, sizeof(*prober));
	int error;

	if (!prober || !(prober->skel = probe_bpf__open()))
		die("cannot open the object", errno);
	memcpy((void *)&prober->skel->rodata->ro.key, &world->key, sizeof(world->key));
	*(uint32_t *)&prober->skel->rodata->probe_mark = PROBER_MARK;
	bpf_map__set_max_entries(prober->skel->maps.probe_targets, PROBER_TARGETS);
	error = bpf_map__reuse_fd(prober->skel->maps.members,
				  bpf_map__fd(world->skel->maps.members));
	if (!error)
		error = bpf_map__reuse_fd(prober->skel->maps.nexthops,
					  bpf_map__fd(world->skel->maps.nexthops));
	if (!error)
		error = probe_bpf__load(prober->skel);
	if (error)
		die("cannot load the object", -error);
	prober->targets = mmap(NULL, PROBER_TARGETS * sizeof(*prober->targets),
			       PROT_READ | PROT_WRITE, MAP_SHARED,
			       bpf_map__fd(prober->skel->maps.probe_targets), 0);
	if (prober->targets == MAP_FAILED)
		die("cannot map the targets", errno);
	return prober;
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	munmap(prober->targets, PROBER_TARGETS * sizeof(*prober->targets));
	probe_bpf__destroy(prober->skel);
	free(prober);
}

void prober_set(struct prober *prober, uint32_t index, uint32_t member, const char *service)
{
	prober->targets[index] = (struct sluice_probe_target){.word = member | SLUICE_PROBE_F_USED,
							      .service = world_addr(service)};
}

/* The kernel does not test-run a program on less than an IP header. */
static uint32_t shortest(const struct frame *frame)
{
	uint32_t ethertype = (uint32_t)frame->data[12] << 8 | frame->data[13];

	if (ethertype == ETH_P_IP)
		return ETH_HLEN + 20;
	return ethertype == ETH_P_IPV6 ? ETH_HLEN + 40 : ETH_HLEN;
}

bool prober_run(struct prober *prober, uint32_t mark, const struct frame *frame,
		struct world_run *run)
{
	static uint8_t out[FRAME_MAX];
	struct __sk_buff in = {.mark = mark};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = frame->len,
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .repeat = 1);

	if (frame->len < shortest(frame))
		return false;
	if (bpf_prog_test_run_opts(bpf_program__fd(prober->skel->progs.sluice_probe), &opts))
		die("test run of a packet", errno);
	run->action = (int)opts.retval;
	run->out_len = opts.data_size_out;
	memcpy(run->out, out, run->out_len);
	return true;
}
