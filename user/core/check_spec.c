/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "core/check_spec.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static const struct {
	const char *name;
	bool is_apart, has_path;
} TYPES[CHECK_TYPE_MAX] = {
	[CHECK_NONE] = {"none", false, false},	  [CHECK_TCP] = {"tcp", false, true},
	[CHECK_ICMP] = {"icmp", false, false},	  [CHECK_HTTP] = {"http", true, true},
	[CHECK_HTTPS] = {"https", true, true},	  [CHECK_UDP] = {"udp", true, true},
	[CHECK_DNS] = {"dns", true, true},	  [CHECK_EXEC] = {"exec", true, false},
	[CHECK_LOOKUP] = {"lookup", true, false},
};

bool check_type_is_apart(enum check_type type)
{
	return type < CHECK_TYPE_MAX && TYPES[type].is_apart;
}

bool check_type_has_path(enum check_type type)
{
	return type < CHECK_TYPE_MAX && TYPES[type].has_path;
}

const char *check_via_name(enum check_via via)
{
	return via == CHECK_VIA_PATH ? "path" : "member";
}

const char *check_type_name(enum check_type type)
{
	return type < CHECK_TYPE_MAX ? TYPES[type].name : "?";
}

const char *check_method_name(enum check_method method)
{
	static const char *const names[CHECK_METHOD_MAX] = {"GET", "HEAD", "OPTIONS"};

	return method < CHECK_METHOD_MAX ? names[method] : "?";
}

const char *check_command_word(const struct check_details *details, size_t position)
{
	const char *word = details->command.words;

	if (position >= details->command.count)
		return NULL;
	while (position--)
		word += strlen(word) + 1;
	return word;
}

/* ---- one walk over the fields, for both directions ------------------------------------------ */

/* Little more than memcpy with bounds: the two ends are one build on one machine. */
struct walk {
	uint8_t *bytes;
	size_t length, at;
	bool is_writing, is_bad;
};

static void walk_raw(struct walk *w, void *field, size_t size)
{
	if (w->is_bad || size > w->length - w->at) {
		w->is_bad = true;
		return;
	}
	if (w->is_writing)
		memcpy(w->bytes + w->at, field, size);
	else
		memcpy(field, w->bytes + w->at, size);
	w->at += size;
}

static void walk_number(struct walk *w, uint32_t *number, uint32_t max)
{
	walk_raw(w, number, sizeof(*number));
	if (*number > max)
		w->is_bad = true;
}

/* A length, and so many bytes. */
static void walk_bytes(struct walk *w, uint16_t *length, void *bytes, size_t max)
{
	walk_raw(w, length, sizeof(*length));
	if (*length > max)
		w->is_bad = true;
	if (!w->is_bad)
		walk_raw(w, bytes, *length);
}

static void walk_text(struct walk *w, char *text, size_t size)
{
	uint16_t length = w->is_writing ? (uint16_t)strlen(text) : 0;

	walk_bytes(w, &length, text, size - 1);
	if (!w->is_writing && !w->is_bad) {
		text[length] = '\0';
		w->is_bad = strlen(text) != length;
	}
}

static void walk_http(struct walk *w, struct check_details *details)
{
	uint32_t method = details->method;

	walk_number(w, &method, CHECK_METHOD_MAX - 1);
	details->method = method;
	walk_text(w, details->path, sizeof(details->path));
	walk_text(w, details->host, sizeof(details->host));
	walk_raw(w, &details->expect.count, sizeof(details->expect.count));
	if (details->expect.count > CHECK_STATUSES_MAX) {
		w->is_bad = true;
		return;
	}
	walk_raw(w, details->expect.list, details->expect.count * sizeof(details->expect.list[0]));
	walk_text(w, details->body, sizeof(details->body));
	walk_number(w, &details->read_max, UINT32_MAX);
}

static void walk_https(struct walk *w, struct check_details *details)
{
	uint32_t is_unverified = details->is_unverified;

	walk_text(w, details->sni, sizeof(details->sni));
	walk_number(w, &is_unverified, 1);
	details->is_unverified = is_unverified;
	walk_text(w, details->ca, sizeof(details->ca));
	/* expiry_s is for who shows it: probes do not differ by it, but targets shall */
	walk_number(w, &details->expiry_s, UINT32_MAX);
}

