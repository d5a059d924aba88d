/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP over a unix socket: libmicrohttpd with an epoll descriptor that the daemon's loop polls.
 * One request: find the operation, check role and revision, collect the body, call the handler.
 */
#include "control/audit.h"
#include "control/control.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "base/http_turn.h"
#include "base/log.h"
#include "control/large.h"
#include "control/linger.h"
#include "control/operations.h"
#include "control/reply.h"
#include "control/socket.h"

#define CONNECTIONS_MAX 64
#define REQUEST_MS 10000
#define CONNECTION_MEMORY 32768 /* headers and path; the body is ours */
#define ROOM_MS 60000		/* for other large answers to get away */
#define SEND_BYTES_A_MS 1000	/* of an answer: whoever reads no faster is cut */
/* The socket takes that much of an answer in one turn of the loop, which may have other things to
 * do for 50 ms: the status of 20,000 members is 25 MB. */
#define SEND_BUFFER (1 << 20)

/* A connection and the request on it, if any. */
struct connection {
	struct control *control;
	struct connection *next, *previous;
	int fd;
	uint64_t due_ms; /* then it is cut: a silence, a request or its answer that takes so long */
	bool is_begun;
	struct operation const *operation;
	struct route_params params;
	char *body;
	size_t length, capacity;
	bool is_too_large;
	struct MHD_Connection *waiting; /* until control_resume() */
	char allow[64];
};

struct control {
	struct control_host host;
	struct peer_policy policy;
	struct MHD_Daemon *http;
	struct connection *connections;
	struct linger_set linger;
	struct large *large;
	int epoll_fd; /* of the server's own one and what lingers */
	struct audit_budget refusals;
	char path[108];
};

static struct connection *connection_of(struct MHD_Connection *http)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(http, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info->socket_context;
}

/* ---- answering ----------------------------------------------------------------------------- */

static enum MHD_Result queue(struct MHD_Connection *http, int status, size_t length,
			     struct MHD_Response *response)
{
	connection_of(http)->due_ms = clock_now_ms() + REQUEST_MS + length / SEND_BYTES_A_MS;
	return MHD_queue_response(http, status ? (unsigned int)status : 200, response);
}

/* request: others may get the same answer to it; or NULL. */
static enum MHD_Result send_reply(struct control *control, struct MHD_Connection *http,
				  struct reply *reply, const char *allow, const char *request)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	char etag[32];

	reply_render(reply);
	response = large_response(control->large, connection_of(http)->operation, request, reply);
	if (!response)
		return MHD_NO;
	snprintf(etag, sizeof(etag), "\"%llu\"",
		 (unsigned long long)model_revision(control->host.model));
	MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, etag);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				reply->content_type ? reply->content_type : "application/json");
	if (allow && allow[0])
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	result = queue(http, reply->status, reply->text_length, response);
	large_release(control->large, response);
	return result;
}

static enum MHD_Result send_error(struct control *control, struct MHD_Connection *http, int status,
				  const char *allow, const struct err *e)
{
	struct reply reply = {0};
	struct errs errors = {0};
	enum MHD_Result result;

	errs_add_err(&errors, e);
	reply_errors(&reply, &errors, status);
	errs_done(&errors);
	result = send_reply(control, http, &reply, allow, NULL);
	reply_done(&reply);
	return result;
}

/* ---- one request --------------------------------------------------------------------------- */

/* The revision the caller expects, when If-Match names one. */
static int check_revision(struct control *control, struct MHD_Connection *http, struct err *e)
{
	const char *wanted =
		MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_MATCH);
	char now[32];

	snprintf(now, sizeof(now), "\"%llu\"",
		 (unsigned long long)model_revision(control->host.model));
	if (!wanted || !strcmp(wanted, "*") || !strcmp(wanted, now))
		return 0;
	err_set(e, ERR_CONFLICT, "", "the running revision is %s, not %.40s", now, wanted);
	err_hint(e, "read the object again and decide anew");
	return -EBUSY;
}

