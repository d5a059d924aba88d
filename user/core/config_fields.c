/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table itself: a row a key. */
#include "core/config_schema.h"

#include "core/config.h"
#include "core/config_probe.h"
#include "core/limit_exceptions.h"
#include "core/ramp.h"

#define AT(type, member) offsetof(struct type, member), sizeof(((struct type *)0)->member)
#define CHECK_AT(member) AT(check_reading, member)
#define DETAIL_AT(member) AT(check_reading, details.member)
#define LATER "comes with a later version"

static const struct config_word XDP_WORDS[] = {
	{"native", XDP_ATTACH_NATIVE, NULL},
	{"generic", XDP_ATTACH_GENERIC, NULL},
	{"auto", XDP_ATTACH_AUTO, NULL},
	{},
};

static const struct config_word SHARED_WORDS[] = {
	{"never", XDP_SHARED_NEVER, NULL},
	{"join", XDP_SHARED_JOIN, NULL},
	{"always", XDP_SHARED_ALWAYS, NULL},
	{},
};

static const struct config_word ANNOUNCE_WORDS[] = {
	{"arp", ANNOUNCE_ARP, NULL},
	{"route", ANNOUNCE_ROUTE, NULL},
	{"none", ANNOUNCE_NONE, NULL},
	{},
};

static const struct config_word START_WORDS[] = {
	{"active", false, NULL},
	{"standby", true, NULL},
	{},
};

static const struct config_word STOP_WORDS[] = {
	{"withdraw", false, NULL},
	{"keep", true, NULL},
	{},
};

static const struct config_word MODE_WORDS[] = {
	{"l2", SLUICE_MODE_L2, NULL},
	{"dr", SLUICE_MODE_L2, NULL},
	{"ipip", SLUICE_MODE_IPIP, NULL},
	{"gue", SLUICE_MODE_GUE, NULL},
	{"local", SLUICE_MODE_LOCAL, NULL},
	{"nat", 0, LATER ": use l2 or ipip"},
	{},
};

static const struct config_word POOL_MODE_WORDS[] = {
	{"l2", SLUICE_MODE_L2, NULL},
	{"dr", SLUICE_MODE_L2, NULL},
	{"ipip", SLUICE_MODE_IPIP, NULL},
	{"gue", SLUICE_MODE_GUE, NULL},
	{"local", 0, "is for a whole service, which then has no pools"},
	{"nat", 0, LATER ": use l2 or ipip"},
	{},
};

static const struct config_word UNKNOWN_PORT_WORDS[] = {
	{"drop", false, NULL},
	{"pass", true, NULL},
	{},
};

static const struct config_word ADMIN_WORDS[] = {
	{"ready", ADMIN_READY, NULL},
	{"drain", ADMIN_DRAIN, NULL},
	{"maint", ADMIN_MAINT, NULL},
	{"absent", CONFIG_ADMIN_ABSENT, NULL},
	{},
};

static const struct config_word CHECK_WORDS[] = {
	{"tcp", CHECK_TCP, NULL},   {"http", CHECK_HTTP, NULL}, {"https", CHECK_HTTPS, NULL},
	{"udp", CHECK_UDP, NULL},   {"dns", CHECK_DNS, NULL},	{"icmp", CHECK_ICMP, NULL},
	{"exec", CHECK_EXEC, NULL}, {"none", CHECK_NONE, NULL}, {},
};

static const struct config_word METHOD_WORDS[] = {
	{"GET", CHECK_GET, NULL},
	{"HEAD", CHECK_HEAD, NULL},
	{"OPTIONS", CHECK_OPTIONS, NULL},
	{},
};

static const struct config_word RECORD_WORDS[] = {
	{"A", 1, NULL},	    {"NS", 2, NULL},
	{"CNAME", 5, NULL}, {"SOA", 6, NULL},
	{"PTR", 12, NULL},  {"MX", 15, NULL},
	{"TXT", 16, NULL},  {"AAAA", 28, NULL},
	{"SRV", 33, NULL},  {},
};

static const struct config_word RCODE_WORDS[] = {
	{"NOERROR", 0, NULL},
	{"FORMERR", 1, NULL},
	{"SERVFAIL", 2, NULL},
	{"NXDOMAIN", 3, NULL},
	{"NOTIMP", 4, NULL},
	{"REFUSED", 5, NULL},
	{},
};

static const struct config_word VERIFY_WORDS[] = {
	{"enabled", false, NULL},
	{"disabled", true, NULL},
	{},
};

static const struct config_word VIA_WORDS[] = {
	{"path", CHECK_VIA_PATH, NULL},
	{"member", CHECK_VIA_MEMBER, NULL},
	{},
};

static const struct config_word CIRCUIT_WORDS[] = {
	{"enabled", true, NULL},
	{"disabled", false, NULL},
	{},
};

static const struct config_word PASSIVE_WORDS[] = {
	{"observe", PASSIVE_MODE_OBSERVE, NULL},
	{"suspect", PASSIVE_MODE_SUSPECT, NULL},
	{"disabled", PASSIVE_MODE_DISABLED, NULL},
	{},
};

