/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the loaded program would do with a packet: its second entry, test-run without effects. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <sluice/gcra.h>
#include <sluice/hash.h>

#include "base/addr.h"
#include "base/util.h"
#include "dataplane/dp_internal.h"
#include "dataplane/frame.h"
#include "sluice.skel.h"

#define OUT_BYTES 16384 /* a frame may grow by the outer headers */
#define TUNNEL_BYTES_MAX 256

/* ifindex 0: as if it arrived on the loopback device. *ret_length: of the frame afterwards. */
static int run(struct dp_bpf *dp, const void *frame, uint32_t length, uint32_t ifindex,
	       uint32_t *ret_length)
{
	/* The kernel looks the device up in our network namespace. */
	struct xdp_md in = {.data_end = length, .ingress_ifindex = ifindex};
	static uint8_t out[OUT_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = length,
		    .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
	int ret;

	if (ifindex) {
		opts.ctx_in = &in;
		opts.ctx_size_in = sizeof(in);
	}
	memset(dp->maps.explain, 0, sizeof(*dp->maps.explain));
	ret = bpf_prog_test_run_opts(bpf_program__fd(dp->skel->progs.sluice_explain), &opts);
	if (!ret)
		*ret_length = opts.data_size_out;
	return ret;
}

int dp_bpf_explain(struct dp_bpf *dp, const void *frame, uint32_t length,
		   struct sluice_explain *ret_explain)
{
	uint32_t out_length;
	int ret;

	if (length < FRAME_LINK_BYTES || length > OUT_BYTES - TUNNEL_BYTES_MAX)
		return -EMSGSIZE; /* the kernel's test run takes no shorter frames */
	ret = run(dp, frame, length, 0, &out_length);
	if (!ret)
		*ret_explain = *dp->maps.explain;
	return ret;
}

/* What the packet path read on its way to the member. Between its look and ours a word may have
 * changed: then the answer is as old as the question. */
static void look_up(const struct dp_bpf *dp, struct where_answer *answer)
{
	const struct sluice_explain *found = &answer->found;
	const struct dp_maps *maps = &dp->maps;
	uint64_t word = 0;
	uint32_t cell, hop;

	for (cell = 0; cell < maps->capacity.service_cells; cell++)
		if (found->service && maps->services[cell].word &&
		    maps->services[cell].id == found->service)
			word = maps->services[cell].word;
	if (word && found->slot < maps->capacity.slots) {
		answer->table_log2 = SLUICE_SVC_LOG2(word);
		answer->table_slot = found->slot - SLUICE_SVC_BASE(word);
		answer->slot_word = maps->slots[found->slot];
	}
	if (!found->member || found->member >= maps->capacity.members)
		return;
	answer->member_word = maps->members[found->member].word;
	if (SLUICE_MEMBER_MODE(answer->member_word) == SLUICE_MODE_GUE)
		answer->gue_port = ntohs(maps->members[found->member].gue_port_be);
	hop = SLUICE_MEMBER_NEXTHOP(answer->member_word);
	if (hop && hop < maps->capacity.nexthops)
		answer->nexthop = maps->nexthops[hop];
}

int dp_bpf_where(struct dp_bpf *dp, const struct where_packet *packet, uint32_t ifindex,
		 struct where_answer *ret_answer)
{
	const struct sluice_interface *cell = &dp->maps.interfaces[SLUICE_INTERFACE_CELL(ifindex)];
	struct where_answer answer = {0};
	static uint8_t frame[FRAME_BYTES_MAX];
	uint32_t length;
	uint8_t mac[8];
	int ret;

	memcpy(mac, &cell->mac[0], sizeof(mac));
	length = frame_build(packet, mac, frame);
	ret = run(dp, frame, length, ifindex, &length);
	if (ret)
		return ret;
	answer.found = *dp->maps.explain;
	look_up(dp, &answer);
	if (answer.found.verdict == SLUICE_V_forwarded) {
		bool is_tagged = answer.nexthop.flags & SLUICE_NEXTHOP_F_VLAN;

		answer.bytes_sent = length - FRAME_LINK_BYTES - (is_tagged ? 4 : 0);
		/* Short frames are padded. */
		if (SLUICE_MEMBER_MODE(answer.member_word) == SLUICE_MODE_L2)
			answer.bytes_sent = packet->bytes;
	}
	*ret_answer = answer;
	return 0;
}

/* The word of a source under a limit, as bpf/limit_word.h finds it; 0: it has none. */
static uint64_t find_source(const struct dp_bpf *dp, uint64_t word, const struct sluice_addr *addr,
			    enum sluice_family family)
{
	struct sluice_addr source = *addr;
	const struct sluice_limit_set *set;
	uint64_t hash, at;
	int way;

	addr_mask(&source,
		  family == SLUICE_FAMILY_V6 ? SLUICE_LIMIT_PLEN6(word) : SLUICE_LIMIT_PLEN4(word));
	hash = sluice_hash_addr(&source, &dp->maps.meta->key);
	at = SLUICE_LIMIT_BASE(word) + sluice_source_set(hash, SLUICE_LIMIT_LOG2(word));
	if (at >= dp->maps.capacity.limit_sets)
		return 0;
	set = &dp->maps.limit_sets[at];
	for (way = 0; way < SLUICE_LIMIT_WAYS; way++)
		if (set->source[way] && SLUICE_SRC_TAG(set->source[way]) == sluice_source_tag(hash))
			return set->source[way];
	return 0;
}

int dp_bpf_tokens(struct dp_bpf *dp, uint32_t limit, const struct sluice_tuple *tuple,
		  struct where_tokens *ret_tokens)
{
	uint64_t now_ns, word, rate, source, own;
	uint32_t inc, tau, debt, k, log2;
	int ret;

	if (!limit || limit >= dp->maps.capacity.limits)
		return -EINVAL;
	word = dp->maps.limits[limit].word;
	rate = dp->maps.limits[limit].rate;
	if (dp->maps.limits[limit].flags & SLUICE_LIMIT_F_EXCEPTIONS &&
	    dp_access_find(dp, SLUICE_LIMIT_LIST(limit), &tuple->saddr, &own))
		rate = SLUICE_LIMIT_RATE(SLUICE_EXCEPTION_INC(own), SLUICE_EXCEPTION_TAU(own));
	inc = SLUICE_LIMIT_INC(rate);
	tau = SLUICE_LIMIT_TAU(rate);
	if (!(word & SLUICE_LIMIT_F_USED) || !inc)
		return -ENOENT;
	ret = dp_clock_now(dp->clock, dp->maps.meta->tick_ns, &now_ns);
	if (ret)
		return ret;
	source = find_source(dp, word, &tuple->saddr, tuple->family);
	k = SLUICE_LIMIT_K(word);
	debt = sluice_gcra_debt(source, sluice_gcra_now(now_ns, k), sluice_gcra_seen(now_ns), k);
	log2 = SLUICE_LIMIT_COUNT(word) == SLUICE_COUNT_BYTES ? SLUICE_LIMIT_BYTES_LOG2 : 0;
	ret_tokens->burst = ((uint64_t)tau << log2) / inc;
	ret_tokens->left = debt < tau ? ((uint64_t)(tau - debt) << log2) / inc : 0;
	return 0;
}
