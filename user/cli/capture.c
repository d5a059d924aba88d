/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* capture: packets as they arrive, as lines, JSON or a file, until enough or interrupted. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/client.h"
#include "cli/field.h"
#include "cli/pcapng.h"
#include "cli/run.h"
#include "cli/text.h"
#include "core/capture.h"

#include <sluice/abi.h>

#define POLL_US 200000

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number)
{
	(void)number;
	is_interrupted = 1;
}

static void watch_interrupts(void)
{
	struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL); /* the terminal is gone: a file may still want its end */
}

/* ---- a packet in words --------------------------------------------------------------------- */

static void format_endpoint(const json_t *packet, const char *address, const char *port,
			    char text[ENDPOINT_TEXT_MAX])
{
	struct sluice_addr addr;

	if (addr_parse(field_text(packet, address, ""), &addr) == 0)
		addr_format_endpoint(&addr, (uint16_t)field_count(packet, port), text);
	else
		util_copy(text, ENDPOINT_TEXT_MAX, field_text(packet, address, "?"));
}

/* "tcp 198.51.100.7:4711 > 192.0.2.10:443 SYN", "frame" when nobody looked for IP in it. */
static void format_flow(const json_t *packet, char *text, size_t size)
{
	char source[ENDPOINT_TEXT_MAX], destination[ENDPOINT_TEXT_MAX];
	const char *flags = field_text(packet, "flags", "");

	if (json_object_get(packet, "source") == NULL) {
		util_copy(text, size, "frame");
		return;
	}
	format_endpoint(packet, "source", "source_port", source);
	format_endpoint(packet, "destination", "destination_port", destination);
	snprintf(text, size, "%s %s > %s%s%s", field_text(packet, "protocol", "?"), source,
		 destination, flags[0] != '\0' ? " " : "", flags);
}

/* Verdict and why. */
static void format_verdict(const json_t *packet, char *text, size_t size)
{
	const char *verdict = field_text(packet, "verdict", "?");
	const char *service = field_text(packet, "service", NULL);
	const char *member = field_text(packet, "member", NULL);
	const char *limit = field_text(packet, "limit", NULL);
	const char *list = field_text(packet, "list", NULL);
	bool is_limit = strcmp(verdict, "limit") == 0;
	int used;

	if (strcmp(verdict, "forwarded") == 0)
		used = snprintf(text, size, "%s: %s to %s", verdict,
				service != NULL ? service : "?", member != NULL ? member : "?");
	else if (is_limit && limit != NULL)
		used = snprintf(text, size, "%s: %s of %s", verdict, limit,
				service != NULL ? service : "?");
	else if (list != NULL && strncmp(verdict, "list_", 5) == 0)
		used = snprintf(text, size, "%s: %s%s%s", verdict, list,
				service != NULL ? " of " : "", service != NULL ? service : "");
	else
		used = snprintf(text, size, "%s: %s%s%s", verdict, service != NULL ? service : "",
				service != NULL ? ", " : "", field_text(packet, "help", ""));
	if (limit != NULL && !is_limit && used > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, "; limit %s would refuse it", limit);
}

static void print_packet(const struct view *view, const json_t *packet)
{
	uint64_t time_ns = field_count(packet, "time_ns");
	time_t seconds = (time_t)(time_ns / 1000000000);
	char flow[200], verdict[300], clock[16];
	struct tm when;

	localtime_r(&seconds, &when);
	strftime(clock, sizeof(clock), "%H:%M:%S", &when);
	format_flow(packet, flow, sizeof(flow));
	format_verdict(packet, verdict, sizeof(verdict));
	fprintf(view->out, "%s.%06u %s %s, %u bytes, %s\n", clock,
		(unsigned int)(time_ns % 1000000000 / 1000), field_text(packet, "interface", "?"),
		flow, (unsigned int)field_count(packet, "bytes"), verdict);
}

/* ---- output -------------------------------------------------------------------------------- */

struct output {
	struct cli *cli;
	FILE *file; /* of -w, else NULL */
	struct pcapng pcapng;
};

