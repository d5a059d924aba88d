/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a probe of a check says and expects, beyond timing. Three forms: details, as the
 * configuration's keys fill them; spec, a few bytes that identify the probe and travel to the
 * process that makes it; set, the checks of a pool, shared by all copies of the pool.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"

#define CHECK_STATUSES_MAX 16
#define CHECK_COMMAND_MAX 32 /* words */
#define CHECK_SPEC_MAX 4096  /* bytes of any spec */

enum check_method { CHECK_GET, CHECK_HEAD, CHECK_OPTIONS, CHECK_METHOD_MAX };

/* What may be binary, or contain zeros. */
struct check_bytes {
	uint16_t length;
	uint8_t bytes[512];
};

struct check_details {
	/* http, https */
	enum check_method method;
	char path[512];
	char host[254]; /* "" the member's address */
	struct {
		uint16_t count;
		struct {
			uint16_t low, high;
		} list[CHECK_STATUSES_MAX];
	} expect;
	char body[256];	    /* must occur; "" anything */
	uint32_t read_max;  /* of the body, bytes */
	char sni[254];	    /* "" host */
	bool is_unverified; /* any certificate will do */
	char ca[CONFIG_PATH_MAX + 1];
	uint32_t expiry_s; /* a certificate that ends within this is remarked on; 0: none is */
	/* udp, dns; name: lookup, too */
	struct check_bytes send, answer;
	char name[254];
	uint32_t record; /* of DNS, as on the wire */
	uint32_t rcode;
	/* exec: words that end with zeros */
	struct {
		uint16_t count, length;
		char words[1024];
	} command;
};

/* Immutable. */
struct check_spec {
	uint32_t length;
	uint8_t bytes[];
};

/* Only what belongs to the type. NULL for types that need no more than an address and a port. */
struct check_spec *check_spec_encode(enum check_type type, const struct check_details *details);
/* Takes nothing for granted: false unless bytes are what encode makes of some details. */
bool check_spec_decode(const void *bytes, size_t length, enum check_type *ret_type,
		       struct check_details *ret_details);
/* Of a check by https; 0 of any other, and of none. */
uint32_t check_spec_expiry_s(const struct check_spec *spec);
/* Whether the probe is made by sluice-check. */
bool check_type_is_apart(enum check_type type);
/* Whether its probes can go to the service's address, by the way of its packets. */
bool check_type_has_path(enum check_type type);
const char *check_via_name(enum check_via via);
const char *check_type_name(enum check_type type);
const char *check_method_name(enum check_method method);
/* The word at the position, NULL behind the last. */
const char *check_command_word(const struct check_details *details, size_t position);

/* The checks of one pool: its own first, then those that members have instead. */
struct check_set {
	uint32_t references;
	uint32_t count;
	size_t capacity;
	struct check_config *list; /* their specs are the set's */
};

struct check_set *check_set_new(void);
struct check_set *check_set_ref(struct check_set *set); /* accepts NULL, as below */
void check_set_unref(struct check_set *set);
/* The check's spec, if any, becomes the set's. Returns its position. */
uint32_t check_set_add(struct check_set *set, const struct check_config *check);
