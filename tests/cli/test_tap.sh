#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck disable=SC2016 # for the inner bash
# What scripts of tests rest on: a check that cannot be made is none that passes.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

# plan SCRIPT: what a test of these lines prints as its plan.
plan() {
	bash -c ". tests/lib/tap.sh; trap 'exit 143' TERM; $1; tap_done" 2> /dev/null | grep '^1\.\.'
}

tap_is "a test ends with its plan" "$(plan 'tap_is it "$(echo)" ""')" "1..1"
tap_is "none when a command does not exist" "$(plan 'no_such_thing; tap_ok it')" ""
tap_is "nor when its output is compared" "$(plan 'tap_is it "$(no_such_thing)" ""')" ""
tap_is "nor behind a pipe" "$(plan 'tap_is it "$(echo a | no_such_thing | cat)" ""')" ""
tap_is "nor when its failure is asked for" "$(plan 'tap_fails it 127 "" no_such_thing')" ""
tap_is "one that is looked for may be missing" "$(plan 'command -v no_such_thing || tap_ok it')" "1..1"
tap_done
