/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Capture: a copy of the packet as it arrived, taken before anybody changes it, goes to user space
 * with the verdict once there is one. Two global functions that are called only while it is on;
 * between them the copy waits in memory of the CPU's own. When it is off it costs two loads from a
 * cache line that is read anyway.
 */
#pragma once

#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>

#include <sluice/capture_types.h>

#include "clock.h"
#include "maps.h"
#include "pkt.h"

#define CAPTURE_GATE_NS_LOG2 30
#define CAPTURE_L3_MAX 31  /* mask: an IP header begins at 22 at the latest */
#define CAPTURE_HEADERS 64 /* what the filter reads: tags and an IPv6 header */

/* What capture_leave() is told about a packet in one word. */
#define CAPTURE_HOW(verdict, limit, list, l3_off)                                                  \
	((__u64)(verdict) | (__u64)(l3_off) << 8 | (__u64)(limit) << 32 | (__u64)(list) << 48)

static __always_inline struct sluice_capture_cpu *capture_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&capture_scratch, &zero);
}

static __always_inline const struct sluice_capture_filter *capture_filter_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&capture_filter, &zero);
}

/* Takes the copy, until the time comes that capturing ends. Returns 0. */
__noinline int capture_arrive(struct xdp_md *ctx, __u64 until_ns)
{
	const struct sluice_capture_filter *filter = capture_filter_get();
	struct sluice_capture_cpu *cpu = capture_cpu();
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u64 now_ns = clock_now_ns();
	__u64 bytes = end - data;
	__u32 taken;

	if (!cpu || !filter)
		return 0;
	cpu->pending = 0;
	if (now_ns >= until_ns || !bytes)
		return 0;
	if (cpu->second != now_ns >> CAPTURE_GATE_NS_LOG2) {
		cpu->second = now_ns >> CAPTURE_GATE_NS_LOG2;
		cpu->sent = 0;
	}
	taken = bytes > SLUICE_CAPTURE_BYTES ? SLUICE_CAPTURE_BYTES : (__u32)bytes;
	/* 1 to SLUICE_CAPTURE_BYTES, in a way that the verifier can follow. */
	asm volatile("" : "+r"(taken));
	taken = ((taken - 1) & (SLUICE_CAPTURE_BYTES - 1)) + 1;
	/* What a shorter packet leaves is another one's; the filter must not read it. */
	if (taken < CAPTURE_HEADERS)
		__builtin_memset(cpu->packet.data, 0, CAPTURE_HEADERS);
	if (bpf_xdp_load_bytes(ctx, 0, cpu->packet.data, taken))
		return 0;
	cpu->packet.time_ns = bpf_ktime_get_ns();
	cpu->packet.session = filter->session;
	cpu->packet.bytes = (__u32)bytes;
	cpu->packet.taken = (__u16)taken;
	cpu->pending = 1;
	return 0;
}

/* Where the addresses of ARP begin, and its end. */
#define CAPTURE_ARP_SENDER 14
#define CAPTURE_ARP_TARGET 24
#define CAPTURE_ARP_LEN 28

/* Source and destination, from the copy: what the pipeline knows of them may not be there. */
static __always_inline void capture_addresses(struct sluice_capture *packet)
{
	const __u8 *ip = packet->data + (packet->l3_off & CAPTURE_L3_MAX);
	struct sluice_tuple *tuple = &packet->tuple;

	__builtin_memset(&tuple->saddr, 0, sizeof(tuple->saddr) + sizeof(tuple->daddr));
	if (tuple->family == SLUICE_FAMILY_V4) {
		tuple->saddr.w_be[2] = tuple->daddr.w_be[2] = bpf_htonl(0xffff);
		if (*(const __be16 *)(ip - 2) != bpf_htons(ETH_P_ARP)) {
			__builtin_memcpy(&tuple->saddr.w_be[3], ip + 12, 4);
			__builtin_memcpy(&tuple->daddr.w_be[3], ip + 16, 4);
		} else if (packet->bytes >= packet->l3_off + CAPTURE_ARP_LEN) {
			__builtin_memcpy(&tuple->saddr.w_be[3], ip + CAPTURE_ARP_SENDER, 4);
			__builtin_memcpy(&tuple->daddr.w_be[3], ip + CAPTURE_ARP_TARGET, 4);
		}
	} else if (tuple->family == SLUICE_FAMILY_V6) {
		__builtin_memcpy(&tuple->saddr, ip + 8, 16);
		__builtin_memcpy(&tuple->daddr, ip + 24, 16);
	}
}

