/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The limiter under attack: the real program, simulated time, a million words. Honest sources below
 * their limit and loud ones far above it, inside floods from sixteen million forged sources. Fails
 * when within the exactness bound an honest packet is refused, or a loud source gets another rate
 * than its limit.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "base/util.h"
#include "core/gcra_config.h"

#include "attack.h"
#include "fixture.h"
#include "measure.h"
#include "wrap_run.h"

#include "wrap_attack.skel.h"

#define RATE 20U /* a source, a second; the burst is the default, one second of it */
#define SETS_LOG2 17
#define WORDS (8U << SETS_LOG2)
#define LIMIT_INDEX 1
#define LOOPBACK 1
#define FREE_BATCHES 4
#define LOUD_LEAST 0.95
#define LOUD_MOST 1.05
#define START_NS (1000 * 1000000000ULL)
#define V4_LIMITED 0xc0000201 /* 192.0.2.1 */
#define V4_FREE 0xc0000202

struct bench {
	struct wrap_attack_bpf *skel;
	struct fixture fixture;
	struct fixture_limit limit;
	uint64_t *clock_ns;
	uint8_t frame[64];
};

struct outcome {
	uint64_t packets, honest, honest_refused, loud, loud_passed, replaced;
	double loud_least, loud_most, loud_all; /* of the limit */
	double ns;				/* a packet */
};

static const struct attack_plan plans[] = {
	{"single packets", 1, 0.9, 0.5, 2},
	{"bursts of ten", 10, 0.9, 0.5, 2},
	{"single packets", 1, 2, 0.25, 1},
	{"bursts of ten", 10, 2, 0.25, 1},
};

#define PLANS (sizeof(plans) / sizeof(plans[0]))

static void make_frame(struct bench *b, uint32_t daddr)
{
	static const uint8_t client[] = {WRAP_MAC_CLIENT}, balancer[] = {WRAP_MAC_BALANCER};
	struct ethhdr *eth = (void *)b->frame;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);

	memset(b->frame, 0, sizeof(b->frame));
	memcpy(eth->h_dest, balancer, ETH_ALEN);
	memcpy(eth->h_source, client, ETH_ALEN);
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(sizeof(b->frame) - ETH_HLEN);
	ip->ttl = 64;
	ip->protocol = IPPROTO_TCP;
	ip->daddr = htonl(daddr);
	tcp->source = htons(40000);
	tcp->dest = htons(WRAP_SERVICE_PORT);
	tcp->doff = 5;
	tcp->ack = 1;
}

static int open_bench(struct bench *b)
{
	const struct fixture_service services[] = {
		{fixture_v4(V4_LIMITED), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4, .limit = LIMIT_INDEX},
		{fixture_v4(V4_FREE), WRAP_SERVICE_PORT, SLUICE_MODE_IPIP,
		 .family = SLUICE_FAMILY_V4},
	};
	struct gcra_params params;
	struct err e = {};
	void *clock_map;
	int err;

	b->skel = wrap_attack_bpf__open();
	if (!b->skel)
		return -errno;
	fixture_constants((void *)&b->skel->rodata->ro, b->skel->obj, 0);
	b->skel->rodata->ro.test_clock = true;
	bpf_map__set_max_entries(b->skel->maps.limit_sets, 1U << SETS_LOG2);
	err = wrap_attack_bpf__load(b->skel);
	if (!err)
		err = fixture_open(&b->fixture, b->skel->obj, (void *)&b->skel->rodata->ro);
	if (err)
		return err;
	clock_map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			 bpf_map__fd(b->skel->maps.test_clock_ns), 0);
	if (clock_map == MAP_FAILED)
		return -errno;
	b->clock_ns = clock_map;
	err = gcra_params_make(SLUICE_COUNT_PACKETS, RATE, 1,
			       gcra_burst_default(SLUICE_COUNT_PACKETS, RATE, 1, ATTACK_TICK_NS),
			       ATTACK_TICK_NS, &params, &e);
	if (err) {
		fprintf(stderr, "attack: %s\n", e.text);
		return err;
	}
	b->limit = (struct fixture_limit){LIMIT_INDEX, params.k, params.inc, params.tau,
					  SETS_LOG2,   32,	 0};
	fixture_nexthop(&b->fixture, LOOPBACK);
	err = fixture_limit(&b->fixture, &b->limit);
	for (size_t i = 0; !err && i < sizeof(services) / sizeof(services[0]); i++)
		err = fixture_service(&b->fixture, &services[i]);
	return err;
}

