/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Probes through a path that is invented, over the loopback device: what counts, what does not, and what
 * a second look finds. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"
#include "health/look.h"

#define TIMEOUT_MS 200

/* The service is 127.0.0.2, the member's own address 127.0.0.3: who listens where says what breaks. */
static struct sluice_addr service, own;

static struct fake {
	bool is_blocked;	 /* nobody can be aimed at */
	bool is_astray;		 /* packets go another way */
	uint64_t reachable;	 /* the one member, by id */
	uint32_t aimed, cleared; /* the last index */
	struct sluice_addr addr;
	struct sluice_addr source; /* that its probes come from */
	uint64_t sent;
	bool has_passed; /* as the last one that was asked about */
} fake;

static bool aim(void *arg, uint32_t index, uint64_t member_id, const struct sluice_addr *addr,
		struct path_aim *ret_aim, char problem[HEALTH_TEXT_MAX])
{
	(void)arg;
	if (fake.is_blocked || member_id != fake.reachable) {
		util_copy(problem, HEALTH_TEXT_MAX, "blocked");
		return false;
	}
	fake.aimed = index;
	fake.addr = *addr;
	*ret_aim = (struct path_aim){.source = fake.source, .sent = fake.sent};
	fake.sent += !fake.is_astray;
	return true;
}

static bool went(void *arg, uint32_t index, const struct sluice_addr *addr,
		 const struct path_aim *aimed, bool has_passed, char problem[HEALTH_TEXT_MAX])
{
	(void)arg;
	fake.has_passed = has_passed;
	assert_int_equal(index, fake.aimed);
	assert_true(addr_equal(addr, &fake.addr));
	util_copy(problem, HEALTH_TEXT_MAX, "astray");
	return fake.sent > aimed->sent;
}

static void clear(void *arg, uint32_t index)
{
	(void)arg;
	fake.cleared = index;
}

static const struct health_path PATH = {.indices = 2, .aim = aim, .went = went, .clear = clear};
static const struct check_config CHECK = {
	.type = CHECK_TCP, .via = CHECK_VIA_PATH, .timeout_ms = TIMEOUT_MS};
static uint64_t members[] = {6, 7};
static struct path_target target = {.index = 1, .members = members, .member_count = 2};

/* ---- the world ------------------------------------------------------------------------------- */

static uv_loop_t loop;
static struct prober *prober;
static uint16_t port;

static struct sluice_addr parse(const char *text)
{
	struct sluice_addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* A socket that is bound, so that the port is nobody else's. */
static int bind_to(const struct sluice_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(addr, port, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &length), 0);
	port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
	return fd;
}

static int answers(const struct sluice_addr *addr)
{
	int fd = bind_to(addr);

	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* The kernel drops what does not fit into the queue: nothing is heard. */
static int is_silent(const struct sluice_addr *addr, int fillers[4])
{
	struct sockaddr_storage sa;
	socklen_t length;
	int fd = bind_to(addr), i;

	assert_int_equal(listen(fd, 0), 0);
	length = addr_to_sockaddr(addr, port, &sa);
	for (i = 0; i < 4; i++) {
		fillers[i] = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_true(!connect(fillers[i], (struct sockaddr *)&sa, length) ||
			    errno == EINPROGRESS);
	}
	return fd;
}

static void close_all(int *fds, size_t count)
{
	while (count--)
		util_close_p(&fds[count]);
}

static int set_up(void **state)
{
	(void)state;
	fake = (struct fake){.reachable = 7};
	service = parse("127.0.0.2");
	own = parse("127.0.0.3");
	port = 0;
	uv_loop_init(&loop);
	prober = prober_new(&loop, "/bin/true", &PATH);
	return 0;
}

static void on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (uv_is_active(handle) && handle->type == UV_PROCESS)
		uv_unref(handle);
}

