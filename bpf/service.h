/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose packet is it? Services live in a cuckoo-like table: each key has two candidate cells, and
 * user space places it in one of them. Exact match first; then the address, which ends the search
 * for everything that is not ours; then the service of all ports.
 */
#pragma once

#include <bpf/bpf_endian.h>

#include <sluice/hash.h>

#include "config.h"
#include "maps.h"
#include "pkt.h"

/* Port, protocol and padding of a cell as one word. */
static __always_inline __u32 service_port(__be16 port_be, __u8 proto)
{
	return bpf_htonl((__u32)bpf_ntohs(port_be) << 16 | (__u32)proto << 8);
}

_Static_assert(__builtin_offsetof(struct sluice_service, proto) ==
			       __builtin_offsetof(struct sluice_service, port_be) + 2 &&
		       __builtin_offsetof(struct sluice_service, id) ==
			       __builtin_offsetof(struct sluice_service, port_be) + 4,
	       "service_port compares them at once");

/* The cell of (addr, port, proto); its word as it was when the cell matched in *ret_word. */
static __always_inline struct sluice_service *
service_lookup(const struct sluice_addr *addr, __be16 port_be, __u8 proto, __u64 *ret_word)
{
	__u64 hash = sluice_hash_service(addr, port_be, proto, config_key());
	__u32 port = service_port(port_be, proto);
	int choice;

	PKT_UNROLL
	for (choice = 0; choice < 2; choice++) {
		__u32 index = sluice_service_cell(hash, choice, ro.cells);
		struct sluice_service *cell = bpf_map_lookup_elem(&services, &index);
		__u64 word;

		/* A cell that is out of range leaves us without a table: then nothing is ours. */
		if (!cell)
			continue;
		word = READ_WORD(cell->word);
		if (word && cell->addr.d[1] == addr->d[1] && cell->addr.d[0] == addr->d[0] &&
		    *(const __u32 *)&cell->port_be == port) {
			*ret_word = word;
			return cell;
		}
	}
	return NULL;
}

/* The same for the packet's destination, with the word in p->svc_word. */
static __always_inline struct sluice_service *service_probe(struct pkt *p, __be16 port_be,
							    __u8 proto)
{
	return service_lookup(&p->tuple.daddr, port_be, proto, &p->svc_word);
}

/*
 * Fragments to an address of this host are its own to put together, unless they open or carry what
 * a service there limits: the first one has the ports, and counts as the packet; the others are
 * worth nothing without it.
 */
static __always_inline bool service_takes_fragment(const struct pkt *p)
{
	return p->defect == SLUICE_V_fragment && p->svc_word & SLUICE_SVC_F_LOCAL;
}

/* p->word: the service's allow lists, 0 if everybody may reach it. */
static __always_inline enum sluice_verdict service_find(struct pkt *p)
{
	bool has_ports = p->tuple.proto == IPPROTO_TCP || p->tuple.proto == IPPROTO_UDP;
	struct sluice_service *cell = NULL;
	bool is_passed;

	/* With a defect the ports may be anything: only the address counts. */
	if (has_ports &&
	    (!p->defect || (p->flags & PKT_F_FIRST && p->defect == SLUICE_V_fragment))) {
		cell = service_probe(p, p->tuple.dport_be, p->tuple.proto);
		if (cell && p->defect && !service_takes_fragment(p))
			return p->defect;
	}
	if (!cell) {
		cell = service_probe(p, 0, 0);
		if (!cell)
			return SLUICE_V_not_service;
		if (service_takes_fragment(p) && p->svc_word & SLUICE_SVC_F_PASS_UNKNOWN)
			return SLUICE_V_unknown_port_passed;
		if (p->defect)
			return p->defect;
		is_passed = p->svc_word & SLUICE_SVC_F_PASS_UNKNOWN;
		cell = has_ports ? service_probe(p, 0, p->tuple.proto) : NULL;
		if (!cell)
			return is_passed ? SLUICE_V_unknown_port_passed : SLUICE_V_unknown_port;
	}
	p->service_id = cell->id;
	p->svc_limits = READ_WORD(cell->limits);
	p->word = READ_WORD(cell->allow);
	return V_NEXT;
}
