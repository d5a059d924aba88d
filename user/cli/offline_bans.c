/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bans without the daemon: in the pinned maps they are without reasons. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/util.h"
#include "cli/cli.h"
#include "cli/offline.h"
#include "cli/render.h"
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
	unsigned int lifted;
};

static bool is_wanted(void *arg, const char *limit, const struct prefix *source)
{
	const struct lifting *lifting = arg;

	if (lifting->limit != NULL && strcmp(lifting->limit, limit) != 0)
		return false;
	if (lifting->source == NULL)
		return true;
	return lifting->is_address ? prefix_covers(source, &lifting->prefix)
				   : prefix_compare(source, &lifting->prefix) == 0;
}

static bool lift_ban(void *arg, const struct dp_ban *ban)
{
	struct lifting *lifting = arg;
	char limit[64], source[PREFIX_TEXT_MAX];

	name_limit(lifting->pinned, ban->limit, limit);
	if (!is_wanted(lifting, limit, &ban->source))
		return false;
	offline_audit(lifting->cli, "limit %s: ban of %s lifted", limit,
		      prefix_format(&ban->source, source));
	lifting->lifted++;
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

/* Where the daemon would find them again. */
static int forget_kept(struct lifting *lifting)
{
	char directory[PATH_MAX];
	int r = dp_pinned_state_directory(lifting->pinned, directory, sizeof(directory));

	if (r == 0)
		r = ban_file_remove(directory, is_wanted, lifting);
	if (r == 0)
		return CLI_OK;
	cli_error("lifted in the pinned maps, but not in the state directory: %s",
		  r == -ENOENT ? "it is not known" : strerror(-r));
	cli_hint("after a reboot or a cold start lift it again");
	return CLI_FALSE;
}

static int finish_lift(struct lifting *lifting)
{
	const struct cli *cli = lifting->cli;

	if (lifting->source != NULL && lifting->lifted == 0) {
		cli_error("limit %s does not ban %s in the pinned maps", lifting->limit,
			  lifting->source);
		cli_hint("sluicectl ban list shows who is banned");
		return CLI_NOT_FOUND;
	}
	if (cli->is_json)
		fprintf(cli->view.out, "{\"lifted\":%u}\n", lifting->lifted);
	else
		fprintf(cli->view.out,
			"%u ban%s lifted; sluiced is not running: done in the pinned maps\n",
			lifting->lifted, lifting->lifted == 1 ? "" : "s");
	return forget_kept(lifting);
}

int offline_ban_lift(const struct cli *cli, const char *limit, const char *source)
{
	struct lifting lifting = {.cli = cli, .limit = limit, .source = source};
	struct dp_pinned *pinned;
	struct dp_node node;
	struct err e = {0};
	int r = check_source(&lifting);

	if (r == CLI_OK)
		r = offline_open(cli, &pinned, &node);
	if (r != CLI_OK)
		return r;
	lifting.pinned = pinned;
	r = offline_check_dead(cli, &node);
	if (r != CLI_OK) {
		dp_pinned_close(pinned);
		return r;
	}
	if (dp_pinned_bans(pinned, node.now_ns, lift_ban, &lifting, &e) != 0)
		r = explain(&e);
	else
		r = finish_lift(&lifting);
	dp_pinned_close(pinned);
	return r;
}
