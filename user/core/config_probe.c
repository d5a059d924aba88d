/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/config_probe.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define BIT(type) (1U << (type))
#define HTTP_TYPES (BIT(CHECK_HTTP) | BIT(CHECK_HTTPS))

/* Keys that not every type has. */
static const struct {
	const char *key;
	uint32_t types;
	const char *text;
} KEYS[] = {
	{"port", ~(BIT(CHECK_NONE) | BIT(CHECK_ICMP)), "checks of a port"},
	{"method", HTTP_TYPES, "http and https"},
	{"path", HTTP_TYPES, "http and https"},
	{"host", HTTP_TYPES, "http and https"},
	{"expect", HTTP_TYPES, "http and https"},
	{"body", HTTP_TYPES, "http and https"},
	{"read", HTTP_TYPES, "http and https"},
	{"sni", BIT(CHECK_HTTPS), "https"},
	{"verify", BIT(CHECK_HTTPS), "https"},
	{"ca", BIT(CHECK_HTTPS), "https"},
	{"expiry", BIT(CHECK_HTTPS), "https"},
	{"send", BIT(CHECK_UDP), "udp"},
	{"answer", BIT(CHECK_UDP) | BIT(CHECK_DNS), "udp and dns"},
	{"name", BIT(CHECK_DNS), "dns"},
	{"record", BIT(CHECK_DNS), "dns"},
	{"rcode", BIT(CHECK_DNS), "dns"},
	{"command", BIT(CHECK_EXEC), "exec"},
};

/* An error at a key of the check. */
static struct err *fail_key(struct config_reader *r, yaml_node_t *check, const char *name,
			    const char *text)
{
	yaml_node_t *key = check;
	size_t mark;
	struct err *e;

	config_find(r, check, name, &key);
	mark = config_enter(r, name);
	e = config_fail(r, key, ERR_INVALID, "%s", text);
	config_leave(r, mark);
	return e;
}

static void check_keys(struct config_reader *r, yaml_node_t *node, enum check_type type)
{
	char text[96];

	for (size_t i = 0; i < ARRAY_SIZE(KEYS); i++) {
		if (KEYS[i].types & BIT(type) || !config_find(r, node, KEYS[i].key, NULL))
			continue;
		snprintf(text, sizeof(text), "is for %s, and this is a check of type %s",
			 KEYS[i].text, check_type_name(type));
		err_hint(fail_key(r, node, KEYS[i].key, text),
			 "remove the key, or write another type");
	}
}

static void check_http(struct config_reader *r, yaml_node_t *node,
		       const struct check_details *details)
{
	size_t length = strlen(details->body);
	char text[96];

	if (length && details->method == CHECK_HEAD)
		err_hint(
			fail_key(r, node, "body", "an answer to HEAD has no body: it cannot match"),
			"write method: GET, or leave body out");
	if (length > details->read_max) {
		snprintf(text, sizeof(text),
			 "has %zu bytes, and %u of a body are read: it cannot match", length,
			 details->read_max);
		err_hint(fail_key(r, node, "body", text), "raise read, or look for less");
	}
}

static void check_https(struct config_reader *r, yaml_node_t *node,
			const struct check_details *details)
{
	if (details->is_unverified && details->ca[0])
		err_hint(fail_key(r, node, "ca", "is of no use with verify: disabled"),
			 "leave one of them out");
}

static void need(struct config_reader *r, yaml_node_t *node, const char *key, const char *hint)
{
	if (!config_find(r, node, key, NULL))
		err_hint(fail_key(r, node, key, "is missing"), "%s", hint);
}

static bool is_dns_name(const char *name)
{
	for (;; name++) {
		size_t length = strcspn(name, ".");

		if (!length || length > 63)
			return false;
		name += length;
		if (!*name || !name[1])
			return true;
	}
}

