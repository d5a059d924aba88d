/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Parts of the status of a node without a daemon: from the maps into JSON, and from there to a
 * terminal. */
#pragma once

#include <jansson.h>

struct cli;
struct dp_pinned;
struct dp_trial_state;
struct view;

/* As Status of the API, with what the maps know, and "daemon": when it was last seen. */
json_t *offline_document(const struct cli *cli);
json_t *offline_view_services(const struct dp_pinned *pinned);
json_t *offline_view_trial(const struct dp_trial_state *trial);
void offline_render(const struct view *view, const json_t *document);
