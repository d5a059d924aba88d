/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses, prefixes and endpoints as text and as bytes. Text: RFC 5952 for IPv6, brackets
 * around an IPv6 address that has a port. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <sluice/types.h>

#define ADDR_TEXT_MAX 48     /* an address */
#define ENDPOINT_TEXT_MAX 64 /* [address]:port */
#define LISTEN_TEXT_MAX 72   /* tcp [address]:port */

/* 0, or -EINVAL. Only numeric addresses; a v4-mapped IPv6 text is refused. */
int addr_parse(const char *text, struct sluice_addr *ret_addr);
enum sluice_family addr_family(const struct sluice_addr *addr);
bool addr_equal(const struct sluice_addr *a, const struct sluice_addr *b);
int addr_compare(const struct sluice_addr *a, const struct sluice_addr *b); /* memcmp order */
/* Sorts, and leaves out what is there twice; returns how many are left. */
size_t addr_sort(struct sluice_addr *list, size_t count);
/* Neither unspecified, loopback, multicast, broadcast nor link-local. */
bool addr_is_routable_unicast(const struct sluice_addr *addr);
const char *addr_format(const struct sluice_addr *addr, char buffer[ADDR_TEXT_MAX]);
/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]:80"; port 0 when absent.
 * Port in host byte order. 0, or -EINVAL. */
int addr_parse_endpoint(const char *text, struct sluice_addr *ret_addr, uint16_t *ret_port);
const char *addr_format_endpoint(const struct sluice_addr *addr, uint16_t port,
				 char buffer[ENDPOINT_TEXT_MAX]);
/* Keeps the first bits of the address as its own family counts them (v4: 0..32, v6: 0..128). */
void addr_mask(struct sluice_addr *addr, unsigned int prefix_length);
/* Fills a sockaddr_in or sockaddr_in6; returns its length. */
socklen_t addr_to_sockaddr(const struct sluice_addr *addr, uint16_t port,
			   struct sockaddr_storage *ret_sa);