static void check_dns(struct config_reader *r, yaml_node_t *node,
		      const struct check_details *details)
{
	char text[sizeof(details->answer.bytes) + 1];
	bool is_a = details->record == ns_t_a, is_aaaa = details->record == ns_t_aaaa;
	uint8_t address[16];

	need(r, node, "name", "the name to ask for, such as name: www.example.net");
	if (details->name[0] && strcmp(details->name, ".") != 0 && !is_dns_name(details->name))
		fail_key(r, node, "name", "is no DNS name: labels have 1 to 63 characters");
	if (!details->answer.length)
		return;
	memcpy(text, details->answer.bytes, details->answer.length);
	text[details->answer.length] = '\0';
	if (details->rcode)
		err_hint(fail_key(r, node, "answer",
				  "with an rcode other than NOERROR there is no answer: it cannot "
				  "match"),
			 "leave one of them out");
	if ((is_a || is_aaaa) && inet_pton(is_a ? AF_INET : AF_INET6, text, address) != 1)
		err_hint(fail_key(r, node, "answer",
				  "must be an address of the record's family: it cannot match"),
			 "record: A has an IPv4 address, record: AAAA an IPv6 one");
}

static void check_via(struct config_reader *r, yaml_node_t *node, const struct check_config *check)
{
	struct err *e;

	if (check->via != CHECK_VIA_PATH || check_type_has_path(check->type))
		return;
	e = fail_key(r, node, "via",
		     check->type == CHECK_ICMP
			     ? "an echo request has no port, so it is no packet of the service"
		     : check->type == CHECK_EXEC
			     ? "a program connects by itself, and has no right to take the path"
			     : "there is no probe that could take the path");
	err_hint(e, "leave the key out, or use a check of type tcp, http, https, udp or dns");
}

/* What no key can know alone. */
static void check_whole(struct config_reader *r, yaml_node_t *key, yaml_node_t *node,
			const struct check_reading *reading)
{
	const struct check_config *check = &reading->check;

	if (check->timeout_ms > check->interval_ms)
		err_hint(config_fail(r, key, ERR_INVALID,
				     "timeout of %u ms is longer than interval of %u ms",
				     check->timeout_ms, check->interval_ms),
			 "a probe must end before the next one: lower timeout or raise interval");
	check_keys(r, node, check->type);
	check_via(r, node, check);
	if (BIT(check->type) & HTTP_TYPES)
		check_http(r, node, &reading->details);
	if (check->type == CHECK_HTTPS)
		check_https(r, node, &reading->details);
	if (check->type == CHECK_UDP)
		need(r, node, "send", "what to send, such as send: \"ping\\n\" or send: hex:0a0b");
	if (check->type == CHECK_DNS)
		check_dns(r, node, &reading->details);
	if (check->type == CHECK_EXEC)
		need(r, node, "command",
		     "a program and its arguments: command: [/usr/local/lib/check-db, --fast]");
}

void config_read_word(struct config_reader *r, yaml_node_t *node, size_t position, const char *text,
		      struct check_reading *reading)
{
	struct check_details *details = &reading->details;
	size_t bytes = strlen(text) + 1;

	if (!position && *text != '/') {
		err_hint(config_fail(r, node, ERR_INVALID,
				     "\"%.64s\" must be the absolute path of a program", text),
			 "programs are run as they are, without a shell or a search path");
		return;
	}
	if (bytes > sizeof(details->command.words) - details->command.length) {
		config_fail(r, node, ERR_TOO_LARGE, "makes the command longer than %zu bytes",
			    sizeof(details->command.words));
		return;
	}
	memcpy(details->command.words + details->command.length, text, bytes);
	details->command.length += (uint16_t)bytes;
	details->command.count++;
}

static void set_defaults(struct check_reading *reading)
{
	memset(reading, 0, sizeof(*reading));
	config_schema_defaults(CONFIG_SECTION_CHECK, reading);
}

/* Not of the schema, for they are added to. */
static void fill_statuses(struct check_details *details)
{
	if (details->expect.count)
		return;
	details->expect.count = 1;
	details->expect.list[0].low = 200;
	details->expect.list[0].high = 299;
}

