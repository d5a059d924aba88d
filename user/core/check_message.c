/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/check_message.h"

#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "base/utf8.h"
#include "base/util.h"

#define REQUEST_MAGIC 0x71657253U /* both ends are one build; this tells a wrong descriptor */
#define ANSWER_MAGIC 0x736e6153U
#define EXPIRES_MAX 253402300799 /* the last second of the year 9999 */

struct request_head {
	uint32_t magic;
	uint32_t timeout_ms;
	uint64_t id;
	uint64_t sent_ms;
	struct sluice_addr addr;
	uint16_t port;
	uint16_t has_socket;
	uint32_t spec_length;
};

struct answer_message {
	uint32_t magic;
	uint8_t result, cause;
	uint16_t addresses; /* so many follow */
	uint64_t id;
	int64_t expires_s;
	struct check_times times;
	char text[CHECK_TEXT_MAX];
};

size_t check_request_write(uint8_t message[CHECK_MESSAGE_MAX], const struct check_request *request,
			   const struct check_spec *spec)
{
	struct request_head head = {
		.magic = REQUEST_MAGIC,
		.timeout_ms = request->timeout_ms,
		.id = request->id,
		.sent_ms = request->sent_ms,
		.addr = request->addr,
		.port = request->port,
		.has_socket = request->has_socket,
		.spec_length = spec->length,
	};

	_Static_assert(sizeof(head) + CHECK_SPEC_MAX <= CHECK_MESSAGE_MAX, "a message holds both");
	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), spec->bytes, spec->length);
	return sizeof(head) + spec->length;
}

bool check_request_read(const uint8_t *message, size_t length, struct check_request *ret_request)
{
	struct request_head head;

	if (length < sizeof(head))
		return false;
	memcpy(&head, message, sizeof(head));
	if (head.magic != REQUEST_MAGIC || head.has_socket > 1 ||
	    head.spec_length != length - sizeof(head))
		return false;
	ret_request->id = head.id;
	ret_request->sent_ms = head.sent_ms;
	ret_request->timeout_ms = head.timeout_ms;
	ret_request->addr = head.addr;
	ret_request->port = head.port;
	ret_request->has_socket = head.has_socket;
	return check_spec_decode(message + sizeof(head), head.spec_length, &ret_request->type,
				 &ret_request->details);
}

void check_text_clean(char text[CHECK_TEXT_MAX], const char *from)
{
	size_t length = strnlen(from, CHECK_TEXT_MAX - 1);

	memset(text, 0, CHECK_TEXT_MAX);
	memcpy(text, from, length);
	utf8_clean(text);
}

size_t check_answer_write(uint8_t message[CHECK_MESSAGE_MAX], const struct check_answer *answer)
{
	struct answer_message out = {
		.magic = ANSWER_MAGIC,
		.result = (uint8_t)answer->result,
		.cause = (uint8_t)answer->cause,
		.addresses = (uint16_t)answer->addresses.count,
		.id = answer->id,
		.expires_s = answer->expires_s,
		.times = answer->times,
	};

	check_text_clean(out.text, answer->text);
	_Static_assert(sizeof(out) + sizeof(answer->addresses.list) <= CHECK_MESSAGE_MAX, "room");
	memcpy(message, &out, sizeof(out));
	memcpy(message + sizeof(out), answer->addresses.list,
	       answer->addresses.count * sizeof(answer->addresses.list[0]));
	return sizeof(out) + answer->addresses.count * sizeof(answer->addresses.list[0]);
}

static bool read_addresses(const uint8_t *bytes, size_t length, size_t count,
			   struct check_addresses *ret_addresses)
{
	struct sluice_addr *list = ret_addresses->list;
	size_t i;

	if (count > CHECK_ADDRESSES_MAX || length != count * sizeof(*list))
		return false;
	memcpy(list, bytes, length);
	ret_addresses->count = count;
	for (i = 1; i < count; i++)
		if (addr_compare(&list[i - 1], &list[i]) >= 0)
			return false;
	return true;
}

/* What ends early has zeros behind it, and cleaning leaves an honest text as it is. */
static bool is_clean(const char text[CHECK_TEXT_MAX])
{
	char clean[CHECK_TEXT_MAX];

	if (text[CHECK_TEXT_MAX - 1])
		return false;
	check_text_clean(clean, text);
	return memcmp(clean, text, CHECK_TEXT_MAX) == 0;
}

bool check_answer_read(const uint8_t *message, size_t length, struct check_answer *ret_answer)
{
	struct check_addresses addresses = {0};
	struct answer_message in;

	if (length < sizeof(in))
		return false;
	memcpy(&in, message, sizeof(in));
	if (in.magic != ANSWER_MAGIC || in.result >= PROBE_RESULT_MAX ||
	    (in.addresses && in.result != PROBE_PASS) || in.cause >= HEALTH_CAUSE_MAX ||
	    in.expires_s < 0 || in.expires_s > EXPIRES_MAX || !is_clean(in.text))
		return false;
	if (!read_addresses(message + sizeof(in), length - sizeof(in), in.addresses, &addresses))
		return false;
	*ret_answer = (struct check_answer){
		.id = in.id,
		.result = in.result,
		.cause = in.cause,
		.times = in.times,
		.expires_s = in.expires_s,
		.addresses = addresses,
	};
	memcpy(ret_answer->text, in.text, sizeof(ret_answer->text));
	return true;
}

enum probe_result check_errno_result(int error, const char **ret_text)
{
	switch (error) {
	case 0:
		*ret_text = "";
		return PROBE_PASS;
	case ECONNREFUSED:
		*ret_text = "connection refused";
		return PROBE_FAIL;
	case ETIMEDOUT:
		*ret_text = "connect timeout";
		return PROBE_FAIL;
	case ECONNRESET:
		*ret_text = "connection reset";
		return PROBE_FAIL;
	case EHOSTUNREACH:
		*ret_text = "host unreachable";
		return PROBE_FAIL;
	case ENOPROTOOPT:
	case EPROTO:
		*ret_text = "protocol unreachable";
		return PROBE_FAIL;
	default:
		/* EMFILE, ENOBUFS, ENETDOWN, ENETUNREACH, EACCES, EADDRNOTAVAIL, EPERM, ...: this
		 * host could not even ask. */
		*ret_text = strerror(error);
		return PROBE_UNDECIDED;
	}
}

/* What ICMP errors become: icmp_err_convert[] of Linux, and tab_unreach[] of its IPv6. */
enum probe_result check_told_result(int error, const char **ret_text)
{
	switch (error) {
	case EACCES:
		*ret_text = "rejected by a firewall: administratively prohibited";
		return PROBE_FAIL;
	case ENETUNREACH:
		*ret_text = "network unreachable, says a router";
		return PROBE_FAIL;
	case EHOSTDOWN:
		*ret_text = "host unknown, says a router";
		return PROBE_FAIL;
	case ENONET:
		*ret_text = "host isolated, says a router";
		return PROBE_FAIL;
	default:
		return check_errno_result(error, ret_text);
	}
}

enum health_cause check_errno_cause(int error)
{
	switch (error) {
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENONET:
		return HEALTH_SILENT;
	default: /* Also EACCES: a firewall that rejects new connections may well keep those there are. */
		return HEALTH_ANSWERED;
	}
}
