/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* http and https, by libcurl on the worker's loop. No name is ever looked up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/addr.h"
#include "base/log.h"
#include "check/multi.h"
#include "check/worker.h"

#define HEADERS_MAX 65536 /* bytes of an answer's headers */
#define TRUST_S 60L	  /* for so long what the system trusts is not read again */
#define LINGER_MS 60000

struct fetch {
	struct job *job;
	uv_timer_t timer;
	CURL *easy;
	struct curl_slist *headers, *to;
	size_t header_bytes, body_bytes;
	bool is_asked, is_connected, is_header_long, is_body_cut, is_found;
	char tail[2 * sizeof(((struct check_details *)0)->body)]; /* what a match may begin in */
	size_t tail_length;
	char error[CURL_ERROR_SIZE];
};

/* ---- what comes in --------------------------------------------------------------------------- */

/* Looks for the wanted text in what was kept and what comes, and keeps what it may begin in. */
static void search(struct fetch *fetch, const char *data, size_t length)
{
	const char *wanted = fetch->job->request.details.body;
	size_t want = strlen(wanted), head = MIN(length, want - 1);

	if (fetch->is_found)
		return;
	memcpy(fetch->tail + fetch->tail_length, data, head);
	fetch->is_found = memmem(fetch->tail, fetch->tail_length + head, wanted, want) ||
			  memmem(data, length, wanted, want);
	if (length >= want - 1) {
		memcpy(fetch->tail, data + length - (want - 1), want - 1);
		fetch->tail_length = want - 1;
		return;
	}
	fetch->tail_length += length;
	if (fetch->tail_length > want - 1) {
		size_t extra = fetch->tail_length - (want - 1);

		memmove(fetch->tail, fetch->tail + extra, want - 1);
		fetch->tail_length = want - 1;
	}
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *fetch = arg;
	const struct check_details *details = &fetch->job->request.details;
	size_t length = size * count, left = details->read_max - fetch->body_bytes;
	size_t taken = MIN(length, left);

	if (details->body[0])
		search(fetch, data, taken);
	fetch->body_bytes += taken;
	if (taken == length)
		return length;
	fetch->is_body_cut = true; /* the rest is not asked for */
	return 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct fetch *fetch = arg;

	(void)data;
	fetch->header_bytes += size * count;
	fetch->is_header_long = fetch->header_bytes > HEADERS_MAX;
	return fetch->is_header_long ? 0 : size * count;
}

/* ---- the verdict ----------------------------------------------------------------------------- */

static uint32_t time_of(CURL *easy, CURLINFO which)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, which, &us);
	return (uint32_t)MIN(MAX(us, 0), UINT32_MAX);
}

static void get_times(const struct fetch *fetch, struct check_times *times)
{
	times->connect_us = time_of(fetch->easy, CURLINFO_CONNECT_TIME_T);
	times->tls_us = time_of(fetch->easy, CURLINFO_APPCONNECT_TIME_T);
	times->first_byte_us = time_of(fetch->easy, CURLINFO_STARTTRANSFER_TIME_T);
	times->total_us = job_us(fetch->job);
}

/* As libcurl's two TLS libraries write it. */
static int64_t parse_date(const char *text)
{
	static const char *const formats[] = {"%b %d %H:%M:%S %Y GMT", "%Y-%m-%d %H:%M:%S GMT"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		struct tm tm = {0};
		const char *end = strptime(text, formats[i], &tm);

		if (end && !*end)
			return (int64_t)timegm(&tm);
	}
	return 0;
}

/* Of the first certificate, which is the member's own. */
static int64_t get_expiry(const struct fetch *fetch)
{
	static const char key[] = "Expire date:";
	struct curl_certinfo *info = NULL;
	const struct curl_slist *line;

	if (curl_easy_getinfo(fetch->easy, CURLINFO_CERTINFO, &info) || !info ||
	    info->num_of_certs < 1)
		return 0;
	for (line = info->certinfo[0]; line; line = line->next)
		if (!strncmp(line->data, key, sizeof(key) - 1))
			return MAX(parse_date(line->data + sizeof(key) - 1), 0);
	return 0;
}

static bool is_expected(const struct check_details *details, long status)
{
	uint16_t i;

	for (i = 0; i < details->expect.count; i++)
		if (status >= details->expect.list[i].low && status <= details->expect.list[i].high)
			return true;
	return false;
}