static void close_bench(struct bench *b)
{
	if (b->clock_ns)
		munmap(b->clock_ns, 4096);
	fixture_close(&b->fixture);
	wrap_attack_bpf__destroy(b->skel);
}

/* Words that were taken from sources still in debt. */
static int read_replaced(const struct bench *b, uint64_t *ret_count)
{
	int cpus = libbpf_num_possible_cpus(), cpu;
	uint32_t index = LIMIT_INDEX;
	AUTO_FREE struct sluice_limit_stats *stats = NULL;

	if (cpus < 0)
		return cpus;
	stats = util_alloc_array((size_t)cpus, sizeof(*stats));
	if (bpf_map_lookup_elem(b->fixture.limit_stats_fd, &index, stats))
		return -errno;
	*ret_count = 0;
	for (cpu = 0; cpu < cpus; cpu++)
		*ret_count += stats[cpu].replaced_debt;
	return 0;
}

/* What the kernel takes for the words, in bytes; 0 when it does not say. */
static unsigned long long words_memory(const struct bench *b)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(b->skel->maps.limit_sets));
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	if (file)
		fclose(file);
	return bytes;
}

/* Sends what is in the batch at the time that the clock has, and adds to *ns. */
static int send_batch(struct bench *b, uint32_t count, double *ns)
{
	const struct measure_run run = {
		.program_fd = bpf_program__fd(b->skel->progs.wrap_attack),
		.frame = b->frame,
		.frame_bytes = sizeof(b->frame),
		.repeat = count,
	};
	struct measure_result result;
	int err;

	b->skel->bss->wrap_run.next = 0;
	err = measure_program(&run, &result);
	if (err) {
		fprintf(stderr, "attack: test run: %s\n", strerror(-err));
		return err;
	}
	if (b->skel->bss->wrap_run.failures || b->skel->bss->wrap_run.next != count) {
		fprintf(stderr, "attack: of %u packets %u were not as expected\n", count,
			b->skel->bss->wrap_run.failures);
		return -EBADMSG;
	}
	*ns += result.cpu_ns;
	return 0;
}

static void judge_sources(const struct attack *attack, struct outcome *out)
{
	double expected = RATE * attack->plan.window_s;
	uint32_t i;

	out->loud_least = INFINITY;
	for (i = 0; i < ATTACK_SOURCES; i++) {
		const struct attack_source *s = &attack->sources[i];

		if (s->is_loud) {
			out->loud += s->sent;
			out->loud_passed += s->passed;
			out->loud_least = fmin(out->loud_least, (double)s->passed / expected);
			out->loud_most = fmax(out->loud_most, (double)s->passed / expected);
		} else {
			out->honest += s->sent;
			out->honest_refused += s->refused;
		}
	}
	out->loud_all = (double)out->loud_passed / (expected * ATTACK_LOUD);
}

static int play(struct bench *b, struct attack *attack, struct outcome *ret_out)
{
	struct attack_packet *packets = (void *)b->skel->bss->attack_packets;
	uint64_t before = 0, after = 0;
	struct outcome out = {};
	uint32_t count;
	int err;

	make_frame(b, V4_LIMITED);
	fixture_limit_clear(&b->fixture, &b->limit);
	*b->clock_ns = START_NS;
	err = read_replaced(b, &before);
	while (!err && (count = attack_write(attack, packets))) {
		err = send_batch(b, count, &out.ns);
		attack_count(attack, packets, count);
		out.packets += count;
	}
	if (!err)
		err = read_replaced(b, &after);
	if (err)
		return err;
	out.ns /= (double)out.packets;
	out.replaced = after - before;
	judge_sources(attack, &out);
	*ret_out = out;
	return 0;
}

/* The beginning of the attack to a service without a limit, for comparison. */
static int measure_free(struct bench *b, double *ret_ns)
{
	struct attack_packet *packets = (void *)b->skel->bss->attack_packets;
	static struct attack attack;
	double ns = 0, total = 0;
	uint32_t count;
	int err = 0, i;

	make_frame(b, V4_FREE);
	attack_begin(&attack, &plans[0], RATE, WORDS);
	for (i = 0; !err && i < FREE_BATCHES; i++) {
		count = attack_write(&attack, packets);
		err = send_batch(b, count, &ns);
		total += count;
	}
	attack_done(&attack);
	*ret_ns = ns / total;
	return err;
}

static bool is_right(const struct attack_plan *plan, const struct outcome *out)
{
	return plan->of_bound >= 1 || (out->honest_refused == 0 && out->loud_least >= LOUD_LEAST &&
				       out->loud_most <= LOUD_MOST);
}

