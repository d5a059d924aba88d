/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Maintenance of a member without the daemon: one word in the pinned maps. */
#include <arpa/inet.h>
#include <string.h>

#include <sluice/map_types.h>

#include "base/addr.h"
#include "base/util.h"
#include "cli/cli.h"
#include "cli/offline.h"
#include "dataplane/pinned.h"

#define NAME_BYTES 64

struct wanted {
	const char *service, *pool; /* pool NULL: any */
	struct sluice_addr addr;
	uint16_t port; /* 0: any */
};

static const struct sluice_service *find_service(const struct dp_pinned *pinned, const char *name)
{
	char text[NAME_BYTES];

	for (uint32_t cell = 0; cell < pinned->services.count; cell++) {
		const struct sluice_service *service = dp_pinned_service(pinned, cell);

		if (service != NULL &&
		    dp_pinned_name(pinned, SLUICE_NAME_SERVICE, service->id, 0, text) &&
		    strcmp(text, name) == 0)
			return service;
	}
	return NULL;
}

static bool is_any_pool(const struct wanted *wanted)
{
	return wanted->pool == NULL || strcmp(wanted->pool, "-") == 0;
}

static bool has_pool(const struct dp_pinned *pinned, uint32_t service, const char *name)
{
	char text[NAME_BYTES];

	for (uint32_t p = 0; dp_pinned_name(pinned, SLUICE_NAME_POOL, service, p, text); p++)
		if (strcmp(text, name) == 0)
			return true;
	return false;
}

static bool is_wanted(const struct dp_pinned *pinned, const struct sluice_member *member,
		      uint32_t service, const struct wanted *wanted)
{
	char pool[NAME_BYTES];

	if (member == NULL || member->service != service ||
	    !addr_equal(&member->addr, &wanted->addr) ||
	    (wanted->port != 0 && ntohs(member->port_be) != wanted->port))
		return false;
	dp_pinned_name(pinned, SLUICE_NAME_POOL, service, member->pool, pool);
	return is_any_pool(wanted) || strcmp(wanted->pool, pool) == 0;
}

/* The only one that fits; CLI_OK, or an exit code after saying why there is none. */
static int find(const struct dp_pinned *pinned, const struct wanted *wanted,
		struct sluice_member **ret_member)
{
	const struct sluice_service *service = find_service(pinned, wanted->service);
	struct sluice_member *found = NULL;
	char address[ADDR_TEXT_MAX];
	int count = 0;

	if (service == NULL) {
		cli_error("no service %s in the pinned maps", wanted->service);
		cli_hint("sluicectl status -v lists what is there");
		return CLI_NOT_FOUND;
	}
	if (!is_any_pool(wanted) && !has_pool(pinned, service->id, wanted->pool)) {
		cli_error("no pool %s in service %s", wanted->pool, wanted->service);
		cli_hint("sluicectl status -v lists what is there");
		return CLI_NOT_FOUND;
	}
	for (uint32_t i = 1; i < pinned->members.count; i++) {
		struct sluice_member *member = dp_pinned_member(pinned, i);

		if (!is_wanted(pinned, member, service->id, wanted))
			continue;
		found = member;
		count++;
	}
	addr_format(&wanted->addr, address);
	/* As the daemon has it: a port is the service's, or a mistake. */
	if (wanted->port != 0 && wanted->port != ntohs(service->port_be)) {
		cli_error("port %u: members of %s have its port, %u", wanted->port, wanted->service,
			  ntohs(service->port_be));
		cli_hint("leave the port out");
		return CLI_FALSE;
	}
	if (count == 1) {
		*ret_member = found;
		return CLI_OK;
	}
	if (count == 0)
		cli_error("no member %s of %s in the pinned maps", address, wanted->service);
	else
		cli_error("%s is in several pools of %s", address, wanted->service);
	cli_hint(count == 0 ? "sluicectl status -v lists what is there" : "name one with --pool");
	return count == 0 ? CLI_NOT_FOUND : CLI_USAGE;
}

static void store(struct sluice_member *member, uint64_t word)
{
	__atomic_store_n(&member->word, word, __ATOMIC_RELEASE);
}

/* Entries of flows name the epoch: a death makes them all stale at once, as with the daemon. */
static uint64_t next_epoch(uint64_t word)
{
	uint64_t epoch = (SLUICE_MEMBER_EPOCH(word) + 1) & 0xff;

	return (word & ~(0xffULL << 28)) | epoch << 28;
}

