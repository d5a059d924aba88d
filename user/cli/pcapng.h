/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes Ethernet frames as pcapng (draft-ietf-opsawg-pcapng), each with a comment. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define PCAPNG_INTERFACES_MAX 64

struct pcapng {
	FILE *out;
	uint32_t snap;
	char interfaces[PCAPNG_INTERFACES_MAX][16]; /* by their number in the file */
	uint32_t interface_count;
};

struct pcapng_packet {
	const char *interface;
	uint64_t time_ns; /* since 1970 */
	uint32_t bytes;	  /* as it was */
	const uint8_t *data;
	uint32_t kept; /* bytes of data */
	const char *comment;
};

/* Writes the file's header; snap: bytes kept of a packet at most. out stays the caller's. */
void pcapng_begin(struct pcapng *file, FILE *out, uint32_t snap, const char *application);
/* An interface's first packet declares it; those past PCAPNG_INTERFACES_MAX share the last. */
void pcapng_add(struct pcapng *file, const struct pcapng_packet *packet);