static void walk_command(struct walk *w, struct check_details *details)
{
	uint16_t i, ends = 0;

	walk_raw(w, &details->command.count, sizeof(details->command.count));
	walk_bytes(w, &details->command.length, details->command.words,
		   sizeof(details->command.words));
	if (w->is_bad)
		return;
	for (i = 0; i < details->command.length; i++)
		ends += details->command.words[i] == '\0';
	if (!details->command.count || details->command.count > CHECK_COMMAND_MAX ||
	    ends != details->command.count ||
	    details->command.words[details->command.length - 1] != '\0')
		w->is_bad = true;
}

static void walk_details(struct walk *w, uint32_t *type, struct check_details *details)
{
	walk_number(w, type, CHECK_TYPE_MAX - 1);
	if (w->is_bad)
		return;
	switch ((enum check_type) * type) {
	case CHECK_HTTP:
		walk_http(w, details);
		break;
	case CHECK_HTTPS:
		walk_http(w, details);
		walk_https(w, details);
		break;
	case CHECK_UDP:
		walk_bytes(w, &details->send.length, details->send.bytes,
			   sizeof(details->send.bytes));
		walk_bytes(w, &details->answer.length, details->answer.bytes,
			   sizeof(details->answer.bytes));
		break;
	case CHECK_DNS:
		walk_text(w, details->name, sizeof(details->name));
		walk_number(w, &details->record, UINT16_MAX);
		walk_number(w, &details->rcode, 15);
		walk_bytes(w, &details->answer.length, details->answer.bytes,
			   sizeof(details->answer.bytes));
		break;
	case CHECK_EXEC:
		walk_command(w, details);
		break;
	case CHECK_LOOKUP:
		walk_text(w, details->name, sizeof(details->name));
		break;
	default:
		w->is_bad = true;
	}
}

struct check_spec *check_spec_encode(enum check_type type, const struct check_details *details)
{
	AUTO_FREE struct check_details *copy = NULL;
	uint8_t bytes[CHECK_SPEC_MAX];
	struct walk w = {.bytes = bytes, .length = sizeof(bytes), .is_writing = true};
	struct check_spec *spec;
	uint32_t number = type;

	if (!check_type_is_apart(type))
		return NULL;
	copy = util_alloc(sizeof(*copy));
	*copy = *details;
	walk_details(&w, &number, copy);
	if (w.is_bad)
		return NULL;
	spec = util_alloc(sizeof(*spec) + w.at);
	spec->length = (uint32_t)w.at;
	memcpy(spec->bytes, bytes, w.at);
	return spec;
}

bool check_spec_decode(const void *bytes, size_t length, enum check_type *ret_type,
		       struct check_details *ret_details)
{
	struct walk w = {.bytes = (uint8_t *)bytes, .length = length};
	uint32_t type = 0;

	memset(ret_details, 0, sizeof(*ret_details));
	walk_details(&w, &type, ret_details);
	*ret_type = type;
	return !w.is_bad && w.at == length;
}

uint32_t check_spec_expiry_s(const struct check_spec *spec)
{
	AUTO_FREE struct check_details *details = NULL;
	enum check_type type;

	if (!spec)
		return 0;
	details = util_alloc(sizeof(*details));
	return check_spec_decode(spec->bytes, spec->length, &type, details) ? details->expiry_s : 0;
}

/* ---- sets ------------------------------------------------------------------------------------ */

struct check_set *check_set_new(void)
{
	struct check_set *set = util_alloc(sizeof(*set));

	set->references = 1;
	return set;
}

struct check_set *check_set_ref(struct check_set *set)
{
	if (set)
		set->references++;
	return set;
}

void check_set_unref(struct check_set *set)
{
	if (!set || --set->references)
		return;
	for (uint32_t i = 0; i < set->count; i++)
		free((void *)set->list[i].spec);
	free(set->list);
	free(set);
}

uint32_t check_set_add(struct check_set *set, const struct check_config *check)
{
	set->list = util_grow(set->list, &set->capacity, set->count + 1, sizeof(*set->list));
	set->list[set->count] = *check;
	return set->count++;
}
