/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Replies: packets of connections that this host opened. Its sockets are asked: one that has just this
 * connection and does not come from a listener on its port, or a connected one of UDP. What this host
 * forwards, or sends by unconnected sockets, has none.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/in.h>

#include <sluice/types.h>

#include "pkt.h"

/* From where and to where, as the kernel looks for sockets. Returns the size of what is used. */
static __always_inline __u32 reply_key(const struct sluice_tuple *tuple, __be16 sport_be,
				       struct bpf_sock_tuple *key)
{
	if (tuple->family == SLUICE_FAMILY_V6) {
		__builtin_memcpy(key->ipv6.saddr, tuple->saddr.w_be, sizeof(key->ipv6.saddr));
		__builtin_memcpy(key->ipv6.daddr, tuple->daddr.w_be, sizeof(key->ipv6.daddr));
		key->ipv6.sport = sport_be;
		key->ipv6.dport = tuple->dport_be;
		return sizeof(key->ipv6);
	}
	key->ipv4.saddr = tuple->saddr.w_be[3];
	key->ipv4.daddr = tuple->daddr.w_be[3];
	key->ipv4.sport = sport_be;
	key->ipv4.dport = tuple->dport_be;
	return sizeof(key->ipv4);
}

/* State of the socket that a packet of TCP would reach, 0: none. */
__noinline int reply_tcp_state(struct xdp_md *ctx, const struct sluice_tuple *tuple, __u32 sport_be)
{
	struct bpf_sock_tuple key = {};
	struct bpf_sock *sk;
	int state;

	if (!tuple)
		return 0;
	sk = bpf_skc_lookup_tcp(ctx, &key, reply_key(tuple, (__be16)sport_be, &key),
				BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	state = (int)sk->state;
	bpf_sk_release(sk);
	return state;
}

/* Is the packet's flow a connected socket of UDP? */
__noinline int reply_is_connected(struct xdp_md *ctx, const struct sluice_tuple *tuple)
{
	struct bpf_sock_tuple key = {};
	struct bpf_sock *sk;
	int state;

	if (!tuple)
		return 0;
	sk = bpf_sk_lookup_udp(ctx, &key, reply_key(tuple, tuple->sport_be, &key),
			       BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	state = (int)sk->state;
	bpf_sk_release(sk);
	return state == BPF_TCP_ESTABLISHED;
}

/* Nobody sends from port 0, so asked for that the kernel finds a listener, if there is one. */
static __always_inline bool reply_is_tcp(struct xdp_md *ctx, const struct sluice_tuple *tuple)
{
	int state = reply_tcp_state(ctx, tuple, tuple->sport_be);

	return state && state != BPF_TCP_LISTEN && state != BPF_TCP_NEW_SYN_RECV &&
	       reply_tcp_state(ctx, tuple, 0) != BPF_TCP_LISTEN;
}
