# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# What the checks share. Each check is a script `tests/check/NAME [TREE]`: it looks at the tree
# (default: this one), prints one line a violation, and exits 1 when there is one.

set -uo pipefail

CHECK_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECK_TREE=$(cd "${1:-$CHECK_DIR/../..}" && pwd) || exit 2
cd "$CHECK_TREE" || exit 2

VIOLATIONS=0

violation() {
	echo "$*"
	VIOLATIONS=$((VIOLATIONS + 1))
}

finish() {
	[ $VIOLATIONS -eq 0 ]
	exit
}

# own_files NAME...: the tree's own files whose names match one of the shell patterns; no output of
# the build.
own_files() {
	local -a names=()
	local pattern
	for pattern in "$@"; do
		[ ${#names[@]} -eq 0 ] || names+=(-o)
		names+=(-name "$pattern")
	done
	find . \( -name .git -o -path ./build \) -prune -o -type f \( "${names[@]}" \) -print |
		sed 's|^\./||' | sort
}

# Files that a shell runs: by suffix or by first line.
shell_files() {
	local file first
	own_files '*' | while read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*.*) ;;
		*)
			IFS= read -r first < "$file" 2>/dev/null || continue
			case $first in
			'#!'*sh) echo "$file" ;;
			esac
			;;
		esac
	done
}
