/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"

#define BODY_MAX (64U << 20)
#define CONNECT_TIMEOUT_MS 2000L
#define NAME_SHOWN_MAX 199

void answer_done(struct answer *answer)
{
	free(answer->body);
	json_decref(answer->document);
	*answer = (struct answer){0};
}

static void append_encoded(char **text, size_t *used, size_t *capacity, const char *segment)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	*text = util_grow(*text, capacity, *used + strlen(segment) * 3 + 2, 1);
	(*text)[(*used)++] = '/';
	for (; *segment != '\0'; segment++) {
		if (strchr(plain, *segment) != NULL)
			(*text)[(*used)++] = *segment;
		else
			*used += (size_t)sprintf(*text + *used, "%%%02X", (unsigned char)*segment);
	}
	(*text)[*used] = '\0';
}

char *client_join_path(const char *const *segments)
{
	char *text = NULL;
	size_t used = 0;
	size_t capacity = 0;

	for (; *segments != NULL; segments++)
		append_encoded(&text, &used, &capacity, *segments);
	return text;
}

void client_name_text(json_t *body, const char *file)
{
	const char *name = strcmp(file, "-") == 0 ? "standard input" : file;

	json_object_set_new(body, "name", json_stringn(name, strnlen(name, NAME_SHOWN_MAX)));
}

/* Why can nobody be reached at the socket? */
static enum client_result probe(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	util_copy(sa.sun_path, sizeof(sa.sun_path), path);
	if (fd < 0)
		return CLIENT_BROKEN;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return CLIENT_BROKEN; /* there is somebody: it was the answer that failed */
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return CLIENT_NO_SOCKET;
	case ECONNREFUSED:
	case ENOTSOCK:
		return CLIENT_NO_DAEMON;
	case EACCES:
	case EPERM:
		return CLIENT_NO_PERMISSION;
	case EAGAIN: /* its queue is full */
		return CLIENT_NO_ANSWER;
	default:
		return CLIENT_BROKEN;
	}
}

struct body {
	char *text;
	size_t length;
	size_t capacity;
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct body *body = arg;
	size_t bytes = size * count;

	if (body->length + bytes > BODY_MAX)
		return 0; /* libcurl gives up with CURLE_WRITE_ERROR */
	body->text = util_grow(body->text, &body->capacity, body->length + bytes + 1, 1);
	memcpy(body->text + body->length, data, bytes);
	body->length += bytes;
	body->text[body->length] = '\0';
	return bytes;
}

static enum client_result transfer(const struct cli *cli, CURL *curl, struct answer *answer)
{
	struct body body = {0};
	CURLcode code;

	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	answer->body = body.text != NULL ? body.text : util_strdup("");
	answer->length = body.length;
	if (code == CURLE_OK && answer->status != 0) {
		answer->document = json_loadb(answer->body, answer->length, 0, NULL);
		return CLIENT_ANSWERED;
	}
	if (code == CURLE_OPERATION_TIMEDOUT)
		return CLIENT_NO_ANSWER;
	snprintf(answer->text, sizeof(answer->text), "%s",
		 code == CURLE_WRITE_ERROR ? "the answer is larger than 64 MiB"
					   : curl_easy_strerror(code));
	return code == CURLE_COULDNT_CONNECT ? probe(cli->socket) : CLIENT_BROKEN;
}

enum client_result client_request(const struct cli *cli, const char *method, const char *path,
				  const json_t *body, struct answer *ret_answer)
{
	AUTO_FREE char *url = util_printf("http://sluice%s", path);
	AUTO_FREE char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	CURL *curl = curl_easy_init();
	enum client_result result;

	if (curl == NULL || headers == NULL)
		abort(); /* memory, as in util_alloc */
	*ret_answer = (struct answer){0};
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, cli->socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever http_proxy says */
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, cli->timeout_s);
	if (text != NULL) {
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
	} else if (strcmp(method, "POST") == 0) {
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
	}
	result = transfer(cli, curl, ret_answer);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return result;
}

int client_call(const struct cli *cli, const char *method, const char *path, const json_t *body,
		struct answer *ret_answer)
{
	return client_finish(cli, client_request(cli, method, path, body, ret_answer), ret_answer);
}

int client_finish(const struct cli *cli, enum client_result result, const struct answer *answer)
{
	if (result != CLIENT_ANSWERED)
		return client_explain(cli, result, answer);
	if (answer->status >= 200 && answer->status < 300) {
		if (answer->document != NULL)
			return CLI_OK;
		cli_error("the answer is not JSON; is %s the control socket of sluiced?",
			  cli->socket);
		return CLI_FALSE;
	}
	if (cli->is_json && answer->document != NULL)
		client_print_body(cli, answer);
	return client_report_errors(answer);
}

void client_print_body(const struct cli *cli, const struct answer *answer)
{
	fwrite(answer->body, 1, answer->length, cli->view.out);
	if (answer->length == 0 || answer->body[answer->length - 1] != '\n')
		fputc('\n', cli->view.out);
}