/* A whole answer, or as much of it as is wanted. */
static void judge(const struct fetch *fetch, struct check_answer *answer)
{
	const struct check_details *details = &fetch->job->request.details;
	long status = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	answer->result = PROBE_FAIL;
	if (!is_expected(details, status))
		snprintf(answer->text, sizeof(answer->text), "status %ld", status);
	else if (details->body[0] && !fetch->is_found)
		snprintf(answer->text, sizeof(answer->text),
			 "status %ld, but its body lacks \"%.40s\"%s", status, details->body,
			 fetch->is_body_cut ? " in what was read" : "");
	else
		answer->result = PROBE_PASS;
}

static void judge_timeout(const struct fetch *fetch, struct check_answer *answer)
{
	uint32_t ms = fetch->job->request.timeout_ms;
	const struct check_times *times = &answer->times;
	const char *what = "whole answer";

	answer->result = PROBE_FAIL;
	if (!fetch->is_connected) {
		answer->cause = HEALTH_SILENT;
		snprintf(answer->text, sizeof(answer->text), "connect timeout");
		return;
	}
	if (fetch->job->request.type == CHECK_HTTPS && !times->tls_us)
		what = "TLS handshake";
	else if (!times->first_byte_us)
		what = "answer";
	snprintf(answer->text, sizeof(answer->text), "no %s within %u ms", what, ms);
}

/* False: the kernel was not even asked for a connection, as when libcurl wants a second socket. */
static bool judge_connect(const struct fetch *fetch, struct check_answer *answer)
{
	const char *text;
	long error = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_OS_ERRNO, &error);
	if (!error)
		return false;
	answer->result = fetch->is_asked ? check_told_result((int)error, &text)
					 : check_errno_result((int)error, &text);
	answer->cause = check_errno_cause((int)error);
	util_copy(answer->text, sizeof(answer->text), text);
	return true;
}

static void judge_error(const struct fetch *fetch, CURLcode code, struct check_answer *answer)
{
	const char *text = fetch->error[0] ? fetch->error : curl_easy_strerror(code);

	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		judge_timeout(fetch, answer);
		return;
	case CURLE_COULDNT_CONNECT:
		if (judge_connect(fetch, answer))
			return;
		answer->result = PROBE_UNDECIDED;
		break;
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_ABORTED_BY_CALLBACK: /* its socket could not be watched */
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_URL_MALFORMAT:
		answer->result = PROBE_UNDECIDED;
		break;
	default:
		answer->result = PROBE_FAIL;
	}
	check_text_clean(answer->text, text);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

/* The transfer is over already. */
static void finish(struct fetch *fetch, CURLcode code)
{
	struct check_answer answer = {.cause = HEALTH_ANSWERED};
	struct job *job = fetch->job;

	get_times(fetch, &answer.times);
	answer.expires_s = get_expiry(fetch);
	if (fetch->is_header_long) {
		answer.result = PROBE_FAIL;
		snprintf(answer.text, sizeof(answer.text), "headers of more than %d bytes",
			 HEADERS_MAX);
	} else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && fetch->is_body_cut)) {
		judge(fetch, &answer);
	} else {
		judge_error(fetch, code, &answer);
	}
	multi_give(job->worker->http, fetch->easy);
	curl_slist_free_all(fetch->headers);
	curl_slist_free_all(fetch->to);
	uv_close((uv_handle_t *)&fetch->timer, on_closed);
	job_answer(job, &answer);
}

/* NULL: a handle of libcurl's own, as newer ones have to end TLS after a transfer. */
static struct fetch *fetch_of(CURL *easy)
{
	struct fetch *fetch = NULL;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&fetch);
	return fetch;
}

static void on_done(CURL *easy, CURLcode code)
{
	finish(fetch_of(easy), code);
}

/* What was wrong with asking at all is said before anything is waited for. */
static void on_writes(CURL *easy)
{
	struct fetch *fetch = fetch_of(easy);

	if (fetch)
		fetch->is_asked = true;
}

/* Until it is connected it waits to be writable only; its own times tell no sooner than after the handshake of
 * TLS. */
static void on_reads(CURL *easy)
{
	struct fetch *fetch = fetch_of(easy);

	if (fetch)
		fetch->is_connected = true;
}

/* An answer that is there has come in time: it is we who are late. libcurl would look at the clock first. */
static void on_timeout(uv_timer_t *timer)
{
	struct fetch *fetch = timer->data;
	struct multi *multi = fetch->job->worker->http;

	multi_look(multi);
	if (uv_is_closing((uv_handle_t *)timer))
		return;
	multi_end(multi, fetch->easy);
	finish(fetch, CURLE_OPERATION_TIMEDOUT);
}

