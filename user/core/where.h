/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * "Where would this packet go?": a packet in words, and what the packet path finds out about it.
 * Text: PROTOCOL SOURCE > DESTINATION, such as "tcp 198.51.100.7:4711 > 192.0.2.10:443",
 * "udp [2001:db8::7]:4711 > [2001:db8::10]:53" or "icmp 198.51.100.7 > 192.0.2.10".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sluice/map_types.h>
#include <sluice/types.h>
#include <sluice/verdict.h>

#include "base/err.h"

#define WHERE_BYTES_MAX 3400 /* of an IP packet: what fits one page on its way through XDP */
#define WHERE_TEXT_MAX 144

struct where_packet {
	struct sluice_tuple tuple; /* ICMP: an echo request, ports 0 */
	bool is_syn, is_ack;	   /* TCP */
	uint32_t bytes;		   /* of the IP packet, where_bytes_min() at least */
};

struct where_answer {
	struct sluice_explain found;
	uint32_t bytes_sent; /* of the IP packet as it would leave, outer headers included */
	/* Of the member that was found, as the packet path read them; zero without one. */
	uint64_t member_word;
	uint16_t gue_port; /* 0 but with mode gue */
	struct sluice_nexthop nexthop;
	uint64_t slot_word;  /* of the slot, when one was read */
	uint32_t table_slot; /* the slot, counted in its service's table */
	uint32_t table_log2;
};

/* What a source may still do under a limit. */
struct where_tokens {
	uint64_t left, burst;
};

/* Addresses, ports and protocol of a text; flags and bytes stay as they are. Errors name the
 * column. */
int where_parse(const char *text, struct where_packet *ret_packet, struct err *e);
/* The shortest IP packet of this protocol. */
uint32_t where_bytes_min(const struct where_packet *packet);
const char *where_protocol_name(const struct sluice_tuple *tuple);
/* As where_parse() takes it. */
const char *where_format(const struct sluice_tuple *tuple, char buffer[WHERE_TEXT_MAX]);