static __always_inline bool capture_matches(const struct sluice_capture_filter *filter,
					    const struct sluice_capture *packet)
{
	const struct sluice_addr *source = &packet->tuple.saddr;

	if (packet->session != filter->session || !(filter->verdicts >> packet->verdict & 1))
		return false;
	if (filter->service && filter->service != packet->service)
		return false;
	if (!filter->mask.d[0] && !filter->mask.d[1])
		return true;
	return packet->tuple.family && (source->d[0] & filter->mask.d[0]) == filter->source.d[0] &&
	       (source->d[1] & filter->mask.d[1]) == filter->source.d[1];
}

/*
 * Sends the copy on when the filter matches. how: CAPTURE_HOW; ports: second half of the tuple, from
 * the ports on; who: service and, in the upper half, member. Returns 0.
 */
__noinline int capture_leave(struct xdp_md *ctx, __u64 how, __u64 ports, __u64 who)
{
	const struct sluice_capture_filter *filter = capture_filter_get();
	struct sluice_capture_cpu *cpu = capture_cpu();
	struct sluice_capture *packet;
	__u32 taken;

	if (!cpu || !filter || !cpu->pending)
		return 0;
	cpu->pending = 0;
	packet = &cpu->packet;
	packet->verdict = how & 63;
	packet->l3_off = (__u8)(how >> 8);
	packet->limit = (__u16)(how >> 32);
	packet->list = how >> 48;
	packet->service = (__u32)who;
	packet->member = who >> 32;
	packet->ifindex = ctx->ingress_ifindex;
	__builtin_memcpy(&packet->tuple.sport_be, &ports, sizeof(ports));
	capture_addresses(packet);
	if (!capture_matches(filter, packet))
		return 0;
	if (cpu->sent >= filter->per_s) {
		cpu->withheld++;
		return 0;
	}
	cpu->sent++;
	taken = packet->taken;
	if (taken > filter->bytes)
		taken = filter->bytes;
	asm volatile("" : "+r"(taken));
	if (taken > SLUICE_CAPTURE_BYTES)
		taken = SLUICE_CAPTURE_BYTES;
	packet->taken = (__u16)taken;
	/* User space reads by the clock: waking it up for each packet would be the larger cost. */
	if (bpf_ringbuf_output(&captures, packet,
			       __builtin_offsetof(struct sluice_capture, data) + taken,
			       BPF_RB_NO_WAKEUP))
		cpu->lost++;
	return 0;
}

/* word: the switch. Branches on p->captured later say nothing about branches here: the verifier need
 * not follow both ways through everything in between. */
static __always_inline void capture_begin(struct xdp_md *ctx, struct pkt *p, __u64 word)
{
	__u64 any = word | word >> 32;

	any |= any >> 16;
	p->captured = (__u8)(any | any >> 8);
	if (word)
		capture_arrive(ctx, word);
}

/* After finish(), which has kept the verdict. */
static __always_inline void capture_end(struct xdp_md *ctx, const struct pkt *p)
{
	__u64 ports;

	if (!p->captured)
		return;
	__builtin_memcpy(&ports, &p->tuple.sport_be, sizeof(ports));
	capture_leave(ctx, CAPTURE_HOW(p->verdict, p->limit_index, p->list_index, p->l3_off), ports,
		      (__u64)p->member_index << 32 | p->service_id);
}

_Static_assert((SLUICE_CAPTURE_BYTES & (SLUICE_CAPTURE_BYTES - 1)) == 0, "a mask");
_Static_assert(SLUICE_V_MAX <= 64, "a verdict is a bit of the filter and six of capture_leave");
_Static_assert(__builtin_offsetof(struct sluice_tuple, sport_be) + 8 == sizeof(struct sluice_tuple),
	       "ports, protocol and family as one word");