static uint32_t decode_hex(const char *hex, uint8_t *data, uint32_t size)
{
	uint32_t count;

	for (count = 0; count < size && hex[0] != '\0' && hex[1] != '\0'; count++, hex += 2) {
		const char digits[3] = {hex[0], hex[1], '\0'};

		data[count] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return count;
}

static void write_packet(struct output *output, const json_t *packet)
{
	uint8_t data[SLUICE_CAPTURE_BYTES];
	char verdict[300];

	format_verdict(packet, verdict, sizeof(verdict));
	pcapng_add(&output->pcapng,
		   &(struct pcapng_packet){
			   .interface = field_text(packet, "interface", "?"),
			   .time_ns = field_count(packet, "time_ns"),
			   .bytes = (uint32_t)field_count(packet, "bytes"),
			   .data = data,
			   .kept = decode_hex(field_text(packet, "data", ""), data, sizeof(data)),
			   .comment = verdict,
		   });
}

static void show_packets(struct output *output, const json_t *packets)
{
	struct cli *cli = output->cli;
	const json_t *packet;
	size_t i;

	json_array_foreach (packets, i, packet) {
		if (output->file != NULL)
			write_packet(output, packet);
		if (cli->is_json) {
			json_dumpf(packet, cli->view.out, JSON_COMPACT);
			fputc('\n', cli->view.out);
		} else if (output->file == NULL) {
			print_packet(&cli->view, packet);
		}
	}
	fflush(output->file != NULL ? output->file : cli->view.out);
}

static bool is_stdout(const char *path)
{
	return strcmp(path, "-") == 0;
}

static int open_output(struct output *output)
{
	const char *path = cli_option(output->cli, OPTION_WRITE);

	if (path == NULL)
		return CLI_OK;
	output->file = is_stdout(path) ? stdout : fopen(path, "wb");
	if (output->file == NULL) {
		cli_error("cannot write %s: %s", path, strerror(errno));
		return CLI_FALSE;
	}
	pcapng_begin(&output->pcapng, output->file, SLUICE_CAPTURE_BYTES,
		     "sluicectl " SLUICE_VERSION);
	return CLI_OK;
}

static int close_output(struct output *output)
{
	bool is_bad = output->file != NULL && ferror(output->file);

	if (output->file == NULL)
		return CLI_OK;
	if (output->file != stdout && fclose(output->file) != 0)
		is_bad = true;
	if (is_bad)
		cli_error("cannot write all of %s", cli_option(output->cli, OPTION_WRITE));
	return is_bad ? CLI_FALSE : CLI_OK;
}

/* ---- the capture --------------------------------------------------------------------------- */

static json_t *make_body(const struct cli *cli)
{
	static const struct {
		enum option_id option;
		const char *field;
	} texts[] = {
		{OPTION_SERVICE, "service"},
		{OPTION_VERDICT, "verdict"},
		{OPTION_SOURCE, "source"},
	};
	const char *packets = cli_option(cli, OPTION_MAX_PACKETS);
	const char *duration = cli_option(cli, OPTION_FOR);
	json_t *body = json_object();
	uint64_t seconds;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text = cli_option(cli, texts[i].option);

		if (text != NULL)
			json_object_set_new(body, texts[i].field, json_string(text));
	}
	if (packets != NULL)
		json_object_set_new(body, "packets", json_integer(atoll(packets)));
	if (duration != NULL && text_parse_duration(duration, &seconds) == 0)
		json_object_set_new(body, "for_s", json_integer((json_int_t)seconds));
	return body;
}

/* The bounds that the daemon keeps, in the words of the command line. */
static int check_bounds(const struct cli *cli)
{
	const char *packets = cli_option(cli, OPTION_MAX_PACKETS);
	const char *duration = cli_option(cli, OPTION_FOR);
	uint64_t seconds;

	if (duration != NULL && text_parse_duration(duration, &seconds) == 0 &&
	    seconds > CAPTURE_S_MAX) {
		cli_error("--for %s: a capture lasts %d minutes at most", duration,
			  CAPTURE_S_MAX / 60);
		cli_hint("such as --for %ds; then start another one", CAPTURE_S_MAX);
		return CLI_USAGE;
	}
	if (packets != NULL && (atoll(packets) < 1 || atoll(packets) > CAPTURE_PACKETS_MAX)) {
		cli_error("--max %s: a capture takes 1 to %d packets", packets,
			  CAPTURE_PACKETS_MAX);
		return CLI_USAGE;
	}
	return CLI_OK;
}

static void report_end(const json_t *capture)
{
	uint64_t withheld = field_count(capture, "withheld"), lost = field_count(capture, "lost");
	char captured[TEXT_MAX], missed[TEXT_MAX];

	fprintf(stderr, "%s packets captured (%s)",
		text_count(field_count(capture, "captured"), captured),
		field_text(capture, "state", "?"));
	if (withheld + lost > 0)
		fprintf(stderr, "; %s more matched, but came too fast",
			text_count(withheld + lost, missed));
	fputc('\n', stderr);
}

