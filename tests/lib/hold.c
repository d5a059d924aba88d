/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections that are held open, and notice when they are broken.
 *
 *	hold serve NAME ADDRESS PORT
 *	hold keep [-u] [-n COUNT] [-i MS] [-r RATE] [-l SECONDS] [-t SECONDS] ADDRESS PORT
 *
 * serve answers each message of a TCP connection, or of a UDP flow, with its NAME and how many it has
 * had on that connection. keep holds COUNT connections; each sends a numbered message every MS to
 * 4 * MS milliseconds, and is broken when it is reset, when another server answers, when an answer is
 * not the next one, or when none comes for SECONDS (-t, 15). With -r, so many more connections open
 * every second and close in good order after SECONDS (-l, 3). With -u, UDP flows: broken when another
 * server answers. keep writes a line of JSON when it begins, at SIGUSR1, and at its end (SIGTERM):
 *
 *	{"held":N,"opened":N,"broken":N,"unopened":N,"messages":N,"servers":{"NAME":N}}
 *
 * held and servers are those of now; unopened ones were refused or never answered.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVERS_MAX 16
#define CONNECTIONS_MAX 20000
#define EVENTS_MAX 256

struct message {
	uint64_t number; /* of the client's messages, from 1 on */
	uint64_t seen;	 /* by the server on this connection; 0 from the client */
	char server[16];
};

struct connection {
	int fd;
	bool is_used, is_open, is_waiting; /* for an answer */
	bool is_kept;			   /* of those that are held all the time */
	uint64_t number, sent_ms, next_ms, end_ms;
	char server[16];
	size_t got; /* bytes of the answer */
	struct message answer;
};

static struct {
	bool is_udp;
	uint32_t count, interval_ms, rate, life_s, timeout_s;
	struct sockaddr_storage to;
	socklen_t to_len;
	int epoll;
	struct connection *connections;
	uint64_t opened, broken, unopened, messages, born_ms, born;
} keep = {.count = 100, .interval_ms = 200, .life_s = 3, .timeout_s = 15};

static void die(const char *what)
{
	fprintf(stderr, "hold: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static socklen_t endpoint(const char *address, const char *port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)atoi(port));
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, address, &v6->sin6_addr) != 1) {
		errno = EINVAL;
		die(address);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)atoi(port));
	return sizeof(*v6);
}

/* ---- server --------------------------------------------------------------------------------- */

static struct peer { /* one TCP connection, by its descriptor */
	uint64_t seen;
	size_t got;
	struct message in;
} peers[CONNECTIONS_MAX];

static int listen_on(const struct sockaddr_storage *at, socklen_t len, int type)
{
	int fd = socket(at->ss_family, type | SOCK_NONBLOCK, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)at, len) || (type == SOCK_STREAM && listen(fd, 4096)))
		die("cannot listen");
	return fd;
}

static void serve_datagrams(int fd, const char *name)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	struct message m;

	while (recvfrom(fd, &m, sizeof(m), 0, (struct sockaddr *)&from, &len) == sizeof(m)) {
		snprintf(m.server, sizeof(m.server), "%s", name);
		sendto(fd, &m, sizeof(m), 0, (struct sockaddr *)&from, len);
		len = sizeof(from);
	}
}

static bool serve_stream(int fd, const char *name)
{
	struct peer *peer = &peers[fd];

	for (;;) {
		ssize_t n = read(fd, (char *)&peer->in + peer->got, sizeof(peer->in) - peer->got);

		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		peer->got += (size_t)n;
		if (peer->got < sizeof(peer->in))
			continue;
		peer->got = 0;
		peer->in.seen = ++peer->seen;
		snprintf(peer->in.server, sizeof(peer->in.server), "%s", name);
		if (write(fd, &peer->in, sizeof(peer->in)) != sizeof(peer->in))
			return false;
	}
}

