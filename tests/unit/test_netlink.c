/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How answers of the kernel's netlink end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>

#include "base/util.h"
#include "dataplane/netlink.h"

#define SEQUENCE 7
#define PORT 4711

static union {
	struct nlmsghdr header;
	char bytes[512];
} buffer;
static size_t length;
static int heard; /* messages */

static void on_message(const struct nlmsghdr *message, void *arg)
{
	(void)arg;
	assert_int_equal(message->nlmsg_type, RTM_NEWLINK);
	heard++;
}

/* One more message at the end of what came. */
static void add(uint16_t type, uint32_t sequence, const void *payload, size_t bytes)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes + length);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_MULTI;
	message->nlmsg_seq = sequence;
	message->nlmsg_pid = PORT;
	memcpy(mnl_nlmsg_put_extra_header(message, bytes), payload, bytes);
	length += message->nlmsg_len;
}

static void add_link(void)
{
	const struct ifinfomsg link = {.ifi_index = 1};

	add(RTM_NEWLINK, SEQUENCE, &link, sizeof(link));
}

static int take(void)
{
	int ret;

	heard = 0;
	ret = netlink_take(buffer.bytes, length, SEQUENCE, PORT, on_message, NULL);
	length = 0;
	return ret;
}

static void test_dump(void **state)
{
	const int none = 0;

	(void)state;
	add_link();
	add_link();
	assert_int_equal(take(), 1);
	assert_int_equal(heard, 2);
	add_link();
	add(NLMSG_DONE, SEQUENCE, &none, sizeof(none));
	assert_int_equal(take(), 0);
	assert_int_equal(heard, 1);
}

/* As a kernel that was started with ipv6.disable=1 answers for IPv6. */
static void test_dump_that_fails(void **state)
{
	static const int errors[] = {-EAFNOSUPPORT, -EOPNOTSUPP, -ENOENT, -EINVAL};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		add(NLMSG_DONE, SEQUENCE, &errors[i], sizeof(errors[i]));
		assert_int_equal(take(), errors[i]);
		add_link();
		add(NLMSG_DONE, SEQUENCE, &errors[i], sizeof(errors[i]));
		assert_int_equal(take(), errors[i]);
		assert_int_equal(heard, 1);
	}
}

static void test_request(void **state)
{
	const struct nlmsgerr good = {.error = 0}, bad = {.error = -EPERM};

	(void)state;
	add(NLMSG_ERROR, SEQUENCE, &good, sizeof(good));
	assert_int_equal(take(), 0);
	add(NLMSG_ERROR, SEQUENCE, &bad, sizeof(bad));
	assert_int_equal(take(), -EPERM);
}

/* Of an earlier request, and of what is no answer. */
static void test_strange(void **state)
{
	const int late = -EPERM;

	(void)state;
	add(NLMSG_DONE, SEQUENCE - 1, &late, sizeof(late));
	assert_int_equal(take(), 1);
	add(NLMSG_DONE, SEQUENCE, &late, 0);
	assert_int_equal(take(), -EBADMSG);
	add(NLMSG_ERROR, SEQUENCE, &late, sizeof(late));
	assert_int_equal(take(), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_dump_that_fails),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