bool config_read_check(struct config_reader *r, yaml_node_t *mapping,
		       struct check_config *ret_check)
{
	const struct config_field *type = config_schema_find(CONFIG_SECTION_CHECK, "type");
	yaml_node_t *key = NULL, *node = config_find(r, mapping, "check", &key);
	AUTO_FREE struct check_reading *reading = NULL;
	size_t mark;

	if (!node)
		return false;
	reading = util_alloc(sizeof(*reading));
	set_defaults(reading);
	mark = config_enter(r, "check");
	if (node->type == YAML_MAPPING_NODE) {
		if (config_read_section(r, CONFIG_SECTION_CHECK, node, key, reading))
			check_whole(r, key, node, reading);
	} else if (config_read_text(r, type, node, reading)) {
		check_whole(r, key, node, reading);
	}
	config_leave(r, mark);
	fill_statuses(&reading->details);
	*ret_check = reading->check;
	ret_check->spec = check_spec_encode(reading->check.type, &reading->details);
	return true;
}

void config_settle_via(struct check_config *check, enum sluice_mode mode)
{
	bool is_sent = mode == SLUICE_MODE_L2 || SLUICE_MODE_IS_TUNNEL(mode);

	if (check->via == CHECK_VIA_DEFAULT)
		check->via = is_sent && check_type_has_path(check->type) ? CHECK_VIA_PATH
									 : CHECK_VIA_MEMBER;
}

struct check_config config_default_check(uint8_t proto)
{
	struct check_reading reading;

	set_defaults(&reading);
	if (proto == IPPROTO_UDP)
		reading.check.type = CHECK_NONE;
	return reading.check;
}

struct check_config config_copy_check(const struct check_config *check)
{
	struct check_config copy = *check;

	if (check->spec) {
		size_t bytes = sizeof(*check->spec) + check->spec->length;
		struct check_spec *spec = util_alloc(bytes);

		memcpy(spec, check->spec, bytes);
		copy.spec = spec;
	}
	return copy;
}

/* What the check needs of the disk, NULL: nothing. */
static const char *file_of(const struct check_config *check, struct check_details *details)
{
	enum check_type type;

	if (!check->spec ||
	    !check_spec_decode(check->spec->bytes, check->spec->length, &type, details))
		return NULL;
	if (type == CHECK_EXEC)
		return check_command_word(details, 0);
	return type == CHECK_HTTPS && details->ca[0] ? details->ca : NULL;
}

static void check_files(const struct config *config, const struct service_config *service,
			const struct pool_config *pool, config_look_fn look, struct errs *errors)
{
	AUTO_FREE struct check_details *details = util_alloc(sizeof(*details));
	char path[3 * NAME_MAX_LENGTH], text[200], hint[200];

	for (uint32_t i = 0; pool->checks && i < pool->checks->count; i++) {
		const char *file = file_of(&pool->checks->list[i], details);
		bool is_program = pool->checks->list[i].type == CHECK_EXEC;
		struct err *e;

		if (!file || look(file, is_program, text, hint))
			continue;
		snprintf(path, sizeof(path), "services.%s%s%s.check.%s", service->name,
			 service->has_pools ? ".pools." : "", service->has_pools ? pool->name : "",
			 is_program ? "command" : "ca");
		e = errs_add(errors, ERR_INVALID, path, "%s", text);
		err_hint(e, "%s", hint);
		e->line = pool->line;
		config_place(config, e);
	}
}

int config_check_files(const struct config *config, config_look_fn look, struct errs *errors)
{
	size_t before = errors->count;

	for (size_t s = 0; s < config->service_count; s++)
		for (size_t p = 0; p < config->services[s].pool_count; p++)
			check_files(config, &config->services[s], &config->services[s].pools[p],
				    look, errors);
	return errors->count > before ? -EINVAL : 0;
}