static void serve_accept(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	int new;

	while ((new = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (new >= CONNECTIONS_MAX) {
			close(new);
			continue;
		}
		peers[new] = (struct peer){0};
		event.data.fd = new;
		epoll_ctl(epoll, EPOLL_CTL_ADD, new, &event);
	}
}

static _Noreturn void serve(const char *name, const char *address, const char *port)
{
	struct sockaddr_storage at;
	socklen_t len = endpoint(address, port, &at);
	int stream = listen_on(&at, len, SOCK_STREAM), datagram = listen_on(&at, len, SOCK_DGRAM);
	int epoll = epoll_create1(0), i, n;
	struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.fd = stream};

	epoll_ctl(epoll, EPOLL_CTL_ADD, stream, &event);
	event.data.fd = datagram;
	epoll_ctl(epoll, EPOLL_CTL_ADD, datagram, &event);
	for (;;) {
		n = epoll_wait(epoll, events, EVENTS_MAX, -1);
		for (i = 0; i < n; i++) {
			int fd = events[i].data.fd;

			if (fd == stream)
				serve_accept(epoll, stream);
			else if (fd == datagram)
				serve_datagrams(datagram, name);
			else if (!serve_stream(fd, name))
				close(fd);
		}
	}
}

/* ---- client --------------------------------------------------------------------------------- */

static void forget(struct connection *c)
{
	close(c->fd);
	*c = (struct connection){.fd = -1};
}

static void broken(struct connection *c, const char *why)
{
	if (c->is_open)
		keep.broken++;
	else
		keep.unopened++;
	fprintf(stderr, "hold: a connection to %s is broken after %llu messages: %s\n",
		c->server[0] ? c->server : "nobody", (unsigned long long)c->number, why);
	forget(c);
}

static void open_one(bool is_kept)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
	uint64_t now = now_ms();
	struct connection *c;
	int one = 1;
	uint32_t i;

	for (i = 0; i < CONNECTIONS_MAX && keep.connections[i].is_used; i++)
		;
	if (i == CONNECTIONS_MAX)
		return;
	c = &keep.connections[i];
	*c = (struct connection){.is_used = true, .is_kept = is_kept, .sent_ms = now};
	c->next_ms = now + (uint64_t)rand() % keep.interval_ms;
	c->end_ms = is_kept ? UINT64_MAX : now + keep.life_s * 1000;
	c->fd = socket(keep.to.ss_family, (keep.is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK,
		       0);
	if (c->fd < 0)
		die("socket");
	if (!keep.is_udp)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	event.data.u32 = i;
	epoll_ctl(keep.epoll, EPOLL_CTL_ADD, c->fd, &event);
	keep.opened++;
	if (connect(c->fd, (struct sockaddr *)&keep.to, keep.to_len) && errno != EINPROGRESS)
		broken(c, strerror(errno));
}

static void send_one(struct connection *c, uint64_t now)
{
	struct message m = {.number = c->number + 1};

	/* A datagram may be lost; the next one asks again. */
	if (c->is_waiting && !keep.is_udp)
		return;
	c->next_ms = now + keep.interval_ms * (1 + (uint64_t)rand() % 4);
	if (write(c->fd, &m, sizeof(m)) != sizeof(m)) {
		if (errno == EAGAIN || keep.is_udp)
			return;
		broken(c, strerror(errno));
		return;
	}
	c->number++;
	if (!c->is_waiting)
		c->sent_ms = now;
	c->is_waiting = true;
}

static bool answered(struct connection *c)
{
	struct message *m = &c->answer;

	if (c->server[0] && strcmp(c->server, m->server)) {
		broken(c, m->server);
		return false;
	}
	if (!keep.is_udp && (m->number != c->number || m->seen != c->number)) {
		broken(c, "the answer is not the next one");
		return false;
	}
	memcpy(c->server, m->server, sizeof(c->server));
	c->is_open = true;
	c->is_waiting = false;
	keep.messages++;
	return true;
}

static void readable(struct connection *c)
{
	for (;;) {
		ssize_t n = read(c->fd, (char *)&c->answer + c->got, sizeof(c->answer) - c->got);

		if (n < 0 && (errno == EAGAIN || keep.is_udp))
			return;
		if (n <= 0) {
			broken(c, n ? strerror(errno) : "closed by the server");
			return;
		}
		c->got = (c->got + (size_t)n) % sizeof(c->answer);
		if (c->got == 0 && !answered(c))
			return;
	}
}

