/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "metrics/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/addr.h"
#include "base/http_turn.h"

#define CONNECTIONS_MAX 16
#define TIMEOUT_S 10U

struct listener {
	struct MHD_Daemon *http;
	listener_fn fn;
	void *arg;
};

static enum MHD_Result send_text(struct MHD_Connection *http, unsigned int status, char *text,
				 size_t length, const char *type)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(http, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_refusal(struct MHD_Connection *http, unsigned int status,
				    const char *text)
{
	return send_text(http, status, util_strdup(text), strlen(text),
			 "text/plain; charset=utf-8");
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	struct listener *listener = cls;
	bool is_openmetrics;
	const char *accept;
	size_t length;
	char *text;

	(void)version;
	(void)data;
	(void)size;
	(void)context;
	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return send_refusal(http, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET /metrics\n");
	if (strcmp(url, "/metrics"))
		return send_refusal(http, MHD_HTTP_NOT_FOUND, "metrics are at /metrics\n");
	accept = MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	is_openmetrics = accept && strstr(accept, "application/openmetrics-text");
	text = listener->fn(listener->arg, is_openmetrics, &length);
	return send_text(http, MHD_HTTP_OK, text, length,
			 is_openmetrics
				 ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
				 : "text/plain; version=0.0.4; charset=utf-8");
}

static int open_socket(const struct sluice_addr *addr, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(addr, port, &sa);
	AUTO_CLOSE int fd = -1;
	int one = 1;

	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&sa, length) || listen(fd, CONNECTIONS_MAX))
		return -errno;
	return TAKE_FD(fd);
}

int listener_new(const char *endpoint, listener_fn fn, void *arg, struct listener **ret_listener,
		 struct err *e)
{
	struct listener *listener;
	struct sluice_addr addr;
	uint16_t port;
	int fd;

	if (addr_parse_endpoint(endpoint, &addr, &port) || !port) {
		err_set(e, ERR_INVALID, "metrics.listen", "%s is not ADDRESS:PORT", endpoint);
		return -EINVAL;
	}
	fd = open_socket(&addr, port);
	if (fd < 0) {
		err_set(e, ERR_SYSTEM, "metrics.listen", "cannot listen on %s for metrics: %s",
			endpoint, strerror(-fd));
		err_hint(e, "choose another port, or listen: disabled for none");
		return fd;
	}
	listener = util_alloc(sizeof(*listener));
	listener->fn = fn;
	listener->arg = arg;
	listener->http = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, listener, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)16384, MHD_OPTION_END);
	if (!listener->http) {
		err_set(e, ERR_SYSTEM, "metrics.listen", "cannot start the HTTP server on %s",
			endpoint);
		close(fd);
		free(listener);
		return -EIO;
	}
	*ret_listener = listener;
	return 0;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	MHD_stop_daemon(listener->http);
	free(listener);
}

int listener_fd(const struct listener *listener)
{
	return MHD_get_daemon_info(listener->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

void listener_turn(struct listener *listener)
{
	http_turn(listener->http);
}

int listener_timeout_ms(struct listener *listener)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(listener->http, &ms) != MHD_YES)
		return -1;
	return (int)MIN(ms, 60000);
}