static const struct config_word ON_DOWN_WORDS[] = {
	{"announce", false, NULL},
	{"withdraw", true, NULL},
	{},
};

static const struct config_word PANIC_WORDS[] = {
	{"readmit", false, NULL},
	{"drop", true, NULL},
	{},
};

static const struct config_word COUNT_WORDS[] = {
	{"packets", SLUICE_COUNT_PACKETS, NULL},
	{"new-connections", SLUICE_COUNT_NEW_CONNECTIONS, NULL},
	{"bytes", SLUICE_COUNT_BYTES, NULL},
	{},
};

static const struct config_word LIMIT_MODE_WORDS[] = {
	{"enforce", SLUICE_LIMIT_ENFORCE, NULL},
	{"shadow", SLUICE_LIMIT_SHADOW, NULL},
	{"disabled", SLUICE_LIMIT_DISABLED, NULL},
	{},
};

static const struct config_word SCOPE_WORDS[] = {
	{"service", LIMIT_SCOPE_SERVICE, NULL},
	{"services", LIMIT_SCOPE_SERVICES, NULL},
	{"everything", LIMIT_SCOPE_EVERYTHING, NULL},
	{},
};

static const struct config_word OVERLOAD_WORDS[] = {
	{"open", false, NULL},
	{"closed", true, NULL},
	{},
};

static const struct config_word REPLY_WORDS[] = {
	{"enabled", true, NULL},
	{"disabled", false, NULL},
	{},
};

static const struct config_word BAN_WORDS[] = {
	{"new", false, NULL},
	{"all", true, NULL},
	{},
};

static const struct config_word LIST_WORDS[] = {
	{"deny", LIST_DENY, NULL},
	{"exempt", LIST_EXEMPT, NULL},
	{"allow", LIST_ALLOW, NULL},
	{},
};

static const struct config_word AFFINITY_WORDS[] = {
	{"hash", AFFINITY_HASH, NULL},
	{"source", AFFINITY_SOURCE, NULL},
	{"track", AFFINITY_TRACK, NULL},
	{"window", AFFINITY_WINDOW, NULL},
	{"quic", 0, LATER ": use source, or track"},
	{},
};

static const struct config_word GUARD_WORDS[] = {
	{"enabled", false, NULL},
	{"disabled", true, NULL},
	{},
};

