/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What keeps a host on its network, and is passed to it from denied sources, too. No source port
 * alone makes a packet vital: everybody can choose his own.
 */
#pragma once

#include <linux/in.h>
#include <linux/types.h>

#include <sluice/hash.h>
#include <sluice/map_types.h>

/* ARP and neighbour discovery are not among them: they leave the path before lists are asked. */
enum sluice_vital {
	SLUICE_VITAL_NOT,
	SLUICE_VITAL_OSPF,
	SLUICE_VITAL_VRRP,
	SLUICE_VITAL_BGP,
	SLUICE_VITAL_BFD,
	SLUICE_VITAL_DHCP,
	SLUICE_VITAL_MAX
};

#define SLUICE_PROTO_OSPF 89
#define SLUICE_PROTO_VRRP 112
#define SLUICE_PORT_BGP 179
#define SLUICE_PORT_BFD 3784
#define SLUICE_PORT_BFD_ECHO 3785
#define SLUICE_PORT_BFD_MULTIHOP 4784
#define SLUICE_PORT_DHCP_SERVER 67
#define SLUICE_PORT_DHCP_CLIENT 68
#define SLUICE_PORT_DHCP6_CLIENT 546
#define SLUICE_PORT_DHCP6_SERVER 547

SLUICE_HASH_INLINE enum sluice_vital sluice_vital_udp(__u8 family, __u16 from, __u16 to)
{
	if (to == SLUICE_PORT_BFD || to == SLUICE_PORT_BFD_ECHO || to == SLUICE_PORT_BFD_MULTIHOP)
		return SLUICE_VITAL_BFD;
	if (family == SLUICE_FAMILY_V6)
		return to == SLUICE_PORT_DHCP6_CLIENT || to == SLUICE_PORT_DHCP6_SERVER
			       ? SLUICE_VITAL_DHCP
			       : SLUICE_VITAL_NOT;
	return (from == SLUICE_PORT_DHCP_SERVER || from == SLUICE_PORT_DHCP_CLIENT) &&
			       (to == SLUICE_PORT_DHCP_SERVER || to == SLUICE_PORT_DHCP_CLIENT)
		       ? SLUICE_VITAL_DHCP
		       : SLUICE_VITAL_NOT;
}

/* is_opening: a TCP SYN without ACK. */
SLUICE_HASH_INLINE enum sluice_vital sluice_vital(__u8 family, __u8 proto, __u16 from, __u16 to,
						  int is_opening)
{
	switch (proto) {
	case SLUICE_PROTO_OSPF:
		return SLUICE_VITAL_OSPF;
	case SLUICE_PROTO_VRRP:
		return SLUICE_VITAL_VRRP;
	case IPPROTO_TCP:
		return to == SLUICE_PORT_BGP || (from == SLUICE_PORT_BGP && !is_opening)
			       ? SLUICE_VITAL_BGP
			       : SLUICE_VITAL_NOT;
	case IPPROTO_UDP:
		return sluice_vital_udp(family, from, to);
	default:
		return SLUICE_VITAL_NOT;
	}
}
