/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The tables: everything that sluicectl understands. */
#include "cli/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/prefix.h"
#include "base/util.h"
#include "cli/run.h"
#include "core/host_name.h"
#include "core/prefix_set.h"
#include "core/shift.h"
#include "cli/text.h"

#define OPTION(name) (1ULL << OPTION_##name)

static const char *name_problem(const char *text)
{
	return util_name_is_valid(text) ? NULL
					: "a name: 1 to 63 of letters, digits, '.', '_' and '-'";
}

static const char *pool_problem(const char *text)
{
	return strcmp(text, "-") == 0 ? NULL : name_problem(text);
}

static const char *member_problem(const char *text)
{
	struct sluice_addr addr;
	uint16_t port;

	return addr_parse_endpoint(text, &addr, &port) == 0
		       ? NULL
		       : "ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT";
}

static const char *address_problem(const char *text)
{
	const char *hint;

	return !member_problem(text) || !host_name_problem(text, &hint)
		       ? NULL
		       : "ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT, or the NAME of a host";
}

/* Only what can be sent at all: the bounds are the daemon's to judge. */
static const char *number_problem(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && length <= 15 && text[length] == '\0' ? NULL
								  : "a whole number, 0 or more";
}

static const char *seconds_problem(const char *text)
{
	if (number_problem(text) != NULL || strlen(text) > 5 || atoi(text) == 0)
		return "seconds, 1 to 99999";
	return NULL;
}

static const char *interface_problem(const char *text)
{
	size_t length = strcspn(text, "/ \t\n");

	return length > 0 && length < 16 && text[length] == '\0'
		       ? NULL
		       : "the name of a network interface (1 to 15 characters)";
}

static const char *duration_problem(const char *text)
{
	uint64_t seconds;

	if (text_parse_duration(text, &seconds) != 0)
		return "a whole number and its unit: 30s, 15m, 2h";
	return seconds > 0 ? NULL : "long enough: 1s is the least";
}

static const char *const bypass_words[] = {"limits", "lists", "all", "none", "show", NULL};
/* One prefix or several with commas; what they say is checked here, so that the shell's user sees
 * the mistake at once. */
static const char *prefixes_problem(const char *text)
{
	const char *next;

	for (;; text = next + 1) {
		struct prefix prefix;

		next = strchr(text, ',');
		if (prefix_parse(text, next ? (size_t)(next - text) : strlen(text), &prefix, NULL))
			return "a prefix such as 192.0.2.0/24, or several with commas; no bits "
			       "beyond the length";
		if (!next)
			return NULL;
	}
}

static const char *source_problem(const char *text)
{
	struct prefix prefix;

	return prefix_parse(text, strlen(text), &prefix, NULL) == 0
		       ? NULL
		       : "ADDRESS, or ADDRESS/LENGTH with the limit's length";
}

static const char *comment_problem(const char *text)
{
	return strlen(text) <= PREFIX_COMMENT_MAX ? NULL : "at most 255 characters";
}

static const char *steps_problem(const char *text)
{
	struct shift_plan plan = {.hold_s = SHIFT_HOLD_DEFAULT_S};

	_Static_assert(SHIFT_STEPS_MAX == 16, "the text says so");
	return shift_parse_steps(text, &plan) && shift_plan_problem(&plan) == NULL
		       ? NULL
		       : "per cent, rising, with commas, 16 at most: " SHIFT_STEPS_DEFAULT;
}

static const char *const shift_words[] = {"show", "pause", "resume", "abort", "end", NULL};
static const char *const discovery_words[] = {"ready", "terminating", "not-ready", NULL};
static const char *const drained_words[] = {"drained", NULL};
static const char *const limit_modes[] = {"enforce", "shadow", "disabled", NULL};