static int check_role(struct control *control, struct connection *connection, struct peer *peer,
		      struct err *e)
{
	const struct operation *operation = connection->operation;
	enum role role;
	int r = peer_read(connection->fd, peer);

	if (r) {
		err_set(e, ERR_SYSTEM, "", "cannot read the caller's credentials: %s",
			strerror(-r));
		return r;
	}
	role = peer_role(peer, &control->policy);
	if (role >= operation->role)
		return 0;
	err_set(e, ERR_FORBIDDEN, "", "%s %s needs role %s; uid %u has role %s", operation->method,
		operation->path, role_name(operation->role), peer->uid, role_name(role));
	err_hint(e, "use root, or a member of the group in access.%s", role_name(operation->role));
	audit_refuse(&control->host, &control->refusals, operation, &connection->params, peer, e);
	return -EACCES;
}

/* Until control_resume(). */
static enum MHD_Result wait_for_turn(struct connection *connection, struct MHD_Connection *http)
{
	connection->waiting = http;
	MHD_suspend_connection(http);
	return MHD_YES;
}

/* Runs the handler; its errors become the answer. */
static enum MHD_Result run(struct control *control, struct connection *connection,
			   struct MHD_Connection *http, const struct peer *peer, const char *shared)
{
	struct request request = {
		.operation = connection->operation,
		.host = &control->host,
		.params = connection->params,
		.peer = *peer,
		.since = MHD_lookup_connection_value(http, MHD_GET_ARGUMENT_KIND, "since"),
		.accept =
			MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT),
	};
	struct audit audit = {0};
	struct reply reply = {0};
	struct errs errors = {0};
	enum MHD_Result result;
	int r = 0;

	request.audit = &audit;

	if (request.operation->body == BODY_YAML) {
		request.raw = connection->body ? connection->body : "";
		request.raw_length = connection->length;
	} else {
		r = body_parse(connection->body ? connection->body : "", connection->length,
			       request.operation->fields, &request.body, &errors);
	}
	if (!r)
		r = request.operation->handler(&request, &reply, &errors);
	if (r == -EAGAIN && !errors.count) {
		json_decref(request.body);
		errs_done(&errors);
		reply_done(&reply);
		return wait_for_turn(connection, http);
	}
	audit_end(&request, &control->refusals, r, &errors);
	if (r)
		reply_errors(&reply, &errors, reply.status);
	json_decref(request.body);
	errs_done(&errors);
	result = send_reply(control, http, &reply, NULL, r ? NULL : shared);
	reply_done(&reply);
	return result;
}

/* What is only read may be the answer that another has just got. */
static enum MHD_Result run_or_share(struct control *control, struct connection *connection,
				    struct MHD_Connection *http, const struct peer *peer,
				    const char *url)
{
	const char *since = MHD_lookup_connection_value(http, MHD_GET_ARGUMENT_KIND, "since");
	const char *accept =
		MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	AUTO_FREE char *request =
		util_printf("%s?since=%s accept: %s", url, util_text(since), util_text(accept));
	struct MHD_Response *response;
	size_t length;

	if (strcmp(connection->operation->method, "GET") != 0) {
		large_forget(control->large);
		return run(control, connection, http, peer, NULL);
	}
	response = large_find(control->large, request, &length);
	if (response)
		return queue(http, 0, length, response);
	if (large_must_wait(control->large, connection->operation)) {
		connection->due_ms = clock_now_ms() + ROOM_MS;
		return wait_for_turn(connection, http);
	}
	return run(control, connection, http, peer, request);
}

static void set_too_large(const struct operation *operation, struct err *e)
{
	err_set(e, ERR_TOO_LARGE, "", "the body of %s %s is larger than %zu bytes",
		operation->method, operation->path, operation_body_max(operation));
	if (operation->body == BODY_YAML)
		err_hint(e, "check it without the daemon: sluicectl check FILE");
}

