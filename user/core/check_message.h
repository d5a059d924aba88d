/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sluiced and sluice-check say to each other: one request or answer is one message of a
 * SOCK_SEQPACKET pair; with a request for a probe through the path comes its socket. sluice-check reads what strangers send, so sluiced believes an answer only as
 * far as check_answer_read() does. Pure.
 */
#pragma once

#include "core/check_spec.h"
#include "core/health_state.h"

/* The descriptors that sluice-check finds open. */
#define CHECK_WORK_FD 3	   /* requests and answers */
#define CHECK_CONTROL_FD 4 /* with its own parent process: below */

/* From sluiced: the process that works hangs, end it. */
#define CHECK_CONTROL_KILL 'k'
/* To sluiced: CHECK_CONTROL_DIED, then why in words. */
#define CHECK_CONTROL_DIED 'd'
#define CHECK_CONTROL_MAX 128

#define CHECK_MESSAGE_MAX (CHECK_SPEC_MAX + 128)
#define CHECK_TEXT_MAX 96
#define CHECK_JOBS_MAX 4000	/* of sluice-check at once */
#define CHECK_PROGRAMS_MAX 1000 /* of exec, among them */
#define CHECK_ADDRESSES_MAX 64	/* of one host name */

/* How long the parts of a probe took, from its beginning; 0: it did not get there. */
struct check_times {
	uint32_t connect_us, tls_us, first_byte_us, total_us;
};

/* Rising, each once. */
struct check_addresses {
	size_t count;
	struct sluice_addr list[CHECK_ADDRESSES_MAX];
};

struct check_answer {
	uint64_t id;
	enum probe_result result;
	enum health_cause cause;   /* of a failure */
	bool is_lost;		   /* undecided, for its process died: of this probe, or another */
	char text[CHECK_TEXT_MAX]; /* why not, "" for a pass */
	struct check_times times;
	int64_t expires_s; /* the member's certificate, wall clock; 0: none was seen */
	struct check_addresses addresses; /* of a lookup that passed */
};

struct check_request {
	uint64_t id;
	uint64_t sent_ms;    /* clock_now_ms() */
	uint32_t timeout_ms; /* from then on */
	struct sluice_addr addr;
	uint16_t port;
	bool has_socket; /* one descriptor comes with it, which the probe is to use */
	enum check_type type;
	struct check_details details;
};

/* Into message; returns its length. */
size_t check_request_write(uint8_t message[CHECK_MESSAGE_MAX], const struct check_request *request,
			   const struct check_spec *spec);
bool check_request_read(const uint8_t *message, size_t length, struct check_request *ret_request);

/* Makes text fit: valid UTF-8 without control characters, cut where it must be. */
void check_text_clean(char text[CHECK_TEXT_MAX], const char *from);
size_t check_answer_write(uint8_t message[CHECK_MESSAGE_MAX], const struct check_answer *answer);
/* False unless every field is what an honest process could say. */
bool check_answer_read(const uint8_t *message, size_t length, struct check_answer *ret_answer);

/* What the errno of a call that asks (socket, bind, connect, send) says: a failure of the member, or of this
 * host. */
enum probe_result check_errno_result(int error, const char **ret_text);
/* The same of an errno that the socket told after it had asked: who rejects, or has no route, is then
 * somebody else. */
enum probe_result check_told_result(int error, const char **ret_text);
/* Of a failure: did anything come back from the member? */
enum health_cause check_errno_cause(int error);
