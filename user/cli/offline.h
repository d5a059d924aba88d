/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be said and done without the daemon. */
#pragma once

struct cli;

/* Prints what is known of the instance when its daemon does not run. */
void offline_status(const struct cli *cli);
/* Detaches and removes the pins; returns an exit code. */
int offline_detach(const struct cli *cli);
