# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Several balancers on one segment, for tests with tests/lib/e2e.sh: node N is namespace lbN (the first
# one lb) at 10.99.0.(9+N), with an instance of its own and the configuration $LAB_DIR/nodeN.yaml.

nodes_namespace() {
	[ "$1" = 1 ] && echo lb || echo "lb$1"
}

# nodes_build COUNT: the first one is there already.
nodes_build() {
	local node
	for node in $(seq 2 "$1"); do
		edge_host "lb$node" in $((9 + node))
		lab_xdp_pass rt "p-lb$node"
	done
}

nodes_ctl() { # NODE ARGUMENTS...
	lab_in "$(nodes_namespace "$1")" "$LAB_OUT/bin/sluicectl" --instance "$LAB_PREFIX-$1" \
		--socket "$LAB_DIR/run/$LAB_PREFIX-$1/control.sock" "${@:2}"
}

# Its exit status is about the members, which may be out.
nodes_status() { # NODE: as JSON
	nodes_ctl "$1" --json status || :
}

nodes_serves() { # NODE
	nodes_status "$1" |
		jq -e '.state == "ok" and ([.services[] | .members_serving == .members_total] | all)'
}

nodes_start() { # NODE
	lab_start "sluiced$1" "$(nodes_namespace "$1")" "$LAB_OUT/bin/sluiced" \
		--config "$LAB_DIR/node$1.yaml" --instance "$LAB_PREFIX-$1" \
		--run-dir "$LAB_DIR/run" --state-dir "$LAB_DIR/state"
	wait_for 15 nodes_serves "$1"
}

nodes_tables() { # NODE: name and fingerprint of each service
	nodes_status "$1" | jq -c '[.services[] | {name, table}] | sort_by(.name)'
}

nodes_is_at_rest() { # NODE
	nodes_status "$1" |
		jq -e '[.services[].flows | .announced + .waiting + .moving == 0] | all'
}

nodes_held() { # NODE: flows that do not follow their slots
	nodes_status "$1" | jq '[.services[].flows.held] | add'
}