static void print_outcome(const struct attack_plan *plan, const struct outcome *out)
{
	printf("%-15s %8.1f %8.2f %9llu %8llu %9.3f %9.3f %9.3f %11.2f %8.1f  %s\n", plan->shape,
	       plan->of_bound * RATE * WORDS / 1e6, plan->of_bound, (unsigned long long)out->honest,
	       (unsigned long long)out->honest_refused, out->loud_least, out->loud_all,
	       out->loud_most, 100.0 * (double)out->replaced / (double)out->packets, out->ns,
	       plan->of_bound >= 1   ? "beyond the bound"
	       : is_right(plan, out) ? "right"
				     : "WRONG");
	fflush(stdout);
}

static json_t *outcome_json(const struct attack_plan *plan, const struct outcome *out)
{
	return json_pack("{s:s, s:f, s:f, s:b, s:f, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:I, "
			 "s:f, s:b}",
			 "shape", plan->shape, "flood_pps", plan->of_bound * RATE * WORDS,
			 "of_bound", plan->of_bound, "is_within", plan->of_bound < 1, "simulated_s",
			 plan->warm_s + plan->window_s, "packets", (json_int_t)out->packets,
			 "honest_sent", (json_int_t)out->honest, "honest_refused",
			 (json_int_t)out->honest_refused, "loud_sent", (json_int_t)out->loud,
			 "loud_passed", (json_int_t)out->loud_passed, "loud_least", out->loud_least,
			 "loud_all", out->loud_all, "loud_most", out->loud_most, "replaced_debt",
			 (json_int_t)out->replaced, "ns", out->ns, "is_right", is_right(plan, out));
}

static int report(const struct bench *b, const struct outcome *outcomes, double free_ns,
		  const char *directory)
{
	json_t *runs = json_array(), *document;
	unsigned long long memory = words_memory(b), refused = 0;
	double least = INFINITY, most = 0, ns = 0;
	bool are_right = true;
	size_t i;

	for (i = 0; i < PLANS; i++) {
		const struct outcome *out = &outcomes[i];

		json_array_append_new(runs, outcome_json(&plans[i], out));
		are_right &= is_right(&plans[i], out);
		if (plans[i].of_bound >= 1)
			continue;
		refused += out->honest_refused;
		least = fmin(least, out->loud_least);
		most = fmax(most, out->loud_most);
		ns = fmax(ns, out->ns);
	}
	document = json_pack("{s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:b, s:o}", "rate_per_s",
			     (int)RATE, "words", (int)WORDS, "honest", (int)ATTACK_HONEST, "loud",
			     (int)ATTACK_LOUD, "forged", 1 << ATTACK_FORGED_LOG2, "bound_pps",
			     (json_int_t)RATE * WORDS, "memory_bytes", (json_int_t)memory,
			     "unlimited_ns", free_ns, "is_right", are_right, "runs", runs);
	if (measure_save(document, directory, "attack.json"))
		return 1;
	printf("attack: %s: within the bound %llu honest packets refused, loud sources got %.3f to "
	       "%.3f of their limit; at most %.0f ns a packet, %.0f without a limit; %.1f MiB\n",
	       are_right ? "passed" : "FAILED", refused, least, most, ns, free_ns,
	       (double)memory / 1048576);
	return are_right ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct attack attack;
	struct outcome outcomes[PLANS];
	struct bench b = {};
	double free_ns = 0;
	int err = 0;
	size_t i;

	if (argc != 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	if (measure_pin() < 0)
		return 1;
	err = open_bench(&b);
	if (err)
		fprintf(stderr, "attack: cannot load and fill the program: %s\n", strerror(-err));
	else
		b.skel->bss->wrap_run.undo_bytes = sizeof(struct iphdr);
	printf("%-15s %8s %8s %9s %8s %9s %9s %9s %11s %8s\n", "FLOOD", "MPPS", "OF BOUND",
	       "HONEST", "REFUSED", "LOUD MIN", "ALL", "MAX", "REPLACED %", "NS");
	if (!err)
		err = measure_free(&b, &free_ns);
	for (i = 0; !err && i < PLANS; i++) {
		attack_begin(&attack, &plans[i], RATE, WORDS);
		err = play(&b, &attack, &outcomes[i]);
		if (!err)
			print_outcome(&plans[i], &outcomes[i]);
		attack_done(&attack);
	}
	err = err ? 1 : report(&b, outcomes, free_ns, argv[1]);
	close_bench(&b);
	return err;
}
