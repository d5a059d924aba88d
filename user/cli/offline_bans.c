/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans without the daemon: in the pinned maps they are without reasons. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/offline.h"
#include "cli/render.h"
#include "dataplane/claim.h"
#include "dataplane/pinned.h"
#include "state/ban_file.h"

struct listing {
	const struct dp_pinned *pinned;
	json_t *bans;
};

static void name_limit(const struct dp_pinned *pinned, uint32_t limit, char text[64])
{
	if (!dp_pinned_name(pinned, SLUICE_NAME_LIMIT, limit, 0, text))
		snprintf(text, 64, "limit-%u", limit);
}

static bool add_ban(void *arg, const struct dp_ban *ban)
{
	const struct listing *listing = arg;
	char limit[64], source[PREFIX_TEXT_MAX];

	name_limit(listing->pinned, ban->limit, limit);
	json_array_append_new(listing->bans,
			      json_pack("{s:s, s:s, s:I, s:s, s:I}", "limit", limit, "source",
					prefix_format(&ban->source, source), "left_s",
					(json_int_t)((ban->left_ms + 999) / 1000), "packets",
					ban->is_all ? "all" : "new-connections", "hits",
					(json_int_t)ban->hits));
	return false;
}

static int explain(const struct err *e)
{
	cli_error("%s", e->text);
	if (e->hint[0] != '\0')
		cli_hint("%s", e->hint);
	return e->code == ERR_FORBIDDEN ? CLI_FORBIDDEN : CLI_FALSE;
}

int offline_ban_list(const struct cli *cli)
{
	struct listing listing;
	struct dp_pinned *pinned;
	struct dp_node node;
	struct err e = {0};
	json_t *document;
	int r = offline_open(cli, &pinned, &node);

	if (r != CLI_OK)
		return r;
	listing = (struct listing){pinned, json_array()};
	r = dp_pinned_bans(pinned, node.now_ns, add_ban, &listing, &e) != 0 ? explain(&e) : CLI_OK;
	document = json_pack("{s:o}", "bans", listing.bans);
	if (r == CLI_OK && cli->is_json) {
		json_dumpf(document, cli->view.out, JSON_COMPACT);
		fputc('\n', cli->view.out);
	} else if (r == CLI_OK) {
		if (json_array_size(listing.bans) > 0)
			render_bans(&cli->view, listing.bans);
		else
			fputs("nobody is banned\n", cli->view.out);
		render_field(&cli->view, "daemon",
			     "sluiced is not running: from the pinned maps, without reasons");
	}
	json_decref(document);
	dp_pinned_close(pinned);
	return r;
}

struct lifting {
	const struct cli *cli;
	const struct dp_pinned *pinned;
	const char *limit, *source; /* NULL: all */
	struct prefix prefix;	    /* of source */
	bool is_address;	    /* source has no length: whatever covers it */
	/* What is said about each ban that is lifted: a ban of both places is one. */
	json_t *in_maps, *in_file;
};

static bool is_wanted(const struct lifting *lifting, const char *limit, const struct prefix *source)
{
	if (lifting->limit != NULL && strcmp(lifting->limit, limit) != 0)
		return false;
	if (lifting->source == NULL)
		return true;
	return lifting->is_address ? prefix_covers(source, &lifting->prefix)
				   : prefix_compare(source, &lifting->prefix) == 0;
}

static void add_lifted(json_t *lifted, const char *limit, const struct prefix *source)
{
	char text[PREFIX_TEXT_MAX], what[160];

	snprintf(what, sizeof(what), "limit %s: ban of %s lifted", limit,
		 prefix_format(source, text));
	json_object_set_new(lifted, what, json_true());
}

static bool lift_ban(void *arg, const struct dp_ban *ban)
{
	const struct lifting *lifting = arg;
	char limit[64];

	name_limit(lifting->pinned, ban->limit, limit);
	if (!is_wanted(lifting, limit, &ban->source))
		return false;
	add_lifted(lifting->in_maps, limit, &ban->source);
	return true;
}

static bool forget_ban(void *arg, const char *limit, const struct prefix *source, int64_t until_s)
{
	const struct lifting *lifting = arg;

	if (!is_wanted(lifting, limit, source))
		return false;
	if (until_s > (int64_t)clock_wall_s()) /* what is over is no ban any more */
		add_lifted(lifting->in_file, limit, source);
	return true;
}

static int check_source(struct lifting *lifting)
{
	struct err e = {0};

	if (lifting->source == NULL)
		return CLI_OK;
	lifting->is_address = strchr(lifting->source, '/') == NULL;
	if (prefix_parse(lifting->source, strlen(lifting->source), &lifting->prefix, &e) == 0)
		return CLI_OK;
	explain(&e);
	return CLI_USAGE;
}

/* Where the daemon would find them again: those of the maps, and those that wait, which are nowhere else. */
static int forget_kept(struct lifting *lifting)
{
	char directory[PATH_MAX];
	int r = dp_pinned_state_directory(lifting->pinned, directory, sizeof(directory));

	if (r == 0)
		r = ban_file_remove(directory, forget_ban, lifting);
	if (r == 0)
		return CLI_OK;
	json_object_clear(lifting->in_file);
	cli_error("lifted in the pinned maps, but not in the state directory: %s",
		  r == -ENOENT ? "it is not known" : strerror(-r));
	cli_hint("when sluiced runs again, lift it again");
	return CLI_FALSE;
}

static int report(const struct lifting *lifting, const json_t *lifted, int r)
{
	const struct cli *cli = lifting->cli;
	size_t count = json_object_size(lifted);

	if (lifting->source != NULL && count == 0) {
		if (r != CLI_OK)
			return r;
		cli_error("limit %s does not ban %s, neither in the pinned maps nor in the state "
			  "directory",
			  lifting->limit, lifting->source);
		cli_hint("sluicectl ban list shows who is banned");
		return CLI_NOT_FOUND;
	}
	if (cli->is_json)
		fprintf(cli->view.out, "{\"lifted\":%zu}\n", count);
	else
		fprintf(cli->view.out,
			"%zu ban%s lifted; sluiced is not running: done in the pinned maps\n",
			count, count == 1 ? "" : "s");
	return r;
}

static int lift(struct lifting *lifting, uint64_t now_ns)
{
	json_t *lifted = lifting->in_maps = json_object();
	struct err e = {0};
	const char *what;
	json_t *value;
	int r;

	lifting->in_file = json_object();
	if (dp_pinned_bans(lifting->pinned, now_ns, lift_ban, lifting, &e) != 0) {
		r = explain(&e);
	} else {
		r = forget_kept(lifting);
		json_object_update(lifted, lifting->in_file);
		r = report(lifting, lifted, r);
	}
	json_object_foreach (lifted, what, value)
		offline_audit(lifting->cli, "%s", what);
	json_decref(lifting->in_file);
	json_decref(lifted);
	return r;
}

int offline_ban_lift(const struct cli *cli, const char *limit, const char *source)
{
	struct lifting lifting = {.cli = cli, .limit = limit, .source = source};
	struct dp_pinned *pinned;
	struct dp_node node;
	int claim, r = check_source(&lifting);

	if (r != CLI_OK)
		return r;
	/* A daemon that starts or ends meanwhile would write its own bans over these. */
	r = offline_claim(cli, &claim);
	if (r != CLI_OK)
		return r;
	r = offline_open(cli, &pinned, &node);
	if (r == CLI_OK) {
		lifting.pinned = pinned;
		r = lift(&lifting, node.now_ns);
		dp_pinned_close(pinned);
	}
	claim_end(claim, cli->instance);
	return r;
}
