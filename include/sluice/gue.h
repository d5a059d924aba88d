/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mode gue: Generic UDP Encapsulation, variant 1 (draft-ietf-intarea-gue-09, section 4). Outer IPv4 or
 * IPv6 header, a UDP header of 8 bytes, and at once the inner packet: there is no GUE header, and the
 * inner packet's first four bits tell its version. This is what Linux receives with
 * `ip fou add port PORT gue`.
 *
 * Its UDP checksum is zero. Over IPv4 every sender may do so (RFC 768); over IPv6 a tunnel may (RFC 6935,
 * RFC 6936): what is inside has a checksum of its own, and a packet program would have to read every
 * byte of it to make another one.
 */
#pragma once

#define SLUICE_GUE_PORT 6080 /* of IANA's registry: destination port unless configured */

/* Source ports are the flow's, so that routers and receive queues spread flows: of the dynamic range. */
#define SLUICE_GUE_SOURCE_MIN 49152 /* to 65535 */
