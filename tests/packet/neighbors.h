/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Questions of ARP and of neighbour discovery, for the addresses V4 and V6; tags: two, or NULL. */
#pragma once

#include "packet/world.h"

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"
#define ASKER_MAC CLIENT_MAC
#define GROUP_MAC "\x33\x33\xff\x00\x00\x01" /* of V6's solicited nodes */
#define L3 14
#define ICMP (L3 + 40)

/* A broadcast request for V4 by 192.0.2.9. */
void neighbors_arp(struct frame *frame, const struct tag *tags);
/* Makes the checksum right of ICMPv6 in this IPv6 packet. */
void neighbors_sum(uint8_t *ip);
/* A solicitation for V6 with so many bytes of options, the first one the asker's MAC. */
void neighbors_nd(struct frame *frame, const char *src, const char *dst, const char *dmac,
		  uint32_t options, const struct tag *tags);
/* As hosts usually ask: 2001:db8::9 asks the group. */
void neighbors_solicit(struct frame *frame, const struct tag *tags);
/* A probe (duplicate address detection), with a nonce as Linux sends it, or without. */
void neighbors_probe(struct frame *frame, bool has_nonce);