const struct config_field CONFIG_FIELDS[] = {
	/* the file itself */
	{CONFIG_SECTION_ROOT, "version", CONFIG_TYPE_NUMBER, .min = 1, .max = 1,
	 .flags = CONFIG_REQUIRED, .help = "version of this language"},
	{CONFIG_SECTION_ROOT, "instance", CONFIG_TYPE_NAME, AT(config, instance),
	 .fallback = "default", .help = "separates pins, sockets and state of daemons on one host"},
	{CONFIG_SECTION_ROOT, "interfaces", CONFIG_TYPE_INTERFACES, .min = 1,
	 .max = CONFIG_INTERFACES_MAX, .flags = CONFIG_REQUIRED,
	 .help = "interfaces that receive the traffic of the services"},
	{CONFIG_SECTION_ROOT, "xdp", CONFIG_TYPE_WORD, AT(config, xdp_mode), .fallback = "native",
	 .words = XDP_WORDS, .help = "how the program attaches"},
	{CONFIG_SECTION_ROOT, "xdp_shared", CONFIG_TYPE_WORD, AT(config, sharing),
	 .fallback = "never", .words = SHARED_WORDS,
	 .help = "whether it runs beside other programs, under libxdp's dispatcher"},
	{CONFIG_SECTION_ROOT, "announce", CONFIG_TYPE_WORD, AT(config, announce),
	 .fallback = "none", .words = ANNOUNCE_WORDS,
	 .help = "who makes service addresses reachable"},
	{CONFIG_SECTION_ROOT, "node", CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_NODE,
	 .help = "this node's role among others"},
	{CONFIG_SECTION_ROOT, "routes", CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_ROUTES,
	 .help = "where announce: route puts its routes"},
	{CONFIG_SECTION_ROOT, "hash_seed", CONFIG_TYPE_SEED, AT(config, hash_seed),
	 .help = "secret of the hashes; equal on balancers that must agree"},
	{CONFIG_SECTION_ROOT, "metrics", CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_METRICS,
	 .help = "Prometheus metrics"},
	{CONFIG_SECTION_ROOT, "access", CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_ACCESS,
	 .help = "groups that may use the control socket"},
	{CONFIG_SECTION_ROOT, "outer_source", CONFIG_TYPE_SECTION,
	 .child = CONFIG_SECTION_OUTER_SOURCE, .help = "source address of tunnel packets"},
	{CONFIG_SECTION_ROOT, "events_per_second", CONFIG_TYPE_NUMBER, AT(config, events_per_s),
	 .max = 100000, .fallback = "100", .help = "sampled drop events a CPU; 0: none"},
	{CONFIG_SECTION_ROOT, "resolve", CONFIG_TYPE_DURATION, AT(config, resolve_ms), .min = 5000,
	 .max = 3600000, .fallback = "30s",
	 .help = "how often host names of members are looked up"},
	{CONFIG_SECTION_ROOT, "capacity", CONFIG_TYPE_SECTION, offsetof(struct config, capacity),
	 .child = CONFIG_SECTION_CAPACITY, .help = "sizes of the tables in the kernel"},
	{CONFIG_SECTION_ROOT, "flows", CONFIG_TYPE_SECTION, offsetof(struct config, flows),
	 .child = CONFIG_SECTION_FLOWS, .help = "how connections are kept through changes"},
	{CONFIG_SECTION_ROOT, "services", CONFIG_TYPE_NAMED, .flags = CONFIG_REQUIRED,
	 .child = CONFIG_SECTION_SERVICE, .help = "services by name; {} for none"},
	{CONFIG_SECTION_ROOT, "limits", CONFIG_TYPE_NAMED, .child = CONFIG_SECTION_LIMIT,
	 .help = "limits by name"},
	{CONFIG_SECTION_ROOT, "management", CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_MANAGEMENT,
	 .help = "sources that are never denied or limited"},
	{CONFIG_SECTION_ROOT, "lists", CONFIG_TYPE_NAMED, .child = CONFIG_SECTION_LIST,
	 .help = "access lists by name"},

	{CONFIG_SECTION_NODE, "start", CONFIG_TYPE_WORD, AT(config, is_standby_first),
	 .fallback = "active", .words = START_WORDS, .help = "its role when it starts cold"},

	{CONFIG_SECTION_ROUTES, "table", CONFIG_TYPE_NUMBER, AT(config, route_table), .min = 1,
	 .max = UINT32_MAX, .fallback = "201", .help = "routing table; no rule may point at it"},
	{CONFIG_SECTION_ROUTES, "protocol", CONFIG_TYPE_NUMBER, AT(config, route_protocol),
	 .min = 5, .max = 255, .fallback = "201", .help = "marks the routes as this instance's"},
	{CONFIG_SECTION_ROUTES, "stop", CONFIG_TYPE_WORD, AT(config, is_route_kept),
	 .fallback = "withdraw", .words = STOP_WORDS, .help = "routes when the daemon stops"},

	{CONFIG_SECTION_METRICS, "listen", CONFIG_TYPE_METRICS_LISTEN, AT(config, metrics_listen),
	 .fallback = "127.0.0.1:9464", .help = "where the metrics are served over HTTP"},

	{CONFIG_SECTION_ACCESS, "admin", CONFIG_TYPE_GROUP, AT(config, admin_group),
	 .help = "may do everything; root always may"},
	{CONFIG_SECTION_ACCESS, "operator", CONFIG_TYPE_GROUP, AT(config, operator_group),
	 .help = "may change members and limits"},
	{CONFIG_SECTION_ACCESS, "viewer", CONFIG_TYPE_GROUP, AT(config, viewer_group),
	 .help = "may read; without it everybody who can connect may"},

	{CONFIG_SECTION_OUTER_SOURCE, "ipv4", CONFIG_TYPE_ADDRESS4, AT(config, outer_source4),
	 .help = "for IPv4 tunnels; without it chosen by route"},
	{CONFIG_SECTION_OUTER_SOURCE, "ipv6", CONFIG_TYPE_ADDRESS6, AT(config, outer_source6),
	 .help = "for IPv6 tunnels; without it chosen by route"},

	{CONFIG_SECTION_CAPACITY, "service_cells", CONFIG_TYPE_NUMBER,
	 AT(capacity_config, service_cells), .min = 64, .max = 1U << 20, .fallback = "16384",
	 .flags = CONFIG_POWER_OF_TWO, .help = "a service takes one, and each of its addresses"},
	{CONFIG_SECTION_CAPACITY, "slots", CONFIG_TYPE_NUMBER, AT(capacity_config, slots),
	 .min = 1U << SLUICE_SLOTS_LOG2_MIN, .max = 1U << 26, .fallback = "4194304",
	 .flags = CONFIG_POWER_OF_TWO, .help = "slots of all services; 12 bytes each"},
	{CONFIG_SECTION_CAPACITY, "members", CONFIG_TYPE_NUMBER, AT(capacity_config, members),
	 .min = 16, .max = 1U << 20, .fallback = "65536", .help = "members of all services"},
	{CONFIG_SECTION_CAPACITY, "limit_sources", CONFIG_TYPE_NUMBER,
	 AT(capacity_config, limit_sources), .min = 1024, .max = 1U << 28, .fallback = "4194304",
	 .flags = CONFIG_POWER_OF_TWO, .help = "sources of all limits; 8 bytes each"},

	{CONFIG_SECTION_CAPACITY, "flows", CONFIG_TYPE_NUMBER, AT(capacity_config, flows),
	 .min = 1024, .max = 1U << 26, .fallback = "262144", .flags = CONFIG_POWER_OF_TWO,
	 .help = "connections kept where they are during changes; 16 bytes each"},
	{CONFIG_SECTION_CAPACITY, "pending_flows", CONFIG_TYPE_NUMBER,
	 AT(capacity_config, pending_flows), .min = 1024, .max = 1U << 26, .fallback = "65536",
	 .flags = CONFIG_POWER_OF_TWO, .help = "connections that open during changes; 16 bytes"},
	{CONFIG_SECTION_CAPACITY, "tracked_flows", CONFIG_TYPE_NUMBER,
	 AT(capacity_config, tracked_flows), .min = 1024, .max = 1U << 26, .fallback = "262144",
	 .flags = CONFIG_POWER_OF_TWO,
	 .help = "flows of all services with affinity track; 16 bytes each"},

	{CONFIG_SECTION_FLOWS, "pre", CONFIG_TYPE_DURATION, AT(flows_config, pre_ms), .max = 60000,
	 .fallback = "3s", .help = "from the announcement of a change to the change"},
	{CONFIG_SECTION_FLOWS, "pending_life", CONFIG_TYPE_DURATION,
	 AT(flows_config, pending_life_s), .min = 2000, .max = 60000, .fallback = "10s",
	 .flags = CONFIG_SECONDS, .help = "from a connection's SYN to its next packet"},
	{CONFIG_SECTION_FLOWS, "closing_life", CONFIG_TYPE_DURATION,
	 AT(flows_config, closing_life_s), .min = 1000, .max = 600000, .fallback = "60s",
	 .flags = CONFIG_SECONDS, .help = "of a connection after its FIN or RST"},
	{CONFIG_SECTION_FLOWS, "refresh", CONFIG_TYPE_DURATION, AT(flows_config, refresh_s),
	 .min = 1000, .max = 60000, .fallback = "4s", .flags = CONFIG_SECONDS,
	 .help = "how often a connection's time is written"},
	{CONFIG_SECTION_FLOWS, "overwrite", CONFIG_TYPE_DURATION, AT(flows_config, overwrite_s),
	 .min = 1000, .max = 3600000, .fallback = "120s", .flags = CONFIG_SECONDS,
	 .help = "silence after which a SYN is a new connection"},

	{CONFIG_SECTION_SERVICE, "listen", CONFIG_TYPE_LISTEN, .flags = CONFIG_REQUIRED,
	 .help = "what it receives: protocol, address, port"},
	{CONFIG_SECTION_SERVICE, "mode", CONFIG_TYPE_WORD, AT(service_config, mode),
	 .flags = CONFIG_REQUIRED, .words = MODE_WORDS, .help = "how packets reach the members"},
	{CONFIG_SECTION_SERVICE, "gue_port", CONFIG_TYPE_NUMBER, AT(service_config, gue_port),
	 .min = 1, .max = 65535, .fallback = "6080",
	 .help = "with mode gue, UDP port of the members"},
	{CONFIG_SECTION_SERVICE, "unknown_port", CONFIG_TYPE_WORD,
	 AT(service_config, is_unknown_port_passed), .fallback = "drop",
	 .words = UNKNOWN_PORT_WORDS, .help = "packets to this address that no service wants"},
	{CONFIG_SECTION_SERVICE, "announce", CONFIG_TYPE_WORD, AT(service_config, announce),
	 .words = ANNOUNCE_WORDS, .help = "instead of the node's"},
	{CONFIG_SECTION_SERVICE, "slots", CONFIG_TYPE_NUMBER, AT(service_config, slots),
	 .min = 1U << SLUICE_SLOTS_LOG2_MIN, .max = 1U << SLUICE_SLOTS_LOG2_MAX,
	 .flags = CONFIG_POWER_OF_TWO, .help = "size of its table; chosen by member count without"},
	{CONFIG_SECTION_SERVICE, "affinity", CONFIG_TYPE_WORD, AT(service_config, affinity),
	 .words = AFFINITY_WORDS, .help = "what keeps a flow at its member"},
	{CONFIG_SECTION_SERVICE, "learn", CONFIG_TYPE_DURATION, AT(service_config, learn_s),
	 .min = 1000, .max = 43200000, .fallback = "600s", .flags = CONFIG_SECONDS,
	 .help = "longest silence of a connection that survives changes"},
	{CONFIG_SECTION_SERVICE, "idle", CONFIG_TYPE_DURATION, AT(service_config, idle_s),
	 .min = 1000, .max = 43200000, .fallback = "120s", .flags = CONFIG_SECONDS,
	 .help = "with affinity track, silence after which a flow is forgotten"},
	{CONFIG_SECTION_SERVICE, "window", CONFIG_TYPE_DURATION, AT(service_config, window_s),
	 .min = 1000, .max = 3600000, .fallback = "45s", .flags = CONFIG_SECONDS,
	 .help = "with affinity window, how long before a change flows are learned"},
	{CONFIG_SECTION_SERVICE, "slow_start", CONFIG_TYPE_DURATION,
	 AT(service_config, slow_start_s), .min = RAMP_DURATION_MIN_S * 1000,
	 .max = RAMP_DURATION_MAX_S * 1000, .flags = CONFIG_SECONDS | CONFIG_OR_ZERO,
	 .help = "until a member that comes up gets all of its weight; at once without"},
	{CONFIG_SECTION_SERVICE, "max_new", CONFIG_TYPE_NEW_RATE, AT(service_config, max_new),
	 .help = "new connections of all sources together; more are refused"},
	{CONFIG_SECTION_SERVICE, "max_new_per_member", CONFIG_TYPE_NEW_RATE,
	 AT(service_config, max_new_per_member), .help = "new connections that one member gets"},
	{CONFIG_SECTION_SERVICE, "check", CONFIG_TYPE_CHECK, .child = CONFIG_SECTION_CHECK,
	 .help = "how members are probed; default tcp for tcp, none for udp"},
	{CONFIG_SECTION_SERVICE, "circuit", CONFIG_TYPE_SECTION,
	 offsetof(struct service_config, circuit), .child = CONFIG_SECTION_CIRCUIT,
	 .help = "when a member is out, and how it comes back"},
	{CONFIG_SECTION_SERVICE, "min_healthy", CONFIG_TYPE_NUMBER, AT(service_config, min_healthy),
	 .min = 1, .max = 65535, .fallback = "1", .help = "fewer members that serve are a panic"},
	{CONFIG_SECTION_SERVICE, "panic", CONFIG_TYPE_WORD, AT(service_config, is_panic_dropped),
	 .fallback = "readmit", .words = PANIC_WORDS, .help = "who serves in a panic"},
	{CONFIG_SECTION_SERVICE, "on_down", CONFIG_TYPE_WORD,
	 AT(service_config, is_withdrawn_when_down), .fallback = "announce", .words = ON_DOWN_WORDS,
	 .help = "what becomes of its route while no member is healthy"},
	{CONFIG_SECTION_SERVICE, "fallback", CONFIG_TYPE_NAME, AT(service_config, fallback),
	 .help = "the pool that serves only in a panic"},
	{CONFIG_SECTION_SERVICE, "members", CONFIG_TYPE_MEMBERS, .child = CONFIG_SECTION_MEMBER,
	 .help = "its members, when it has one pool"},
	{CONFIG_SECTION_SERVICE, "pools", CONFIG_TYPE_NAMED, .child = CONFIG_SECTION_POOL,
	 .help = "its pools by name, instead of members"},
	{CONFIG_SECTION_SERVICE, "limits", CONFIG_TYPE_LIMIT_NAMES,
	 .max = SLUICE_SERVICE_LIMITS_MAX, .help = "limits that apply to its sources"},
	{CONFIG_SECTION_SERVICE, "allow", CONFIG_TYPE_LIST_NAMES, .min = 1,
	 .max = SLUICE_SERVICE_ALLOW_MAX, .help = "lists whose sources alone may reach it"},

	{CONFIG_SECTION_POOL, "share", CONFIG_TYPE_NUMBER, AT(pool_config, share), .max = 65535,
	 .fallback = "100", .help = "of the service, relative to its other pools"},
	{CONFIG_SECTION_POOL, "mode", CONFIG_TYPE_WORD, AT(pool_config, mode),
	 .words = POOL_MODE_WORDS, .help = "instead of the service's"},
	{CONFIG_SECTION_POOL, "gue_port", CONFIG_TYPE_NUMBER, AT(pool_config, gue_port), .min = 1,
	 .max = 65535, .help = "instead of the service's"},
	{CONFIG_SECTION_POOL, "max_new_per_member", CONFIG_TYPE_NEW_RATE,
	 AT(pool_config, max_new_per_member), .help = "instead of the service's"},
	{CONFIG_SECTION_POOL, "check", CONFIG_TYPE_CHECK, .child = CONFIG_SECTION_CHECK,
	 .help = "instead of the service's"},
	{CONFIG_SECTION_POOL, "circuit", CONFIG_TYPE_SECTION, offsetof(struct pool_config, circuit),
	 .child = CONFIG_SECTION_CIRCUIT, .help = "what differs from the service's"},
	{CONFIG_SECTION_POOL, "members", CONFIG_TYPE_MEMBERS, .flags = CONFIG_REQUIRED,
	 .child = CONFIG_SECTION_MEMBER, .help = "its members; [] for none"},

	{CONFIG_SECTION_MEMBER, "address", CONFIG_TYPE_ADDRESS_TEXT, .flags = CONFIG_REQUIRED,
	 .help = "of the machine that serves, or its host name"},
	{CONFIG_SECTION_MEMBER, "weight", CONFIG_TYPE_NUMBER, AT(member_config, weight),
	 .max = 65535, .fallback = "100", .help = "relative to the pool's other members; 0: none"},
	{CONFIG_SECTION_MEMBER, "admin", CONFIG_TYPE_WORD, AT(member_config, admin),
	 .fallback = "ready", .words = ADMIN_WORDS,
	 .help = "draining, in maintenance, or not there at all (for drop-ins)"},
	{CONFIG_SECTION_MEMBER, "max_new", CONFIG_TYPE_NEW_RATE, AT(member_config, max_new),
	 .help = "new connections that it gets, instead of its pool's max_new_per_member"},
	{CONFIG_SECTION_MEMBER, "check", CONFIG_TYPE_CHECK, .child = CONFIG_SECTION_CHECK,
	 .help = "instead of its pool's"},

	{CONFIG_SECTION_CHECK, "type", CONFIG_TYPE_WORD, CHECK_AT(check.type), .fallback = "tcp",
	 .words = CHECK_WORDS, .help = "what a probe is"},
	{CONFIG_SECTION_CHECK, "port", CONFIG_TYPE_NUMBER, CHECK_AT(check.port), .min = 1,
	 .max = 65535, .help = "port probed; without it the service's"},
	{CONFIG_SECTION_CHECK, "via", CONFIG_TYPE_WORD, CHECK_AT(check.via), .words = VIA_WORDS,
	 .help = "the way of the service's packets, or the member's own address"},
	{CONFIG_SECTION_CHECK, "interval", CONFIG_TYPE_DURATION, CHECK_AT(check.interval_ms),
	 .min = 100, .max = 3600000, .fallback = "2s", .help = "between probes"},
	{CONFIG_SECTION_CHECK, "timeout", CONFIG_TYPE_DURATION, CHECK_AT(check.timeout_ms),
	 .min = 10, .max = 3600000, .fallback = "1s", .help = "of one probe; at most interval"},
	{CONFIG_SECTION_CHECK, "fast", CONFIG_TYPE_DURATION, CHECK_AT(check.fast_ms), .min = 100,
	 .max = 3600000, .fallback = "500ms", .help = "between probes while in doubt"},
	{CONFIG_SECTION_CHECK, "down", CONFIG_TYPE_DURATION, CHECK_AT(check.down_ms), .min = 100,
	 .max = 3600000, .fallback = "5s", .help = "between probes of a member that is down"},
	{CONFIG_SECTION_CHECK, "fall", CONFIG_TYPE_NUMBER, CHECK_AT(check.fall), .min = 1,
	 .max = 100, .fallback = "3", .help = "failures in a row that take a member out"},
	{CONFIG_SECTION_CHECK, "rise", CONFIG_TYPE_NUMBER, CHECK_AT(check.rise), .min = 1,
	 .max = 100, .fallback = "2", .help = "successes in a row that take it back"},
	{CONFIG_SECTION_CHECK, "jitter", CONFIG_TYPE_NUMBER, CHECK_AT(check.jitter_percent),
	 .max = 50, .fallback = "10", .help = "per cent by which intervals vary"},
	{CONFIG_SECTION_CHECK, "method", CONFIG_TYPE_WORD, DETAIL_AT(method), .fallback = "GET",
	 .words = METHOD_WORDS, .help = "of the HTTP request"},
	{CONFIG_SECTION_CHECK, "path", CONFIG_TYPE_URL_PATH, DETAIL_AT(path), .fallback = "/",
	 .help = "what the HTTP request asks for"},
	{CONFIG_SECTION_CHECK, "host", CONFIG_TYPE_HOST_NAME, DETAIL_AT(host),
	 .help = "the HTTP request's Host; without it the member's address"},
	{CONFIG_SECTION_CHECK, "expect", CONFIG_TYPE_STATUSES, .min = 1, .max = CHECK_STATUSES_MAX,
	 .help = "status codes that pass; without it 200-299"},
	{CONFIG_SECTION_CHECK, "body", CONFIG_TYPE_TEXT, DETAIL_AT(body),
	 .help = "what the body of the answer must contain"},
	{CONFIG_SECTION_CHECK, "read", CONFIG_TYPE_NUMBER, DETAIL_AT(read_max), .min = 1,
	 .max = 1U << 20, .fallback = "65536", .help = "bytes of the body that are read"},
	{CONFIG_SECTION_CHECK, "sni", CONFIG_TYPE_HOST_NAME, DETAIL_AT(sni),
	 .help = "the name that TLS asks for and verifies; without it host"},
	{CONFIG_SECTION_CHECK, "verify", CONFIG_TYPE_WORD, DETAIL_AT(is_unverified),
	 .fallback = "enabled", .words = VERIFY_WORDS, .help = "whether a bad certificate fails"},
	{CONFIG_SECTION_CHECK, "ca", CONFIG_TYPE_PATH, DETAIL_AT(ca),
	 .help = "certificates of those who sign; without it the system's"},
	{CONFIG_SECTION_CHECK, "expiry", CONFIG_TYPE_DURATION, DETAIL_AT(expiry_s),
	 .max = 8760ULL * 3600 * 1000, .fallback = "336h", .flags = CONFIG_SECONDS,
	 .help = "before its end a certificate is remarked on; 0s: never"},
	{CONFIG_SECTION_CHECK, "send", CONFIG_TYPE_BYTES, DETAIL_AT(send),
	 .help = "the datagram that is sent"},
	{CONFIG_SECTION_CHECK, "answer", CONFIG_TYPE_BYTES, DETAIL_AT(answer),
	 .help = "what the answer must contain; without it any passes"},
	{CONFIG_SECTION_CHECK, "name", CONFIG_TYPE_HOST_NAME, DETAIL_AT(name),
	 .help = "the name that is asked for"},
	{CONFIG_SECTION_CHECK, "record", CONFIG_TYPE_WORD, DETAIL_AT(record), .fallback = "A",
	 .words = RECORD_WORDS, .help = "the type of record that is asked for"},
	{CONFIG_SECTION_CHECK, "rcode", CONFIG_TYPE_WORD, DETAIL_AT(rcode), .fallback = "NOERROR",
	 .words = RCODE_WORDS, .help = "what the name server must say"},
	{CONFIG_SECTION_CHECK, "command", CONFIG_TYPE_COMMAND, .min = 1, .max = CHECK_COMMAND_MAX,
	 .help = "the program that is run, and its arguments"},

	{CONFIG_SECTION_CIRCUIT, "mode", CONFIG_TYPE_WORD, AT(circuit_config, is_enabled),
	 .fallback = "enabled", .words = CIRCUIT_WORDS,
	 .help = "disabled: a member serves whenever its check passes"},
	{CONFIG_SECTION_CIRCUIT, "open", CONFIG_TYPE_DURATION, AT(circuit_config, open_ms),
	 .min = 1000, .max = 3600000, .fallback = "5s", .help = "out for so long the first time"},
	{CONFIG_SECTION_CIRCUIT, "open_max", CONFIG_TYPE_DURATION, AT(circuit_config, open_max_ms),
	 .min = 1000, .max = 3600000, .fallback = "300s", .help = "it doubles up to this"},
	{CONFIG_SECTION_CIRCUIT, "trial", CONFIG_TYPE_DURATION, AT(circuit_config, trial_ms),
	 .min = 1000, .max = 3600000, .fallback = "30s", .help = "on trial for so long"},
	{CONFIG_SECTION_CIRCUIT, "trial_share", CONFIG_TYPE_NUMBER,
	 AT(circuit_config, trial_percent), .min = 1, .max = 100, .fallback = "2",
	 .help = "per cent of its weight meanwhile"},
	{CONFIG_SECTION_CIRCUIT, "ratio", CONFIG_TYPE_NUMBER, AT(circuit_config, ratio_percent),
	 .max = 100, .fallback = "50", .help = "per cent of failing probes that eject; 0: never"},
	{CONFIG_SECTION_CIRCUIT, "volume", CONFIG_TYPE_NUMBER, AT(circuit_config, volume), .min = 2,
	 .max = 10000, .fallback = "10", .help = "of at least so many probes"},
	{CONFIG_SECTION_CIRCUIT, "window", CONFIG_TYPE_DURATION, AT(circuit_config, window_ms),
	 .min = 6000, .max = 3600000, .fallback = "60s", .help = "in so much time"},
	{CONFIG_SECTION_CIRCUIT, "passive", CONFIG_TYPE_WORD, AT(circuit_config, passive),
	 .fallback = "observe", .words = PASSIVE_WORDS,
	 .help = "what is made of new flows that a member does not answer"},

	{CONFIG_SECTION_LIMIT, "count", CONFIG_TYPE_WORD, AT(limit_config, count),
	 .flags = CONFIG_REQUIRED, .words = COUNT_WORDS, .help = "what is counted"},
	{CONFIG_SECTION_LIMIT, "rate", CONFIG_TYPE_RATE, AT(limit_config, rate),
	 .flags = CONFIG_REQUIRED, .help = "of one source, sustained"},
	{CONFIG_SECTION_LIMIT, "burst", CONFIG_TYPE_AMOUNT, AT(limit_config, burst), .min = 1,
	 .max = 1000000000000, .help = "at once; without it one second of rate"},
	{CONFIG_SECTION_LIMIT, "scope", CONFIG_TYPE_WORD, AT(limit_config, scope),
	 .fallback = "service", .words = SCOPE_WORDS, .help = "which packets it counts"},
	{CONFIG_SECTION_LIMIT, "overload", CONFIG_TYPE_WORD, AT(limit_config, is_closed),
	 .fallback = "open", .words = OVERLOAD_WORDS,
	 .help = "what a source gets that takes the place of one in debt"},
	{CONFIG_SECTION_LIMIT, "count_replies", CONFIG_TYPE_WORD, AT(limit_config, counts_replies),
	 .fallback = "disabled", .words = REPLY_WORDS,
	 .help = "with scope everything, whether answers to this host's own connections count"},
	{CONFIG_SECTION_LIMIT, "except", CONFIG_TYPE_EXCEPTIONS, .child = CONFIG_SECTION_EXCEPTION,
	 .help = "sources with a rate of their own"},
	{CONFIG_SECTION_LIMIT, "ban", CONFIG_TYPE_SECTION, offsetof(struct limit_config, ban),
	 .child = CONFIG_SECTION_BAN, .help = "keeps sources away that are refused too often"},
	{CONFIG_SECTION_LIMIT, "per", CONFIG_TYPE_SECTION, .child = CONFIG_SECTION_PER,
	 .help = "what one source is"},
	{CONFIG_SECTION_LIMIT, "mode", CONFIG_TYPE_WORD, AT(limit_config, mode),
	 .flags = CONFIG_REQUIRED, .words = LIMIT_MODE_WORDS, .help = "whether it refuses"},
	{CONFIG_SECTION_LIMIT, "sources", CONFIG_TYPE_NUMBER, AT(limit_config, sources),
	 .min = 1024, .max = 1U << 24, .fallback = "262144", .flags = CONFIG_ROUND_UP,
	 .help = "remembered at once"},

	{CONFIG_SECTION_PER, "ipv4", CONFIG_TYPE_NUMBER, AT(limit_config, prefix4), .min = 1,
	 .max = 32, .fallback = "32", .help = "prefix length of an IPv4 source"},
	{CONFIG_SECTION_PER, "ipv6", CONFIG_TYPE_NUMBER, AT(limit_config, prefix6), .min = 1,
	 .max = 128, .fallback = "64", .help = "prefix length of an IPv6 source"},

	{CONFIG_SECTION_EXCEPTION, "prefixes", CONFIG_TYPE_PREFIXES, AT(limit_exception, prefixes),
	 .min = 1, .max = LIMIT_EXCEPTION_PREFIXES_MAX, .flags = CONFIG_REQUIRED,
	 .help = "of the sources"},
	{CONFIG_SECTION_EXCEPTION, "rate", CONFIG_TYPE_RATE, AT(limit_exception, rate),
	 .flags = CONFIG_REQUIRED, .help = "of one source in them, instead of the limit's"},
	{CONFIG_SECTION_EXCEPTION, "burst", CONFIG_TYPE_AMOUNT, AT(limit_exception, burst),
	 .min = 1, .max = 1000000000000, .help = "at once; without it one second of rate"},

	{CONFIG_SECTION_BAN, "after", CONFIG_TYPE_NUMBER, AT(limit_ban, after), .min = 1,
	 .max = 1000000000, .flags = CONFIG_REQUIRED, .help = "refused packets of one source"},
	{CONFIG_SECTION_BAN, "within", CONFIG_TYPE_DURATION, AT(limit_ban, within_s), .min = 1000,
	 .max = 3600000, .fallback = "10s", .flags = CONFIG_SECONDS, .help = "in so much time"},
	{CONFIG_SECTION_BAN, "for", CONFIG_TYPE_DURATION, AT(limit_ban, for_s), .min = 1000,
	 .max = 86400000, .fallback = "10m", .flags = CONFIG_SECONDS, .help = "how long"},
	{CONFIG_SECTION_BAN, "max", CONFIG_TYPE_DURATION, AT(limit_ban, max_s), .min = 1000,
	 .max = 86400000, .fallback = "10m", .flags = CONFIG_SECONDS,
	 .help = "the longest that refusals may make one"},
	{CONFIG_SECTION_BAN, "packets", CONFIG_TYPE_WORD, AT(limit_ban, is_all), .fallback = "new",
	 .words = BAN_WORDS, .help = "those that open connections, or all"},
	{CONFIG_SECTION_BAN, "max_per_second", CONFIG_TYPE_NUMBER, AT(limit_ban, max_per_s),
	 .min = 1, .max = 10000, .fallback = "100", .help = "bans made in a second"},

	{CONFIG_SECTION_MANAGEMENT, "prefixes", CONFIG_TYPE_PREFIXES, AT(config, management),
	 .min = 1, .max = 256, .flags = CONFIG_REQUIRED,
	 .help = "where you administer and monitor this host from"},

	{CONFIG_SECTION_LIST, "action", CONFIG_TYPE_WORD, AT(list_config, action),
	 .flags = CONFIG_REQUIRED, .words = LIST_WORDS, .help = "what happens to its sources"},
	{CONFIG_SECTION_LIST, "prefixes", CONFIG_TYPE_PREFIXES, AT(list_config, prefixes),
	 .max = PREFIX_SET_MAX, .help = "its prefixes"},
	{CONFIG_SECTION_LIST, "file", CONFIG_TYPE_PATH, AT(list_config, file),
	 .help = "a file of more prefixes, one a line; read at start and reload"},
	{CONFIG_SECTION_LIST, "guard", CONFIG_TYPE_WORD, AT(list_config, is_unguarded),
	 .fallback = "enabled", .words = GUARD_WORDS,
	 .help = "whether dangerous prefixes of a deny list are refused"},
};

const size_t CONFIG_FIELD_COUNT = ARRAY_SIZE(CONFIG_FIELDS);
