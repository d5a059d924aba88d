/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control/view_check.h"

#include <string.h>

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text[0])
		json_object_set_new(object, key, json_string(text));
}

static void add_expect(json_t *object, const struct check_details *details)
{
	char text[CHECK_STATUSES_MAX * 10] = "";
	size_t length = 0;
	uint16_t i;

	for (i = 0; i < details->expect.count; i++) {
		uint16_t low = details->expect.list[i].low, high = details->expect.list[i].high;

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%u",
					   i ? ", " : "", low);
		if (high != low)
			length +=
				(size_t)snprintf(text + length, sizeof(text) - length, "-%u", high);
	}
	set_text(object, "expect", text);
}

static void add_details(json_t *object, const struct check_spec *spec)
{
	AUTO_FREE struct check_details *details = util_alloc(sizeof(*details));
	enum check_type type;

	if (!check_spec_decode(spec->bytes, spec->length, &type, details))
		return;
	if (type == CHECK_HTTP || type == CHECK_HTTPS) {
		set_text(object, "method", check_method_name(details->method));
		set_text(object, "path", details->path);
		set_text(object, "host", details->host);
		set_text(object, "body", details->body);
		add_expect(object, details);
	}
	if (type == CHECK_DNS) {
		set_text(object, "name", details->name);
		json_object_set_new(object, "record", json_integer(details->record));
		json_object_set_new(object, "rcode", json_integer(details->rcode));
	}
	if (type == CHECK_EXEC)
		set_text(object, "program", check_command_word(details, 0));
	if (type == CHECK_HTTPS) {
		set_text(object, "sni", details->sni);
		set_text(object, "ca", details->ca);
		json_object_set_new(object, "is_verified", json_boolean(!details->is_unverified));
	}
}

json_t *view_check(const struct check_config *check)
{
	json_t *object = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "type",
				   check_type_name(check->type), "via", check_via_name(check->via),
				   "port", check->port, "interval_ms", check->interval_ms,
				   "timeout_ms", check->timeout_ms, "fast_ms", check->fast_ms,
				   "down_ms", check->down_ms, "fall", check->fall, "rise",
				   check->rise);

	if (check->spec)
		add_details(object, check->spec);
	return object;
}

json_t *view_member_check(const struct control_host *host, const struct model_service *service,
			  const struct model_pool *pool, const struct model_member *member)
{
	json_t *object = view_check(model_check_of(pool, member));
	struct check_report report;
	enum probe_result result;

	host->checks(host->arg, service, pool, member, &report);
	for (result = 0; result < PROBE_RESULT_MAX; result++)
		json_object_set_new(object, probe_result_name(result),
				    json_integer((json_int_t)report.results[result]));
	json_object_set_new(object, "times",
			    json_pack("{s:I, s:I, s:I, s:I}", "connect_us",
				      (json_int_t)report.times.connect_us, "tls_us",
				      (json_int_t)report.times.tls_us, "first_byte_us",
				      (json_int_t)report.times.first_byte_us, "total_us",
				      (json_int_t)report.times.total_us));
	json_object_set_new(object, "certificate_ends_s",
			    report.expires_s ? json_integer(report.expires_s) : json_null());
	return object;
}