/* What is due: messages, ends, timeouts, new connections. */
static void tick(uint64_t now)
{
	uint32_t i;

	for (i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &keep.connections[i];

		if (!c->is_used)
			continue;
		if (c->is_waiting && now - c->sent_ms > keep.timeout_s * 1000)
			broken(c, "no answer");
		else if (!c->is_open && !c->is_waiting && now - c->sent_ms > keep.timeout_s * 1000)
			broken(c, "not connected");
		else if (now > c->end_ms && c->is_open && !c->is_waiting)
			forget(c);
		else if (now >= c->next_ms)
			send_one(c, now);
	}
	if (!keep.rate)
		return;
	for (; keep.born < (now - keep.born_ms) * keep.rate / 1000; keep.born++)
		open_one(false);
}

static void report(void)
{
	struct {
		char name[16];
		uint32_t count;
	} servers[SERVERS_MAX] = {0};
	uint32_t i, s, held = 0;

	for (i = 0; i < CONNECTIONS_MAX; i++) {
		const struct connection *c = &keep.connections[i];

		if (!c->is_used || !c->is_kept || !c->is_open)
			continue;
		held++;
		for (s = 0; s < SERVERS_MAX - 1 && servers[s].count; s++)
			if (strcmp(servers[s].name, c->server) == 0)
				break;
		memcpy(servers[s].name, c->server, sizeof(servers[s].name));
		servers[s].count++;
	}
	printf("{\"held\":%u,\"opened\":%llu,\"broken\":%llu,\"unopened\":%llu,\"messages\":%llu,"
	       "\"servers\":{",
	       held, (unsigned long long)keep.opened, (unsigned long long)keep.broken,
	       (unsigned long long)keep.unopened, (unsigned long long)keep.messages);
	for (s = 0; s < SERVERS_MAX && servers[s].count; s++)
		printf("%s\"%s\":%u", s ? "," : "", servers[s].name, servers[s].count);
	printf("}}\n");
	fflush(stdout);
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

static int hold(void)
{
	struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
	int fd = signals(), i, n;
	struct signalfd_siginfo info;
	uint64_t ticked = 0;
	uint32_t c;

	keep.epoll = epoll_create1(0);
	keep.connections = calloc(CONNECTIONS_MAX, sizeof(*keep.connections));
	epoll_ctl(keep.epoll, EPOLL_CTL_ADD, fd, &event);
	keep.born_ms = now_ms();
	report(); /* from now on it may be asked by signal */
	for (c = 0; c < keep.count; c++)
		open_one(true);
	for (;;) {
		n = epoll_wait(keep.epoll, events, EVENTS_MAX, 10);
		for (i = 0; i < n; i++) {
			c = events[i].data.u32;
			if (c != UINT32_MAX) {
				if (keep.connections[c].is_used && events[i].events & ~EPOLLOUT)
					readable(&keep.connections[c]);
				continue;
			}
			while (read(fd, &info, sizeof(info)) == sizeof(info)) {
				report();
				if (info.ssi_signo != SIGUSR1)
					return 0;
			}
		}
		if (now_ms() - ticked >= 10) {
			ticked = now_ms();
			tick(ticked);
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = {.rlim_cur = CONNECTIONS_MAX + 100,
			       .rlim_max = CONNECTIONS_MAX + 100};
	int option;

	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	if (argc == 5 && strcmp(argv[1], "serve") == 0)
		serve(argv[2], argv[3], argv[4]);
	if (argc < 2 || strcmp(argv[1], "keep"))
		goto usage;
	argv++;
	argc--;
	while ((option = getopt(argc, argv, "un:i:r:l:t:")) != -1) {
		switch (option) {
		case 'u':
			keep.is_udp = true;
			break;
		case 'n':
			keep.count = (uint32_t)atoi(optarg);
			break;
		case 'i':
			keep.interval_ms = (uint32_t)atoi(optarg);
			break;
		case 'r':
			keep.rate = (uint32_t)atoi(optarg);
			break;
		case 'l':
			keep.life_s = (uint32_t)atoi(optarg);
			break;
		case 't':
			keep.timeout_s = (uint32_t)atoi(optarg);
			break;
		default:
			goto usage;
		}
	}
	if (argc - optind != 2 || !keep.interval_ms || keep.count > CONNECTIONS_MAX / 2)
		goto usage;
	keep.to_len = endpoint(argv[optind], argv[optind + 1], &keep.to);
	return hold();
usage:
	fprintf(stderr, "usage: hold serve NAME ADDRESS PORT | hold keep [-u] [-n COUNT] [-i MS] "
			"[-r RATE] [-l SECONDS] [-t SECONDS] ADDRESS PORT\n");
	return 2;
}
