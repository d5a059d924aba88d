/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a packet left the program and why. The only list: BPF, metrics, command line, manual and
 * tests are generated from it. X(name, action, help); the name is also the metric's reason label.
 */
#pragma once

#define SLUICE_VERDICTS(X)                                                                         \
	X(none, PASS, "no verdict: never leaves the program")                                      \
	X(forwarded, FORWARD, "sent to a member")                                                  \
	X(expired, PASS, "the trial is over and was not confirmed: nothing is done any more")      \
	X(neighbor_answered, ANSWER, "ARP or neighbour solicitation for a service, answered here") \
	X(neighbor_limited, DROP, "the same, beyond the rate at which they are answered")          \
	X(neighbor_passed, PASS, "other ARP or neighbour discovery: left to this host's stack")    \
	X(not_ip, PASS, "neither IP nor ARP")                                                      \
	X(other_host, PASS, "addressed to another host's MAC: seen by promiscuity or flooding")    \
	X(not_service, PASS, "the destination is no service's address")                            \
	X(local, PASS, "service in mode local: handed to this host's stack")                       \
	X(unknown_port_passed, PASS, "a service's address, but no service's port; policy: pass")   \
	X(unknown_port, DROP, "a service's address, but no service's port or protocol")            \
	X(bad_ip_header, DROP, "to a service: IP header with wrong length or version")             \
	X(bad_ip_length, DROP, "to a service: IP length field does not fit the frame")             \
	X(bad_ext_header, DROP, "to a service: IPv6 extension headers malformed or too many")      \
	X(fragment, DROP, "to a service: fragment, whose ports cannot be known")                   \
	X(truncated_l4, DROP, "to a service: TCP or UDP header cut short")                         \
	X(bad_tcp_header, DROP, "to a service: TCP data offset out of range")                      \
	X(bad_udp_length, DROP, "to a service: UDP length field does not fit the packet")          \
	X(limit, DROP, "refused by a per-source limit")                                            \
	X(host_limit, DROP, "refused by a per-source limit of all packets to this host")           \
	X(ban, DROP, "the source is banned by a per-source limit")                                 \
	X(list_deny, DROP, "the source is in a deny list")                                         \
	X(list_not_allowed, DROP, "to a service: the source is in none of its allow lists")        \
	X(service_ceiling, DROP, "opens a connection that the service's ceiling has no room for")  \
	X(member_ceiling, DROP, "opens a connection that the member's ceiling has no room for")    \
	X(no_member, DROP, "no member may serve: all weights are 0, or owner and runner-up dead")  \
	X(no_nexthop, DROP, "the member's next hop is not resolved")                               \
	X(too_big, DROP, "exceeds the path MTU to the member; its sender is told")                 \
	X(no_headroom, DROP, "the driver leaves no room for what must be added")                   \
	X(bad_table, DROP, "a table index is out of range: pinned maps damaged")

enum sluice_verdict {
#define X(name, action, help) SLUICE_V_##name,
	SLUICE_VERDICTS(X)
#undef X
		SLUICE_V_MAX
};

enum sluice_action {
	SLUICE_ACTION_PASS,
	SLUICE_ACTION_DROP,
	SLUICE_ACTION_FORWARD,
	SLUICE_ACTION_ANSWER, /* sent back to where it came from */
	SLUICE_ACTION_MAX
};

_Static_assert(SLUICE_V_none == 0 && SLUICE_V_MAX <= 64, "verdicts");