/* ---- the request ----------------------------------------------------------------------------- */

/* With brackets around an IPv6 address. */
static void format_host(const struct job *job, char text[ADDR_TEXT_MAX + 2])
{
	char bare[ADDR_TEXT_MAX];

	addr_format(&job->request.addr, bare);
	snprintf(text, ADDR_TEXT_MAX + 2,
		 addr_family(&job->request.addr) == SLUICE_FAMILY_V6 ? "[%s]" : "%s", bare);
}

/* The URL names whom TLS asks for; the connection goes to the member whatever it names. */
static void set_target(struct fetch *fetch)
{
	const struct check_request *request = &fetch->job->request;
	const struct check_details *details = &request->details;
	bool is_tls = request->type == CHECK_HTTPS;
	const char *host = details->host;
	char address[ADDR_TEXT_MAX + 2], text[1024];

	format_host(fetch->job, address);
	if (is_tls && details->sni[0])
		host = details->sni;
	snprintf(text, sizeof(text), "%s://%s:%u%s", is_tls ? "https" : "http",
		 host[0] ? host : address, request->port, details->path);
	curl_easy_setopt(fetch->easy, CURLOPT_URL, text);
	snprintf(text, sizeof(text), "::%s:%u", address, request->port);
	fetch->to = curl_slist_append(NULL, text);
	curl_easy_setopt(fetch->easy, CURLOPT_CONNECT_TO, fetch->to);
	snprintf(text, sizeof(text), "Host: %s", details->host[0] ? details->host : address);
	fetch->headers = curl_slist_append(NULL, text);
	fetch->headers = curl_slist_append(fetch->headers, "Connection: close");
	curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers);
}

/* The connection goes out by the socket that came with the request, or not at all. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	int fd = job_take_socket(arg);

	(void)purpose;
	(void)address;
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* Where a system has a file of all and a folder of them, too, the library keeps nothing while it is to look
 * into both. */
static bool has_bundle(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	return info->cainfo && !access(info->cainfo, R_OK);
}

/* To read the certificates that the system trusts takes tens of milliseconds, and other probes wait: they
 * are kept for a while. Who names a file has it read each time: there is one place to keep one in. */
static void set_trust(struct fetch *fetch)
{
	const struct check_details *details = &fetch->job->request.details;
	CURL *easy = fetch->easy;

	if (details->is_unverified) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	} else if (details->ca[0]) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, details->ca);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	} else if (has_bundle()) {
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, details->ca[0] ? 0L : TRUST_S);
#endif
}

static void set_tls(struct fetch *fetch)
{
	curl_easy_setopt(fetch->easy, CURLOPT_CERTINFO, 1L);
	curl_easy_setopt(fetch->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	set_trust(fetch);
}

static void set_request(struct fetch *fetch)
{
	const struct check_request *request = &fetch->job->request;
	CURL *easy = fetch->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	/* Addresses are kept like names, and all are gone through for each new one. */
	curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	/* Longer than on_timeout() lets it. */
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 2L * request->timeout_ms + LINGER_MS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice-check/" SLUICE_VERSION);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
	if (request->has_socket) {
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fetch->job);
	}
	if (request->details.method == CHECK_HEAD)
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST,
				 check_method_name(request->details.method));
	set_target(fetch);
	if (request->type == CHECK_HTTPS)
		set_tls(fetch);
}

void http_begin(struct job *job)
{
	struct fetch *fetch = util_alloc(sizeof(*fetch));

	fetch->job = job;
	fetch->easy = multi_take(job->worker->http);
	if (!fetch->easy) {
		free(fetch);
		job_fail(job, PROBE_UNDECIDED, 0, "out of memory");
		return;
	}
	set_request(fetch);
	uv_timer_init(&job->worker->loop, &fetch->timer);
	fetch->timer.data = fetch;
	if (multi_begin(job->worker->http, fetch->easy))
		uv_timer_start(&fetch->timer, on_timeout, job->request.timeout_ms, 0);
	else
		finish(fetch, CURLE_FAILED_INIT);
}

struct multi *http_new(uv_loop_t *loop)
{
	static const struct multi_calls calls = {
		.done = on_done, .writes = on_writes, .reads = on_reads};
	struct multi *multi = multi_new(loop, &calls);

	if (!multi)
		log_error("sluice-check", "libcurl does not work");
	return multi;
}