static int tear_down(void **state)
{
	(void)state;
	prober_free(prober);
	uv_walk(&loop, on_walk, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	return 0;
}

static struct check_answer answer;
static bool is_over;

static void on_answer(void *arg, const struct check_answer *got)
{
	(void)arg;
	answer = *got;
	is_over = true;
}

static void wait_for_it(void)
{
	while (!is_over)
		uv_run(&loop, UV_RUN_ONCE);
}

static void probe(const struct path_target *with)
{
	is_over = false;
	prober_through(prober, with, &service, port, &CHECK, on_answer, NULL);
	assert_false(is_over);
	wait_for_it();
}

/* ---- probes ---------------------------------------------------------------------------------- */

static void test_pass(void **state)
{
	int fd = answers(&service);

	(void)state;
	probe(&target);
	assert_int_equal(answer.result, PROBE_PASS);
	assert_true(fake.has_passed);
	assert_int_equal(fake.aimed, 1);
	assert_true(addr_equal(&fake.addr, &service));
	close(fd);
}

/* Who is probed answers to the address that it is probed from. */
static void test_source(void **state)
{
	const struct sluice_addr from = parse("127.0.0.4"), foreign = parse("192.0.2.77");
	int fd = answers(&service), accepted;
	struct sockaddr_in peer;
	socklen_t length = sizeof(peer);

	(void)state;
	fake.source = from;
	probe(&target);
	assert_int_equal(answer.result, PROBE_PASS);
	accepted = accept(fd, (struct sockaddr *)&peer, &length);
	assert_true(accepted >= 0);
	assert_int_equal(peer.sin_addr.s_addr, from.w_be[3]);
	close(accepted);
	/* An address that the host lost says nothing of the member. */
	fake.source = foreign;
	probe(&target);
	assert_int_equal(answer.result, PROBE_UNDECIDED);
	close(fd);
}

static void test_refused(void **state)
{
	int fd = bind_to(&service);

	(void)state;
	probe(&target);
	assert_int_equal(answer.result, PROBE_FAIL);
	assert_string_equal(answer.text, "connection refused");
	assert_false(fake.has_passed);
	close(fd);
}

/* Whatever was heard, it was not heard through the path. */
static void test_astray(void **state)
{
	int fd = answers(&service);

	(void)state;
	fake.is_astray = true;
	probe(&target);
	assert_int_equal(answer.result, PROBE_UNDECIDED);
	assert_string_equal(answer.text, "astray");
	close(fd);
	probe(&target); /* and a refusal */
	assert_int_equal(answer.result, PROBE_UNDECIDED);
}

static void test_blocked(void **state)
{
	const struct path_target none = {.members = members, .member_count = 2};
	int fd = answers(&service);

	(void)state;
	fake.is_blocked = true;
	probe(&target);
	assert_int_equal(answer.result, PROBE_UNDECIDED);
	assert_string_equal(answer.text, "blocked");
	fake.is_blocked = false;
	probe(&none);
	assert_int_equal(answer.result, PROBE_UNDECIDED);
	assert_string_equal(answer.text, "too many are probed through the path");
	close(fd);
}

static void test_no_path(void **state)
{
	struct prober *other = prober_new(&loop, "/bin/true", NULL);

	(void)state;
	assert_int_equal(prober_take_index(other, 0), 0);
	is_over = false;
	prober_through(other, &(struct path_target){0}, &service, 9, &CHECK, on_answer, NULL);
	wait_for_it();
	assert_int_equal(answer.result, PROBE_UNDECIDED);
	assert_string_equal(answer.text, "there is no path for probes");
	prober_free(other);
}

static void test_cancel(void **state)
{
	int fd = answers(&service);

	(void)state;
	is_over = false;
	probe_cancel(prober_through(prober, &target, &service, port, &CHECK, on_answer, NULL));
	fake.is_blocked = true;
	probe_cancel(prober_through(prober, &target, &service, port, &CHECK, on_answer, NULL));
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_false(is_over);
	close(fd);
}

static void test_indices(void **state)
{
	const struct check_config slow = {.type = CHECK_HTTP, .timeout_ms = 4000};
	const struct check_config quick = {.type = CHECK_UDP, .timeout_ms = 100};

	(void)state;
	assert_int_equal(prober_take_index(prober, 0), 1);
	assert_int_equal(prober_take_index(prober, 0), 2);
	assert_int_equal(prober_take_index(prober, 0), 0);
	prober_give_index(prober, 0, &slow, 0);
	assert_int_equal(fake.cleared, 0);
	/* Sockets with its mark may be left: they must not meet another member's. */
	prober_give_index(prober, 1, &slow, 500);
	assert_int_equal(fake.cleared, 1);
	assert_int_equal(prober_take_index(prober, 500), 0);
	assert_int_equal(prober_take_index(prober, 500 + 2 * 4000), 0);
	prober_give_index(prober, 2, &quick, 600);
	assert_int_equal(fake.cleared, 2);
	assert_int_equal(prober_take_index(prober, 600 + 200), 0);
	assert_int_equal(prober_take_index(prober, 600 + 200 + 9999), 0);
	assert_int_equal(prober_take_index(prober, 11000), 2);
	assert_int_equal(prober_take_index(prober, 11000), 0);
	assert_int_equal(prober_take_index(prober, 500 + 8000 + 9999), 0);
	assert_int_equal(prober_take_index(prober, 20000), 1);
	assert_int_equal(prober_take_index(prober, 20000), 0);
	/* The daemon's own are closed: nothing is left. */
	prober_give_index(prober, 2, &CHECK, 20000);
	assert_int_equal(fake.cleared, 2);
	prober_give_index(prober, 1, &CHECK, 20000);
	assert_int_equal(prober_take_index(prober, 20000), 1);
	assert_int_equal(prober_take_index(prober, 20000), 2);
	assert_int_equal(prober_take_index(prober, 20000), 0);
}

/* Each index has one owner at a time, and rests as long as it must, whatever comes in between. */
static void test_indices_random(void **state)
{
	const struct check_config kinds[] = {{.type = CHECK_TCP, .timeout_ms = 1000},
					     {.type = CHECK_UDP, .timeout_ms = 100},
					     {.type = CHECK_HTTPS, .timeout_ms = 2500}};
	struct health_path path = PATH;
	struct prober *other;
	struct {
		bool is_taken;
		uint64_t free_ms;
	} known[51] = {{0}};
	unsigned int seed = 7;
	uint64_t now_ms = 1000;
	int step, i;

	(void)state;
	path.indices = 50;
	other = prober_new(&loop, "/bin/true", &path);
	for (step = 0; step < 100000; step++) {
		uint32_t index = (uint32_t)rand_r(&seed) % 50 + 1;
		const struct check_config *check = &kinds[rand_r(&seed) % 3];
		bool is_any = false;

		now_ms += (uint64_t)rand_r(&seed) % 100;
		if (rand_r(&seed) % 2 && known[index].is_taken) {
			prober_give_index(other, index, check, now_ms);
			known[index].is_taken = false;
			known[index].free_ms = now_ms;
			if (check->type != CHECK_TCP)
				known[index].free_ms += 2 * check->timeout_ms + 10000;
			continue;
		}
		for (i = 1; i <= 50; i++)
			is_any |= !known[i].is_taken && known[i].free_ms <= now_ms;
		index = prober_take_index(other, now_ms);
		assert_int_equal(index > 0, is_any);
		assert_true(!index || !known[index].is_taken);
		assert_true(!index || known[index].free_ms <= now_ms);
		known[index].is_taken = index > 0;
	}
	prober_free(other);
}

/* ---- a second look --------------------------------------------------------------------------- */

static enum look_result looked;

static void on_looked(void *arg, enum look_result result)
{
	(void)arg;
	looked = result;
	is_over = true;
}

static enum look_result look(enum sluice_mode mode)
{
	const struct look_target at = {.addr = own,
				       .service = service,
				       .port = port,
				       .mode = mode,
				       .path = &target,
				       .check = &CHECK};

	is_over = false;
	look_begin(prober, &at, on_looked, NULL);
	assert_false(is_over);
	wait_for_it();
	return looked;
}

static void test_look_answers(void **state)
{
	int fd = answers(&own);

	(void)state;
	assert_int_equal(look(SLUICE_MODE_L2), LOOK_NO_ADDRESS);
	assert_int_equal(fake.aimed, 0);
	assert_int_equal(look(SLUICE_MODE_IPIP), LOOK_NO_ADDRESS);
	assert_true(addr_equal(&fake.addr, &own));
	assert_int_equal(look(SLUICE_MODE_GUE), LOOK_NO_ADDRESS);
	/* What another family's tunnel unpacks says nothing of this one's. */
	service = parse("2001:db8::1");
	assert_int_equal(look(SLUICE_MODE_IPIP), LOOK_ANSWERS);
	service = parse("127.0.0.2");
	fake.is_blocked = true;
	assert_int_equal(look(SLUICE_MODE_IPIP), LOOK_ANSWERS);
	close(fd);
	/* A refusal shows that the host is there. */
	assert_int_equal(look(SLUICE_MODE_L2), LOOK_NO_ADDRESS);
}

static void test_look_silent(void **state)
{
	int fillers[4], fd = is_silent(&own, fillers);

	(void)state;
	assert_int_equal(look(SLUICE_MODE_L2), LOOK_SILENT);
	assert_int_equal(look(SLUICE_MODE_IPIP), LOOK_SILENT);
	close_all(fillers, 4);
	close(fd);
}

/* Direct it answers; then, through the tunnel, it does not any more. */
static int late_fillers[4], late_fd, first_fd;

static bool aim_then_silence(void *arg, uint32_t index, uint64_t member_id,
			     const struct sluice_addr *addr, struct path_aim *ret_aim,
			     char problem[HEALTH_TEXT_MAX])
{
	close(first_fd);
	late_fd = is_silent(&own, late_fillers);
	return aim(arg, index, member_id, addr, ret_aim, problem);
}

static void test_look_no_decap(void **state)
{
	struct health_path path = PATH;

	(void)state;
	path.aim = aim_then_silence;
	prober_free(prober);
	prober = prober_new(&loop, "/bin/true", &path);
	first_fd = answers(&own);
	assert_int_equal(look(SLUICE_MODE_IPIP), LOOK_NO_DECAP);
	close_all(late_fillers, 4);
	close(late_fd);
}

static void test_look_cancel(void **state)
{
	const struct look_target at = {.addr = own,
				       .service = service,
				       .port = 9,
				       .mode = SLUICE_MODE_IPIP,
				       .path = &target,
				       .check = &CHECK};

	(void)state;
	is_over = false;
	probe_cancel(look_begin(prober, &at, on_looked, NULL));
	uv_run(&loop, UV_RUN_NOWAIT);
	assert_false(is_over);
}

static void test_words(void **state)
{
	char text[HEALTH_TEXT_MAX];

	(void)state;
	look_describe(LOOK_NONE, CHECK_TCP, SLUICE_MODE_IPIP, &service, text);
	assert_string_equal(text, " (through the tunnel)");
	look_describe(LOOK_NONE, CHECK_TCP, SLUICE_MODE_L2, &service, text);
	assert_string_equal(text, " (at 127.0.0.2)");
	look_describe(LOOK_NO_ADDRESS, CHECK_TCP, SLUICE_MODE_L2, &service, text);
	assert_string_equal(text, " (at 127.0.0.2), but its own address answers: is that on its "
				  "loopback?");
	look_describe(LOOK_NO_ADDRESS, CHECK_UDP, SLUICE_MODE_L2, &service, text);
	assert_string_equal(text, " (at 127.0.0.2), but its own address answers: is that on its "
				  "loopback, and does its server answer from it?");
	look_describe(LOOK_NO_ADDRESS, CHECK_TCP, SLUICE_MODE_IPIP, &service, text);
	assert_string_equal(text,
			    " (through the tunnel), but its own address answers: is 127.0.0.2 on "
			    "its loopback?");
	look_describe(LOOK_NO_DECAP, CHECK_TCP, SLUICE_MODE_IPIP, &service, text);
	assert_string_equal(text, " (through the tunnel), but its own address answers: it does not "
				  "unpack tunnels");
	look_describe(LOOK_NO_DECAP, CHECK_TCP, SLUICE_MODE_GUE, &service, text);
	assert_string_equal(text, " (through the tunnel), but its own address answers: it does not "
				  "unpack GUE, or not at gue_port");
	look_describe(LOOK_SILENT, CHECK_TCP, SLUICE_MODE_IPIP, &service, text);
	assert_string_equal(text, " (through the tunnel), and its own address is silent, too");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pass),	  TEST(test_refused),	     TEST(test_astray),
		TEST(test_blocked),	  TEST(test_no_path),	     TEST(test_cancel),
		TEST(test_indices),	  TEST(test_look_answers),   TEST(test_look_silent),
		TEST(test_look_no_decap), TEST(test_look_cancel),    TEST(test_words),
		TEST(test_source),	  TEST(test_indices_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
