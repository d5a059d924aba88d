/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One question to a name server, and what it answers. The C library takes the message apart. */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "check/datagram.h"

#define HEADER_LEN 12

static const char *rcode_name(unsigned int rcode, char text[24])
{
	static const char *const names[] = {"NOERROR",	"FORMERR", "SERVFAIL",
					    "NXDOMAIN", "NOTIMP",  "REFUSED"};

	if (rcode < ARRAY_SIZE(names))
		return names[rcode];
	snprintf(text, 24, "rcode %u", rcode);
	return text;
}

/* Random id, recursion desired, one question. 0 when the name is none. */
static size_t make_query(const struct check_details *details, uint8_t *message, size_t size)
{
	int length;

	memset(message, 0, HEADER_LEN);
	if (getrandom(message, 2, 0) != 2)
		return 0;
	message[2] = 1; /* recursion desired */
	message[5] = 1;
	length = ns_name_compress(details->name, message + HEADER_LEN, size - HEADER_LEN - 4, NULL,
				  NULL);
	if (length < 0)
		return 0;
	length += HEADER_LEN;
	message[length++] = (uint8_t)(details->record >> 8);
	message[length++] = (uint8_t)details->record;
	message[length++] = 0;
	message[length++] = ns_c_in;
	return (size_t)length;
}

/* With or without the dot at the end. */
static bool is_same_name(const char *a, const char *b)
{
	size_t length = strlen(a), other = strlen(b);

	length -= length && a[length - 1] == '.';
	other -= other && b[other - 1] == '.';
	return length == other && !strncasecmp(a, b, length);
}

/* To the same question: names may come back in other case. */
static bool is_ours(const struct datagram *datagram, ns_msg *message)
{
	const struct check_details *details = &datagram->job->request.details;
	uint16_t id = (uint16_t)(datagram->sent[0] << 8 | datagram->sent[1]);
	ns_rr question;

	return ns_msg_id(*message) == id && ns_msg_getflag(*message, ns_f_qr) &&
	       ns_msg_count(*message, ns_s_qd) == 1 &&
	       !ns_parserr(message, ns_s_qd, 0, &question) &&
	       ns_rr_type(question) == details->record &&
	       is_same_name(ns_rr_name(question), details->name);
}

/* Addresses must be the wanted one, so must names in a record; other texts must contain it. */
static bool has_text(const ns_msg *message, const ns_rr *record, const char *wanted)
{
	static const uint8_t name_at[ns_t_srv + 1] = {[ns_t_mx] = 2, [ns_t_srv] = 6};
	const uint8_t *data = ns_rr_rdata(*record);
	size_t length = ns_rr_rdlen(*record), at;
	char text[NS_MAXDNAME];

	switch (ns_rr_type(*record)) {
	case ns_t_a:
		return length == 4 && inet_ntop(AF_INET, data, text, sizeof(text)) &&
		       !strcmp(text, wanted);
	case ns_t_aaaa:
		return length == 16 && inet_ntop(AF_INET6, data, text, sizeof(text)) &&
		       !strcmp(text, wanted);
	case ns_t_txt:
		return memmem(data, length, wanted, strlen(wanted));
	default:
		at = name_at[ns_rr_type(*record)];
		return length > at &&
		       ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), data + at,
					  text, sizeof(text)) >= 0 &&
		       is_same_name(text, wanted);
	}
}

static bool is_answered(ns_msg *message, const struct check_details *details, const char *wanted)
{
	uint16_t count = ns_msg_count(*message, ns_s_an), i;
	ns_rr record;

	for (i = 0; i < count; i++) {
		if (ns_parserr(message, ns_s_an, i, &record))
			return false;
		if (ns_rr_type(record) == details->record &&
		    (!*wanted || has_text(message, &record, wanted)))
			return true;
	}
	return false;
}

/* An address in the form that inet_ntop() gives. */
static void get_wanted(const struct check_details *details,
		       char wanted[sizeof(details->answer.bytes) + 1])
{
	int family = details->record == ns_t_a ? AF_INET : AF_INET6;
	uint8_t address[16];

	memcpy(wanted, details->answer.bytes, details->answer.length);
	wanted[details->answer.length] = '\0';
	if ((details->record == ns_t_a || details->record == ns_t_aaaa) &&
	    inet_pton(family, wanted, address) == 1)
		inet_ntop(family, address, wanted, INET6_ADDRSTRLEN);
}

static bool judge(const struct datagram *datagram, const uint8_t *data, size_t length,
		  struct check_answer *answer)
{
	const struct check_details *details = &datagram->job->request.details;
	char wanted[sizeof(details->answer.bytes) + INET6_ADDRSTRLEN], a[24], b[24];
	unsigned int rcode;
	ns_msg message;

	if (ns_initparse(data, (int)length, &message) || !is_ours(datagram, &message))
		return false;
	rcode = (unsigned int)ns_msg_getflag(message, ns_f_rcode);
	get_wanted(details, wanted);
	answer->result = PROBE_FAIL;
	if (rcode != details->rcode)
		snprintf(answer->text, sizeof(answer->text), "answers %s instead of %s",
			 rcode_name(rcode, a), rcode_name(details->rcode, b));
	else if (rcode == ns_r_noerror && !is_answered(&message, details, wanted))
		snprintf(answer->text, sizeof(answer->text), "no such record in the answer%s%.40s",
			 *wanted ? ": " : "", wanted);
	else
		answer->result = PROBE_PASS;
	return true;
}

void dns_begin(struct job *job)
{
	uint8_t message[512];
	size_t length = make_query(&job->request.details, message, sizeof(message));

	if (length)
		datagram_begin(job, message, length, judge);
	else
		job_fail(job, PROBE_UNDECIDED, 0, "\"%s\" makes no question",
			 job->request.details.name);
}
