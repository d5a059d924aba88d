# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash
# Building from the scripts that a person starts (make test, make demo), with or without sudo.
# Expects the current directory to be the repository's.

# Targets as arguments. A make that runs us must not hand its job server and goals down. Quiet
# when all goes well; else everything the build printed.
build_targets() {
	local output
	if ! output=$(env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS \
		make --no-print-directory -j"$(nproc)" "$@" 2>&1); then
		printf '%s\n' "$output" >&2
		return 1
	fi
}

# Under sudo, what we built belongs to the person, who wants to run plain make later.
build_give_back() {
	if [ "$(id -u)" -eq 0 ] && [ -n "${SUDO_UID:-}" ] && [ -d build ]; then
		chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" build
	fi
}

# Installs what is missing as root; else says what is missing and how to get it. Arguments: groups
# of deploy/install-deps.
build_install_deps() {
	local missing
	if [ "$(id -u)" -eq 0 ]; then
		deploy/install-deps "$@"
	elif ! missing=$(deploy/install-deps --missing "$@"); then
		echo "missing packages: $(echo "$missing" | tr '\n' ' ')" >&2
		echo "install them first: sudo deploy/install-deps" >&2
		return 1
	fi
}
