#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# deploy/install into staging folders: what is put, that it comes away again whole, that nothing
# outside is touched and that a configuration is never overwritten. Needs no privileges.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

BUILD=${SLUICE_BUILD:-build}
TEMP=$(mktemp -d /tmp/sluice-install.XXXXXX) || exit 1
trap 'rm -rf "$TEMP"' EXIT
STAGE=$TEMP/stage
DEST=$STAGE/usr/local
export DESTDIR=$STAGE

tree() { # FOLDER: everything below it
	(cd "$1" 2> /dev/null && find . -mindepth 1 | sort)
}

tap_run "install" deploy/install "$BUILD" "$DEST"
for file in sbin/sluiced bin/sluicectl sbin/sluice-check sbin/sluice-decap; do
	tap_run "the same program: $file" cmp "$BUILD/bin/$(basename $file)" "$DEST/$file"
done
tap_run "the same script: sbin/sluice-backend" cmp deploy/backend/sluice-backend "$DEST/sbin/sluice-backend"
tap_run "sluicectl is executable" "$DEST/bin/sluicectl" --version
tap_run "completion" test -s "$DEST/share/bash-completion/completions/sluicectl"
tap_run "the example passes its own check" \
	"$DEST/bin/sluicectl" check "$DEST/share/doc/sluice/sluice.example.yaml"
tap_run "configurations for BIRD are installed" diff -r deploy/bird "$DEST/share/doc/sluice/bird"
tap_run "a configuration where there was none" test -s "$STAGE/etc/sluice/sluice.yaml"
if command -v scdoc > /dev/null; then
	tap_match "the manual page" "$(head -n 3 "$DEST/share/man/man1/sluicectl.1")" 'scdoc'
else
	tap_skip "the manual page" "scdoc is missing"
fi
for unit in deploy/systemd/*.service; do
	[ -e "$unit" ] || continue
	tap_match "$(basename "$unit") names the installed program" \
		"$(cat "$DEST/lib/systemd/system/$(basename "$unit")")" \
		'^ExecStart=/usr/local/sbin/sluice'
done
tap_is "the staging folder is in no file" \
	"$(grep -rlF "$TEMP" "$STAGE" --include='*' --exclude-dir=bin --exclude-dir=sbin | wc -l)" 0

echo "# mine" > "$STAGE/etc/sluice/sluice.yaml"
echo "not ours" > "$DEST/share/doc/other"
before=$(tree "$STAGE")
tap_run "install again" deploy/install "$BUILD" "$DEST"
tap_is "again: the same files" "$(tree "$STAGE")" "$before"
tap_is "again: the configuration is kept" "$(cat "$STAGE/etc/sluice/sluice.yaml")" "# mine"

# What an older version put there and the new one does not know goes with the next installation.
echo old > "$DEST/share/sluice/old-file"
echo share/sluice/old-file >> "$DEST/share/sluice/installed"
tap_run "upgrade" deploy/install "$BUILD" "$DEST"
tap_is "upgrade: what the old version left is gone" "$(tree "$STAGE")" "$before"

tap_run "remove" deploy/install --remove "$DEST"
tap_is "remove: only what is not ours stays" "$(tree "$STAGE")" "./etc
./etc/sluice
./etc/sluice/sluice.yaml
./usr
./usr/local
./usr/local/share
./usr/local/share/doc
./usr/local/share/doc/other"
tap_fails "remove again" 0 'nothing of sluice is installed' deploy/install --remove "$DEST"

# A prefix of one's own: no configuration, and nothing at all is left.
unset DESTDIR
tap_run "another prefix" deploy/install "$BUILD" "$TEMP/opt/sluice"
tap_is "another prefix: no /etc below it" "$(tree "$TEMP/opt/sluice" | grep -c etc)" 0
tap_run "another prefix: remove" deploy/install --remove "$TEMP/opt/sluice"
tap_is "another prefix: nothing is left" "$(tree "$TEMP/opt")" ""

# A list that somebody changed never leads out of the prefix.
tap_run "a tampered list: install" deploy/install "$BUILD" "$TEMP/opt/sluice"
echo precious > "$TEMP/precious"
echo ../../precious >> "$TEMP/opt/sluice/share/sluice/installed"
tap_fails "a tampered list: refused" 1 'is no path below' deploy/install --remove "$TEMP/opt/sluice"
tap_is "a tampered list: nothing outside is removed" "$(cat "$TEMP/precious")" precious

tap_fails "nothing built" 1 'sluiced is missing: make build' deploy/install "$TEMP/none" "$TEMP/x"
tap_is "nothing built: nothing made" "$(tree "$TEMP/x")" ""
tap_fails "usage" 2 'usage: deploy/install OUT DEST' deploy/install
tap_fails "usage of --remove" 2 'usage' deploy/install --remove
tap_done