const struct arg_def arg_defs[ARG_KIND_MAX] = {
	[ARG_SERVICE] = {"SERVICE", false, NULL, name_problem},
	[ARG_POOL] = {"POOL", false, NULL, pool_problem},
	[ARG_MEMBER] = {"MEMBER", false, NULL, member_problem},
	[ARG_ADDRESS] = {"ADDRESS", false, NULL, address_problem},
	[ARG_WEIGHT] = {"N", false, NULL, number_problem},
	[ARG_LIMIT] = {"LIMIT", false, NULL, name_problem},
	[ARG_MODE] = {"enforce|shadow|disabled", false, limit_modes, NULL},
	[ARG_LIST] = {"LIST", false, NULL, name_problem},
	[ARG_PREFIXES] = {"PREFIX[,PREFIX...]", false, NULL, prefixes_problem},
	[ARG_PREFIX_FILE] = {"FILE", false, NULL, NULL},
	[ARG_COMMENT] = {"TEXT", false, NULL, comment_problem},
	[ARG_FILE] = {"FILE", true, NULL, NULL},
	[ARG_INSTANCE] = {"NAME", false, NULL, name_problem},
	[ARG_PATH] = {"PATH", false, NULL, NULL},
	[ARG_NUMBER] = {"N", false, NULL, number_problem},
	[ARG_PACKET] = {"PACKET", false, NULL, NULL},
	[ARG_INTERFACE] = {"INTERFACE", false, NULL, NULL},
	[ARG_INTERFACES] = {"INTERFACE", true, NULL, interface_problem},
	[ARG_REPEAT] = {"...", true, NULL, NULL},
	[ARG_SECONDS] = {"SECONDS", false, NULL, seconds_problem},
	[ARG_DURATION] = {"DURATION", false, NULL, duration_problem},
	[ARG_BYPASS] = {"limits|lists|all|none|show", false, bypass_words, NULL},
	[ARG_VERDICT] = {"VERDICT", false, NULL, NULL},
	[ARG_PREFIX] = {"PREFIX", false, NULL, NULL},
	[ARG_LIMIT_OR_ALL] = {"LIMIT", true, NULL, name_problem},
	[ARG_LIMIT_SOURCE] = {"SOURCE", false, NULL, source_problem},
	[ARG_LIMIT_SOURCE_OR_ALL] = {"SOURCE", true, NULL, source_problem},
	[ARG_SHIFT_ACTION] = {"show|pause|resume|abort|end", true, shift_words, NULL},
	[ARG_STEPS] = {"PERCENT,...", false, NULL, steps_problem},
	[ARG_DISCOVERY] = {"ready|terminating|not-ready", false, discovery_words, NULL},
	[ARG_DRAINED] = {"drained", false, drained_words, NULL},
};