static void stop(const struct cli *cli, const char *path)
{
	AUTO_ANSWER struct answer answer = {0};

	client_request(cli, "DELETE", path, NULL, &answer);
}

/* Polls until it is over; then *ret_last is the last document. */
static int follow(struct output *output, const char *path, struct answer *ret_last)
{
	unsigned long long since = 0;

	for (;;) {
		AUTO_FREE char *url = util_printf("%s?since=%llu", path, since);
		const char *state;
		bool is_done;
		int r;

		r = client_call(output->cli, "GET", url, NULL, ret_last);
		if (r != CLI_OK)
			return r;
		show_packets(output, json_object_get(ret_last->document, "packets"));
		state = field_text(ret_last->document, "state", "?");
		since = field_count(ret_last->document, "last");
		is_done = strcmp(state, "running") != 0 &&
			  since >= field_count(ret_last->document, "captured");
		if (is_done || ferror(output->cli->view.out))
			return CLI_OK;
		answer_done(ret_last);
		if (is_interrupted == 1) {
			is_interrupted = 2;
			stop(output->cli, path);
		} else if (strcmp(state, "running") == 0) {
			usleep(POLL_US); /* an interrupt ends it early */
		}
	}
}

static int refuse_with_stop(const struct cli *cli)
{
	static const enum option_id others[] = {OPTION_SERVICE,	    OPTION_VERDICT, OPTION_SOURCE,
						OPTION_MAX_PACKETS, OPTION_FOR,	    OPTION_WRITE};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (cli_option(cli, others[i]) == NULL)
			continue;
		cli_error("--stop ends the capture that runs: it takes no --%s",
			  option_defs[others[i]].name);
		return CLI_USAGE;
	}
	return CLI_OK;
}

/* The capture that runs, whoever has started it. */
static int stop_running(struct cli *cli)
{
	AUTO_ANSWER struct answer list = {0}, answer = {0};
	AUTO_FREE char *path = NULL;
	unsigned long long id;
	const json_t *capture;
	int r = refuse_with_stop(cli);

	if (r == CLI_OK)
		r = client_call(cli, "GET", "/v1/captures", NULL, &list);
	if (r != CLI_OK)
		return r;
	capture = json_array_get(json_object_get(list.document, "captures"), 0);
	id = field_count(capture, "id");
	if (strcmp(field_text(capture, "state", ""), "running") == 0) {
		path = util_printf("/v1/captures/%llu", id);
		r = client_call(cli, "DELETE", path, NULL, &answer);
		if (r != CLI_OK)
			return r;
	}
	if (!field_bool(answer.document, "changed")) {
		cli_error("no capture is running");
		return CLI_CONFLICT;
	}
	if (cli->is_json)
		client_print_body(cli, &answer);
	else
		fprintf(cli->view.out, "capture %llu stopped; uid %llu had started it\n", id,
			(unsigned long long)field_count(capture, "uid"));
	return CLI_OK;
}

int run_capture(struct cli *cli)
{
	const char *file = cli_option(cli, OPTION_WRITE);
	AUTO_ANSWER struct answer started = {0}, last = {0};
	struct output output = {.cli = cli};
	AUTO_FREE char *path = NULL;
	json_t *body;
	int r, closed;

	if (cli_option(cli, OPTION_STOP) != NULL)
		return stop_running(cli);
	if (file != NULL && is_stdout(file) && cli->is_json) {
		cli_error("--json and --write - both want the standard output");
		return CLI_USAGE;
	}
	r = check_bounds(cli);
	if (r != CLI_OK)
		return r;
	watch_interrupts();
	body = make_body(cli);
	r = client_call(cli, "POST", "/v1/captures", body, &started);
	json_decref(body);
	if (r != CLI_OK)
		return r;
	path = util_printf("/v1/captures/%llu",
			   (unsigned long long)field_count(started.document, "id"));
	r = open_output(&output); /* now: a refused capture leaves the file alone */
	if (r != CLI_OK) {
		stop(cli, path);
		return r;
	}
	r = follow(&output, path, &last);
	if (r == CLI_OK)
		report_end(last.document);
	closed = close_output(&output);
	return r != CLI_OK ? r : closed;
}
