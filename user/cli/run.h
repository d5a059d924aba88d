/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The handlers named in the command table; each returns enum cli_exit. */
#pragma once

#include <stdint.h>

struct cli;

int run_status(struct cli *cli);
int run_service_list(struct cli *cli);
int run_service_show(struct cli *cli);
int run_pool_list(struct cli *cli);
int run_pool_show(struct cli *cli);
int run_member_list(struct cli *cli);
int run_member_show(struct cli *cli);
int run_member_add(struct cli *cli);
int run_member_remove(struct cli *cli);
int run_member_weight(struct cli *cli);
int run_member_maint(struct cli *cli);
int run_member_drain(struct cli *cli);
int run_member_eject(struct cli *cli);
int run_member_force(struct cli *cli);
int run_member_discovery(struct cli *cli);
int run_member_restore(struct cli *cli);
int run_shift(struct cli *cli);
int run_wait_member(struct cli *cli);
int run_member_ready(struct cli *cli);
int run_limit_list(struct cli *cli);
int run_limit_show(struct cli *cli);
int run_limit_mode(struct cli *cli);
int run_limit_top(struct cli *cli);
int run_limit_suggest(struct cli *cli);
/* limit show --source. */
int limit_show_source(struct cli *cli, const char *source);
int run_ban_list(struct cli *cli);
int run_ban_add(struct cli *cli);
int run_ban_lift(struct cli *cli);
int run_list_list(struct cli *cli);
int run_list_show(struct cli *cli);
int run_list_add(struct cli *cli);
int run_list_remove(struct cli *cli);
int run_list_import(struct cli *cli);
int run_list_replace(struct cli *cli);
int run_where(struct cli *cli);
int run_node_show(struct cli *cli);
int run_node_active(struct cli *cli);
int run_node_standby(struct cli *cli);
int run_node_drain(struct cli *cli);
int run_bypass(struct cli *cli);
int run_capture(struct cli *cli);
int run_stats(struct cli *cli);
int run_events(struct cli *cli);
int run_metrics(struct cli *cli);
int run_version(struct cli *cli);
int run_diff(struct cli *cli);
int run_save(struct cli *cli);
int run_check(struct cli *cli);
int run_doctor(struct cli *cli);
int run_upgrade_check(struct cli *cli);
int run_reload(struct cli *cli);
int run_try(struct cli *cli);
int run_confirm(struct cli *cli);
int run_undo(struct cli *cli);
/* "--instance NAME " for commands that we propose, "" for the default. The caller frees it. */
char *trial_option_text(const struct cli *cli);
/* --for or --confirm-within in seconds; CLI_OK or an exit code. */
int trial_duration(const char *option, const char *text, uint64_t *ret_seconds);
int run_detach(struct cli *cli);