const struct option_def option_defs[OPTION_MAX] = {
	[OPTION_INSTANCE] = {"instance", 0, true, ARG_INSTANCE, "talk to this instance (default)"},
	[OPTION_SOCKET] = {"socket", 0, true, ARG_PATH,
			   "control socket (/run/sluice/INSTANCE/control.sock)"},
	[OPTION_JSON] = {"json", 0, true, ARG_NONE, "print the daemon's JSON document unchanged"},
	[OPTION_TIMEOUT] = {"timeout", 0, true, ARG_SECONDS, "wait this long for an answer (30)"},
	[OPTION_HELP] = {"help", 'h', true, ARG_NONE, "explain the command"},
	[OPTION_VERSION] = {"version", 0, true, ARG_NONE, "print the version of sluicectl"},
	[OPTION_VERBOSE] = {"verbose", 'v', false, ARG_NONE,
			    "show also what is left out otherwise"},
	[OPTION_POOL] = {"pool", 0, false, ARG_POOL, "pool; needed when the service has several"},
	[OPTION_WEIGHT] = {"weight", 0, false, ARG_WEIGHT, "weight, 0 to 65535 (100)"},
	[OPTION_SINCE] = {"since", 0, false, ARG_NUMBER, "only events after this sequence number"},
	[OPTION_FOLLOW] = {"follow", 'f', false, ARG_NONE, "keep printing events as they happen"},
	[OPTION_PRINT] = {"print", 0, false, ARG_NONE,
			  "print what would be written, and write nothing"},
	[OPTION_FORCE] = {"force", 0, false, ARG_NONE, "do what is refused by default"},
	[OPTION_SYN] = {"syn", 0, false, ARG_NONE, "TCP: opens a connection (default)"},
	[OPTION_ACK] = {"ack", 0, false, ARG_NONE, "TCP: belongs to an open connection"},
	[OPTION_BYTES] = {"bytes", 0, false, ARG_NUMBER,
			  "length of the IP packet (the shortest possible)"},
	[OPTION_INTERFACE] = {"interface", 0, false, ARG_INTERFACE,
			      "where it arrives (the first attached interface)"},
	[OPTION_CONFIG] = {"config", 0, false, ARG_PATH,
			   "configuration file (/etc/sluice/sluice.yaml)"},
	[OPTION_TTL] = {"ttl", 0, false, ARG_DURATION,
			"entries leave by themselves after this time: 30m, 1h, 7d"},
	[OPTION_COMMENT] = {"comment", 0, false, ARG_COMMENT, "why the entries are there"},
	[OPTION_WAIT] = {"wait", 0, false, ARG_NONE, "wait until it is confirmed or over"},
	[OPTION_CONFIRM_WITHIN] = {"confirm-within", 0, false, ARG_DURATION,
				   "go back after so long unless confirmed"},
	[OPTION_SLUICED] = {"sluiced", 0, false, ARG_PATH,
			    "the other build (the sluiced beside sluicectl)"},
	[OPTION_QUIET] = {"quiet", 0, false, ARG_DURATION,
			  "so long without a packet is enough (5s)"},
	[OPTION_PREFIX] = {"prefix", 0, false, ARG_NONE,
			   "by prefix: the next shorter of /24, /16, /8; "
			   "/64, /48, /32, /16"},
	[OPTION_PREFIX4] = {"prefix4", 0, false, ARG_NUMBER,
			    "an IPv4 source is a prefix of this length (32)"},
	[OPTION_PREFIX6] = {"prefix6", 0, false, ARG_NUMBER,
			    "an IPv6 source is a prefix of this length (64)"},
	[OPTION_REASON] = {"reason", 0, false, ARG_COMMENT, "why, for whoever comes next"},
	[OPTION_ALL_PACKETS] = {"all-packets", 0, false, ARG_NONE,
				"drop all its packets, also of connections that it has"},
	[OPTION_ALL] = {"all", 0, false, ARG_NONE, "all of them"},
	[OPTION_TO] = {"to", 0, false, ARG_POOL, "begin a shift to this pool"},
	[OPTION_STEPS] = {"steps", 0, false, ARG_STEPS,
			  "what it gets, step by step (" SHIFT_STEPS_DEFAULT ")"},
	[OPTION_HOLD] = {"hold", 0, false, ARG_DURATION, "how long each step holds (60s)"},
	[OPTION_SET] = {"set", 0, false, ARG_NUMBER, "give the pool so many per cent, and pause"},
	[OPTION_FOR] = {"for", 0, false, ARG_DURATION, "how long: 30s, 15m, 2h"},
	[OPTION_SERVICE] = {"service", 0, false, ARG_SERVICE, "only packets of this service"},
	[OPTION_VERDICT] = {"verdict", 0, false, ARG_VERDICT,
			    "only these: a verdict, or forward, answer, pass, drop"},
	[OPTION_SOURCE] = {"source", 0, false, ARG_PREFIX, "only from ADDRESS or ADDRESS/LENGTH"},
	[OPTION_MAX_PACKETS] = {"max", 0, false, ARG_NUMBER, "end after so many packets (100)"},
	[OPTION_WRITE] = {"write", 'w', false, ARG_PATH, "write pcapng to this file, - for stdout"},
	[OPTION_STOP] = {"stop", 0, false, ARG_NONE,
			 "end the capture that runs, whoever started it"},
};