/* Headers are complete: is there something that no body can mend? */
static bool is_refusable(struct control *control, struct connection *connection,
			 struct MHD_Connection *http, const char *url, const char *method,
			 struct err *e)
{
	const char *length =
		MHD_lookup_connection_value(http, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	struct peer peer;

	if (operations_find(method, url, &connection->operation, &connection->params,
			    connection->allow, sizeof(connection->allow), e))
		return true;
	connection->allow[0] = '\0';
	if (check_role(control, connection, &peer, e))
		return true;
	if (!length || strtoull(length, NULL, 10) <= operation_body_max(connection->operation))
		return false;
	set_too_large(connection->operation, e);
	return true;
}

static void collect(struct connection *connection, const char *data, size_t size)
{
	size_t max = operation_body_max(connection->operation);

	if (connection->is_too_large || size > max - connection->length) {
		connection->is_too_large = true;
		return;
	}
	connection->body = util_grow(connection->body, &connection->capacity,
				     connection->length + size + 1, 1);
	memcpy(connection->body + connection->length, data, size);
	connection->length += size;
	connection->body[connection->length] = '\0';
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *http, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **request_context)
{
	struct connection *connection = connection_of(http);
	struct control *control = cls;
	struct err e = {0};
	struct peer peer;

	(void)version;
	if (!connection)
		return MHD_NO;
	*request_context = connection;
	if (!connection->is_begun) {
		connection->is_begun = true;
		connection->due_ms = clock_now_ms() + REQUEST_MS;
		if (!is_refusable(control, connection, http, url, method, &e))
			return MHD_YES;
		return send_error(control, http, 0, connection->allow, &e);
	}
	if (*size) {
		collect(connection, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (connection->is_too_large) {
		set_too_large(connection->operation, &e);
		return send_error(control, http, 0, NULL, &e);
	}
	/* Again: groups or revision may have changed while the body came in. */
	if (check_role(control, connection, &peer, &e))
		return send_error(control, http, 0, NULL, &e);
	if (check_revision(control, http, &e)) {
		audit_refuse(&control->host, &control->refusals, connection->operation,
			     &connection->params, &peer, &e);
		return send_error(control, http, MHD_HTTP_PRECONDITION_FAILED, NULL, &e);
	}
	return run_or_share(control, connection, http, &peer, url);
}

static void forget_request(struct connection *connection)
{
	free(connection->body);
	connection->body = NULL;
	connection->length = connection->capacity = 0;
	connection->is_too_large = false;
	connection->is_begun = false;
	connection->operation = NULL;
	connection->due_ms = clock_now_ms() + REQUEST_MS;
}

static void on_completed(void *cls, struct MHD_Connection *http, void **request_context,
			 enum MHD_RequestTerminationCode code)
{
	struct connection *connection = connection_of(http);

	(void)cls;
	(void)request_context;
	(void)code;
	if (connection)
		forget_request(connection);
}

/* More than the system's default limit, where we may. */
static void set_send_buffer(int fd)
{
	int size = SEND_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/* The socket is about to be closed by our side. Nothing to do when the peer was first. */
static void close_gently(struct control *control, int fd)
{
	char byte;

	if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT))
		linger_add(&control->linger, fd, clock_now_ms());
}

static void on_connection(void *cls, struct MHD_Connection *http, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct connection *connection = *socket_context;
	struct control *control = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		connection = util_alloc(sizeof(*connection));
		connection->control = control;
		connection->fd = MHD_get_connection_info(http, MHD_CONNECTION_INFO_CONNECTION_FD)
					 ->connect_fd;
		connection->due_ms = clock_now_ms() + REQUEST_MS;
		set_send_buffer(connection->fd);
		connection->next = control->connections;
		if (connection->next)
			connection->next->previous = connection;
		control->connections = connection;
		*socket_context = connection;
	} else if (connection) {
		if (connection->previous)
			connection->previous->next = connection->next;
		else
			control->connections = connection->next;
		if (connection->next)
			connection->next->previous = connection->previous;
		close_gently(control, connection->fd);
		free(connection->body);
		free(connection);
		*socket_context = NULL;
	}
}

/* Paths are decoded segment by segment (route.c), so that %2F cannot make new ones. */
static size_t keep_encoded(void *cls, struct MHD_Connection *http, char *text)
{
	(void)cls;
	(void)http;
	return strlen(text);
}

/* ---- life ------------------------------------------------------------------------------- */

/* One descriptor for the loop: the server's own set, and what lingers. */
static int watch_sockets(struct control *control)
{
	struct epoll_event event = {.events = EPOLLIN};
	int fd = MHD_get_daemon_info(control->http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	linger_init(&control->linger, control->epoll_fd);
	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

int control_new(const struct control_host *host, const char *socket_path,
		const struct config *config, struct control **ret_control, struct err *e)
{
	struct control *control = util_alloc(sizeof(*control));
	int fd = -1;
	int r;

	control->host = *host;
	r = peer_policy_from_config(config, &control->policy, e);
	if (!r) {
		fd = socket_open(socket_path, &control->policy, e);
		r = fd < 0 ? fd : 0;
	}
	if (r) {
		free(control);
		return r;
	}
	util_copy(control->path, sizeof(control->path), socket_path);
	control->large = large_new();
	control->http = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, control,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned int)(REQUEST_MS / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, control, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_encoded, NULL, MHD_OPTION_END);
	if (!control->http) {
		err_set(e, ERR_SYSTEM, "", "cannot start the HTTP server on %s", socket_path);
		close(fd);
		unlink(socket_path);
		large_free(control->large);
		free(control);
		return -EIO;
	}
	if (watch_sockets(control)) {
		err_set(e, ERR_SYSTEM, "", "cannot poll the sockets of %s: %s", socket_path,
			strerror(errno));
		control_free(control);
		return -EIO;
	}
	*ret_control = control;
	return 0;
}

void control_free(struct control *control)
{
	if (!control)
		return;
	unlink(control->path);
	control_resume(control);
	MHD_stop_daemon(control->http);
	large_free(control->large);
	linger_done(&control->linger);
	util_close_p(&control->epoll_fd);
	free(control);
}

int control_set_groups(struct control *control, const struct config *config, struct err *e)
{
	bool was_open, is_open;
	struct peer_policy policy;
	int r = peer_policy_from_config(config, &policy, e);

	/* Only what differs: a daemon that dropped its rights cannot change it. */
	if (!r && (peer_socket_group(&policy, &is_open) !=
			   peer_socket_group(&control->policy, &was_open) ||
		   is_open != was_open))
		r = socket_set_mode(control->path, &policy, e);
	if (!r)
		control->policy = policy;
	return r;
}

/* ---- loop ---------------------------------------------------------------------------------- */

int control_fd(const struct control *control)
{
	return control->epoll_fd;
}

void control_resume(struct control *control)
{
	struct connection *connection;

	for (connection = control->connections; connection; connection = connection->next)
		if (connection->waiting)
			MHD_resume_connection(TAKE_PTR(connection->waiting));
}

void control_turn(struct control *control)
{
	http_turn(control->http);
	large_forget(control->large);
	if (large_take_room(control->large))
		control_resume(control);
	linger_read(&control->linger);
}

int control_timeout_ms(struct control *control)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(control->http, &ms) != MHD_YES)
		return -1;
	return (int)MIN(ms, 60000);
}

void control_tick(struct control *control, uint64_t now_ms)
{
	struct connection *connection;

	/* libmicrohttpd's own timeout starts anew with every byte: a slow drip never ends there. */
	for (connection = control->connections; connection; connection = connection->next)
		if (now_ms > connection->due_ms)
			shutdown(connection->fd, SHUT_RDWR);
	linger_tick(&control->linger, now_ms);
}