/* Returns what to say. */
static const char *take_out(struct sluice_member *member)
{
	uint64_t word = member->word;

	if (word & SLUICE_MEMBER_F_MAINT)
		return "in maintenance already";
	if (word & SLUICE_MEMBER_F_DEAD)
		word |= SLUICE_MEMBER_F_WAS_DEAD;
	else
		word = next_epoch(word) | SLUICE_MEMBER_F_DEAD;
	store(member, word | SLUICE_MEMBER_F_MAINT | SLUICE_MEMBER_F_OFFLINE);
	return "in maintenance; others have its flows, and the next sluiced keeps it so";
}

static const char *make_ready(struct sluice_member *member)
{
	const uint64_t maintenance = SLUICE_MEMBER_F_MAINT | SLUICE_MEMBER_F_WAS_DEAD;
	uint64_t word = member->word;
	bool was_ours = word & SLUICE_MEMBER_F_OFFLINE;

	if (!(word & SLUICE_MEMBER_F_MAINT))
		return word & SLUICE_MEMBER_F_DEAD
			       ? "not in maintenance, but out since before sluiced ended: only "
				 "sluiced can tell whether it is well"
			       : "not in maintenance";
	if (word & SLUICE_MEMBER_F_WAS_DEAD) {
		store(member, (word & ~maintenance) | SLUICE_MEMBER_F_OFFLINE);
		return "not in maintenance any more, but it was out before: only sluiced can tell "
		       "whether it is well";
	}
	/* What sluiced took out has no slots any more, and it may have been down besides. */
	if (was_ours)
		word &= ~SLUICE_MEMBER_F_DEAD;
	store(member, (word & ~maintenance) | SLUICE_MEMBER_F_OFFLINE);
	if (word & SLUICE_MEMBER_F_DRAIN)
		return "not in maintenance any more, but draining: it gets nothing new";
	return was_ours ? "ready: it serves again"
			: "ready, but it gets traffic only when sluiced runs again";
}

static int change(const struct cli *cli, const struct dp_pinned *pinned, const struct dp_node *node,
		  bool is_maint)
{
	struct wanted wanted = {.service = cli_arg(cli, 0), .pool = cli_option(cli, OPTION_POOL)};
	struct sluice_member *member;
	char address[ADDR_TEXT_MAX];
	const char *said;
	uint64_t before;
	int r;

	r = offline_check_dead(cli, node);
	if (r != CLI_OK)
		return r;
	addr_parse_endpoint(cli_arg(cli, 1), &wanted.addr, &wanted.port);
	r = find(pinned, &wanted, &member);
	if (r != CLI_OK)
		return r;
	if (!is_maint && (member->word & (SLUICE_MEMBER_F_DRAIN | SLUICE_MEMBER_F_MAINT)) ==
				 SLUICE_MEMBER_F_DRAIN) {
		cli_error("%s of %s is draining, which only sluiced can end", cli_arg(cli, 1),
			  wanted.service);
		cli_hint("start it, and try again");
		return CLI_FALSE;
	}
	before = member->word;
	said = is_maint ? take_out(member) : make_ready(member);
	addr_format(&member->addr, address);
	if (member->word != before)
		offline_audit(cli, "%s/%s: %s -> %s", wanted.service, address,
			      before & SLUICE_MEMBER_F_MAINT ? "maint" : "ready",
			      is_maint ? "maint" : "ready");
	if (cli->is_json) {
		json_t *document = json_pack(
			"{s:s, s:s, s:b, s:b, s:s}", "service", wanted.service, "address", address,
			"is_maint", (member->word & SLUICE_MEMBER_F_MAINT) != 0, "is_out",
			(member->word & SLUICE_MEMBER_F_DEAD) != 0, "text", said);

		json_dumpf(document, cli->view.out, JSON_COMPACT);
		fputc('\n', cli->view.out);
		json_decref(document);
	} else {
		fprintf(cli->view.out, "%s %s: %s (in the pinned maps; sluiced is not running)\n",
			wanted.service, address, said);
	}
	return CLI_OK;
}

int offline_member(const struct cli *cli, bool is_maint)
{
	struct dp_pinned *pinned;
	struct dp_node node;
	int r = offline_open(cli, &pinned, &node);

	if (r != CLI_OK)
		return r;
	r = change(cli, pinned, &node, is_maint);
	dp_pinned_close(pinned);
	return r;
}