const struct command_group command_groups[] = {
	{"service", "services: an address, port and protocol that packets are received for"},
	{"pool", "pools: named sets of members of a service"},
	{"member", "members: backends in a pool, their weight, health and maintenance"},
	{"wait", "wait until something is so"},
	{"limit", "limits: rates that each source may use"},
	{"ban", "bans: sources that a limit drops for a time"},
	{"list", "access lists: sources that are denied, exempt or allowed"},
	{"node", "this node: active, or on standby for another one"},
};
const size_t command_group_count = ARRAY_SIZE(command_groups);

const struct command commands[] = {
	{"status",
	 {ARG_NONE},
	 OPTION(VERBOSE),
	 "is everything well, and if not, why and what to do",
	 "Exit status 1 when the state is not OK. Rates are over 10 seconds. Members are shown "
	 "where a service is not well, or with --verbose.",
	 run_status},
	{"service list", {ARG_NONE}, 0, "list services", NULL, run_service_list},
	{"service show",
	 {ARG_SERVICE},
	 0,
	 "one service, its pools and members",
	 NULL,
	 run_service_show},
	{"pool list", {ARG_SERVICE}, 0, "list the pools of a service", NULL, run_pool_list},
	{"pool show",
	 {ARG_SERVICE, ARG_POOL},
	 0,
	 "one pool, its check and members",
	 "POOL may be '-' when the service has exactly one.",
	 run_pool_show},
	{"member list",
	 {ARG_SERVICE},
	 OPTION(POOL),
	 "list the members of a service",
	 NULL,
	 run_member_list},
	{"member show",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL),
	 "everything about one member",
	 NULL,
	 run_member_show},
	{"member add",
	 {ARG_SERVICE, ARG_ADDRESS},
	 OPTION(POOL) | OPTION(WEIGHT),
	 "add a member while running",
	 "The configuration file does not change. A member that is there already gets the weight. "
	 "The name of a host with one address stands for that, now and once; members that follow "
	 "their name are for the file.",
	 run_member_add},
	{"member remove",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL),
	 "remove a member while running",
	 "Its flows are cut: a warning says how many are known. Drain it first to keep them.",
	 run_member_remove},
	{"member weight",
	 {ARG_SERVICE, ARG_MEMBER, ARG_WEIGHT},
	 OPTION(POOL),
	 "set the weight of a member",
	 "Weight 0 gives it no new connections.",
	 run_member_weight},
	{"member drain",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL) | OPTION(FOR),
	 "give a member nothing new, and keep what it has",
	 "How many connections it still has is known once all that speak have been learned: see "
	 "member show. With --for those that are left after so long are cut, by the wall clock, "
	 "also after a restart or a reboot; without it there is no deadline. Draining again sets "
	 "another deadline or none; member ready takes it back.",
	 run_member_drain},
	{"member maint",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL),
	 "take a member out for maintenance",
	 "Its flows go to other members at once.",
	 run_member_maint},
	{"member ready",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL),
	 "end the maintenance or draining of a member",
	 NULL,
	 run_member_ready},
	{"member discovery",
	 {ARG_SERVICE, ARG_MEMBER, ARG_DISCOVERY},
	 OPTION(POOL),
	 "say what a controller that finds members knows of one",
	 "A member that is terminating serves only while nobody else does, one that is not ready "
	 "gets nothing new; connections stay in either case. Draining, maintenance and ejecting "
	 "are other people's, and go before.",
	 run_member_discovery},
	{"member eject",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL) | OPTION(REASON) | OPTION(FOR),
	 "take a member out, whatever its check says",
	 "It gets nothing new, and its connections stay; nothing but member restore, or the end of "
	 "--for, brings it back. Who, why and until when is shown, and outlives restarts.",
	 run_member_eject},
	{"member force",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL) | OPTION(REASON) | OPTION(FOR),
	 "put a member in, whatever its check says",
	 "It gets all of its weight though its check fails or its circuit is open, until member "
	 "restore or the end of --for. Maintenance, draining, discovery not-ready and a next hop "
	 "that is not reached go before.",
	 run_member_force},
	{"member restore",
	 {ARG_SERVICE, ARG_MEMBER},
	 OPTION(POOL),
	 "let check and circuit decide over a member again",
	 "Ends what member eject or member force began.",
	 run_member_restore},
	{"shift",
	 {ARG_SERVICE, ARG_SHIFT_ACTION},
	 OPTION(TO) | OPTION(STEPS) | OPTION(HOLD) | OPTION(SET),
	 "move a service from its pools to one of them, step by step",
	 "With --to a shift begins. Each step holds, and the next one is taken only if 80 % of the "
	 "pool's weight is admitted; when that fails twice in a row the pool gets nothing at once: "
	 "rolled_back. Connections stay where they are. abort takes everything back, end lets the "
	 "file's shares hold again. Without options, how far it has come. Survives restarts.",
	 run_shift},
	{"wait member",
	 {ARG_SERVICE, ARG_MEMBER, ARG_DRAINED},
	 OPTION(POOL) | OPTION(FOR),
	 "wait until a member has no connection left",
	 "Says what is left whenever that changes. With --for it gives up after so long, with exit "
	 "status 7.",
	 run_wait_member},
	{"limit list", {ARG_NONE}, 0, "list limits", NULL, run_limit_list},
	{"limit show",
	 {ARG_LIMIT},
	 OPTION(SOURCE),
	 "one limit and its counters, or one source of it",
	 "Limits hold for this node alone: two nodes admit twice the rate. With --source what the "
	 "source may do now, what it was refused, its ban.",
	 run_limit_show},
	{"limit top",
	 {ARG_LIMIT_OR_ALL},
	 OPTION(PREFIX) | OPTION(VERBOSE),
	 "who is refused most",
	 "Rates are over about 10 seconds, from samples: of a source that shares its place with "
	 "others they are at least so high. The 20 loudest; -v shows up to 64.",
	 run_limit_top},
	{"limit mode",
	 {ARG_LIMIT, ARG_MODE},
	 0,
	 "enforce, only count, or disable a limit",
	 "In shadow mode nothing is refused; what would be is counted.",
	 run_limit_mode},
	{"limit suggest",
	 {ARG_SERVICE},
	 OPTION(FOR) | OPTION(PREFIX4) | OPTION(PREFIX6),
	 "measure what sources send, and print a limit that refuses none",
	 "For 60 seconds, or --for (1h at most); an interrupt ends it with what there is. Measured "
	 "before limits refuse. Choose a busy hour without an attack.",
	 run_limit_suggest},
	{"ban list",
	 {ARG_NONE},
	 0,
	 "who is banned, by which limit, why and how long",
	 "Works without the daemon, as root; then without reasons.",
	 run_ban_list},
	{"ban add",
	 {ARG_LIMIT, ARG_LIMIT_SOURCE},
	 OPTION(FOR) | OPTION(REASON) | OPTION(ALL_PACKETS),
	 "ban a source of a limit for a time",
	 "What opens connections to services with this limit is dropped; connections that exist go "
	 "on. 10 minutes unless --for says otherwise, 30 days at most. A source is what it is to "
	 "the limit: with a limit of /24 the whole /24 is banned. To deny any prefix: list add.",
	 run_ban_add},
	{"ban lift",
	 {ARG_LIMIT_OR_ALL, ARG_LIMIT_SOURCE_OR_ALL},
	 OPTION(ALL),
	 "lift the ban of a source, or with --all every ban",
	 "With LIMIT and --all those of the limit. Works without the daemon, as root.",
	 run_ban_lift},
	{"list list", {ARG_NONE}, 0, "list access lists", NULL, run_list_list},
	{"list show",
	 {ARG_LIST},
	 0,
	 "one access list, its counters and entries",
	 "With --json the entries are under list.",
	 run_list_show},
	{"list add",
	 {ARG_LIST, ARG_PREFIXES},
	 OPTION(TTL) | OPTION(COMMENT) | OPTION(FORCE),
	 "add prefixes to a list while running",
	 "The configuration file does not change. A prefix that was added before gets the new time "
	 "and comment. For a deny list, a prefix that covers this host, its gateways, members, "
	 "management prefixes or your own address, or is shorter than /8 (IPv6: /16), needs "
	 "--force.",
	 run_list_add},
	{"list remove",
	 {ARG_LIST, ARG_PREFIXES},
	 0,
	 "remove prefixes that commands added",
	 "What the configuration lists is removed there.",
	 run_list_remove},
	{"list import",
	 {ARG_LIST, ARG_PREFIX_FILE},
	 OPTION(TTL) | OPTION(COMMENT) | OPTION(FORCE),
	 "add all prefixes of a file",
	 "One prefix a line; # and ; begin a comment; - is standard input. A line that is no "
	 "prefix is named, and nothing is added.",
	 run_list_import},
	{"list replace",
	 {ARG_LIST, ARG_PREFIX_FILE},
	 OPTION(TTL) | OPTION(COMMENT) | OPTION(FORCE),
	 "replace what commands added by a file",
	 "At once: no packet meets a list in between. What the configuration lists stays.",
	 run_list_replace},
	{"where",
	 {ARG_PACKET},
	 OPTION(SYN) | OPTION(ACK) | OPTION(BYTES) | OPTION(INTERFACE),
	 "where a packet would go, and why",
	 "Runs the loaded program on a packet like 'tcp 198.51.100.7:4711 > 192.0.2.10:443', "
	 "without counting or charging anything. udp takes ports, too, icmp none; an IPv6 address "
	 "with a port has brackets. Exit status 1 when the packet would be dropped.",
	 run_where},
	{"node show",
	 {ARG_NONE},
	 0,
	 "this node's role, and what it announces",
	 NULL,
	 run_node_show},
	{"node active",
	 {ARG_NONE},
	 0,
	 "answer ARP and ND for services, install their routes",
	 "Gratuitous ARP and neighbour advertisements are sent, so that neighbours come here. Does "
	 "nothing when the node is active already. For scripts that keepalived calls.",
	 run_node_active},
	{"node standby",
	 {ARG_NONE},
	 0,
	 "answer no ARP or ND, withdraw routes",
	 "Packets that still arrive are balanced. The role outlives the daemon, but not a detach. "
	 "Works without the daemon, as root.",
	 run_node_standby},
	{"node drain",
	 {ARG_NONE},
	 OPTION(FOR) | OPTION(QUIET),
	 "as standby, and wait until no traffic comes any more",
	 "Waits until no packet for a service has come for 5 seconds, or --quiet; says how it "
	 "goes. Those that still come are balanced. With --for it gives up waiting after so long, "
	 "with exit status 7; the node stays on standby. node active takes it back.",
	 run_node_drain},
	{"bypass",
	 {ARG_BYPASS},
	 OPTION(FOR),
	 "refuse nothing for a while: only count what would be refused",
	 "Balancing goes on. Effective at once, for 15 minutes unless --for says otherwise, 24 "
	 "hours at most; ends by itself, also when the daemon is dead. none ends it now, show "
	 "tells what is on. Works without the daemon, as root.",
	 run_bypass},
	{"capture",
	 {ARG_NONE},
	 OPTION(SERVICE) | OPTION(VERDICT) | OPTION(SOURCE) | OPTION(MAX_PACKETS) | OPTION(FOR) |
		 OPTION(WRITE) | OPTION(STOP),
	 "packets as they arrive, and what becomes of them",
	 "Also those that are sent on or dropped, which tcpdump on this node does not see. Ends "
	 "after 10 seconds unless --for says otherwise (at most 5m), after --max packets, or when "
	 "interrupted. At most 1,000 a second and CPU; the first 256 bytes of each. A file has the "
	 "verdict as each packet's comment. One capture at a time; it ends when nobody has read it "
	 "for 5 seconds, or by --stop.",
	 run_capture},
	{"stats",
	 {ARG_NONE},
	 OPTION(VERBOSE),
	 "packets by verdict since the maps were made",
	 "Every packet received was forwarded, answered, passed or dropped, for a reason. Verdicts "
	 "without packets are shown with --verbose.",
	 run_stats},
	{"events",
	 {ARG_NONE},
	 OPTION(SINCE) | OPTION(FOLLOW),
	 "what changed, newest last",
	 "With --json --follow one JSON object a line.",
	 run_events},
	{"metrics", {ARG_NONE}, 0, "Prometheus text", NULL, run_metrics},
	{"version",
	 {ARG_NONE},
	 0,
	 "versions of sluicectl and of the running sluiced",
	 NULL,
	 run_version},
	{"check",
	 {ARG_FILE},
	 0,
	 "check a configuration file; needs no daemon",
	 "Without FILE it is the one that the running sluiced reads, else "
	 "/etc/sluice/sluice.yaml; - is what comes in. Every mistake is printed at once, with its "
	 "line; exit status 1 when there is one.",
	 run_check},
	{"doctor",
	 {ARG_INTERFACES, ARG_REPEAT},
	 OPTION(CONFIG) | OPTION(VERBOSE),
	 "what would go wrong on this host, each with its fix",
	 "Looks at the kernel, the interfaces (INTERFACE, or those of the configuration) and the "
	 "ways "
	 "to the members; changes nothing, sends nothing, needs no daemon. As root it sees more. "
	 "Exit status 1 when something is an error: then attaching would fail or do harm. "
	 "--verbose also explains what is fine.",
	 run_doctor},
	{"upgrade-check",
	 {ARG_NONE},
	 OPTION(SLUICED) | OPTION(CONFIG),
	 "whether another build of sluiced adopts what runs",
	 "Upgrade or downgrade: says before the other build is started whether it adopts the maps, "
	 "needs a cold start, and what that loses, or would not start. Asks the running sluiced; "
	 "as root also the pinned maps, for which no daemon is needed. Exit status 0: it adopts, "
	 "or nothing is there; 1: only a cold start will do; 6: it would not start.",
	 run_upgrade_check},
	{"diff",
	 {ARG_NONE},
	 0,
	 "what runs, against what the files say",
	 "First what commands changed, then what a reload of the files on the disk would change, "
	 "or why it would be refused. Exit status 1 when there is anything.",
	 run_diff},
	{"save",
	 {ARG_NONE},
	 OPTION(PRINT),
	 "write what commands changed into a drop-in",
	 "Writes 90-runtime.yaml anew in the folder of drop-ins (/etc/sluice/sluice.d), so that "
	 "the files say what runs, and reloads.",
	 run_save},
	{"reload",
	 {ARG_NONE},
	 OPTION(FORCE) | OPTION(CONFIRM_WITHIN),
	 "read the configuration file again",
	 "A file with mistakes changes nothing. With --confirm-within the configuration before it "
	 "comes back unless you confirm.",
	 run_reload},
	{"try",
	 {ARG_FILE},
	 OPTION(FOR) | OPTION(WAIT) | OPTION(FORCE),
	 "balance with a file, on trial: ends by itself unless you confirm",
	 "FILE is as with check; 60 s unless given. Without a running daemon starts one, as root, "
	 "that detaches; with one, the configuration before it comes "
	 "back. The end comes even when the daemon is killed: then everything is passed to this "
	 "host.",
	 run_try},
	{"confirm", {ARG_NONE}, 0, "keep what is on trial", NULL, run_confirm},
	{"undo", {ARG_NONE}, 0, "end the trial now, and have it as before", NULL, run_undo},
	{"detach",
	 {ARG_NONE},
	 0,
	 "stop balancing, as if never installed",
	 "Takes the program off every interface and removes pinned maps. Works without the daemon, "
	 "as root.",
	 run_detach},
};
const size_t command_count = ARRAY_SIZE(commands);
