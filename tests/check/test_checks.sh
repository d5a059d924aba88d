#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The checks themselves: a clean little tree passes each, and one defect of its kind fails it.
set -uo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"

TREE=$(mktemp -d)
trap 'rm -rf "$TREE"' EXIT
LICENCE='SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause'

# put FILE: standard input becomes a file of the tree.
put() {
	mkdir -p "$TREE/$(dirname "$1")"
	cat > "$TREE/$1"
}

clean_tree() {
	rm -rf "${TREE:?}"/*
	cp "$HERE/../../.clang-format" "$HERE/../../.clang-tidy" "$TREE/"
	put user/base/a.h <<-END
		/* $LICENCE */
		#pragma once

		int a_double(int n);
	END
	put user/core/b.c <<-END
		/* $LICENCE */
		#include "base/a.h"

		int a_double(int n)
		{
		QQreturn n * 2;
		}
	END
	sed -i 's/QQ/\t/' "$TREE/user/core/b.c"
	put docs/x.1.scd <<-END
		x(1)
		; $LICENCE

		# NAME

		x - does something
	END
	put tool.sh <<-END
		#!/bin/sh
		# $LICENCE
		echo "\$1"
	END
}

# refuses CHECK PATTERN NAME: after a change of the tree.
refuses() {
	tap_fails "$3" 1 "$2" "$HERE/$1" "$TREE"
	clean_tree
}

clean_tree
for check in format spdx words sizes dependencies manuals shell cppcheck tidy; do
	tap_run "$check: a clean tree passes" "$HERE/$check" "$TREE"
done

sed -i 's/\treturn/        return/' "$TREE/user/core/b.c"
refuses format 'user/core/b.c: not formatted' "format: spaces for a tab"

sed -i 1d "$TREE/user/core/b.c"
refuses spdx 'user/core/b.c: no line' "spdx: a C file without a licence"
sed -i 2d "$TREE/tool.sh"
refuses spdx 'tool.sh: no line' "spdx: a script without a licence"

echo "# TODO: later" >> "$TREE/tool.sh" # words: allowed
refuses words 'tool.sh:4' "words: a note to oneself"
echo "See issue #12." | put docs/notes.md # words: allowed
refuses words 'docs/notes.md:1' "words: a ticket number"
echo "in /home/me/src" | put docs/notes.md # words: allowed
refuses words 'docs/notes.md:1' "words: somebody's home"

yes "/* $LICENCE */" | head -n 700 > "$TREE/user/core/b.c"
refuses sizes 'user/core/b.c: the file has 700 lines' "sizes: a long file"
long_function() { # HEAD
	printf '/* %s */\n%s\n{\n' "$LICENCE" "$1"
	yes '	;' | head -n 100
	printf '}\n'
}
long_function 'int b_long(void)' | put user/core/b.c
refuses sizes 'user/core/b.c: b_long\(\) has 100 lines' "sizes: a long function"
long_function 'int delete (void)' | put user/core/b.c # as clang-format leaves it
refuses sizes 'user/core/b.c: delete\(\) has 100 lines' "sizes: one named as a keyword of C++"
long_function 'int' | put user/core/b.c
refuses sizes 'user/core/b.c: \(\) has 100 lines' "sizes: one whose name is not found"
yes "/* $LICENCE */" | head -n 400 > "$TREE/user/base/a.h"
refuses sizes 'user/base/a.h: the header has 400' "sizes: a long header"

sed -i 's|base/a.h|daemon/a.h|' "$TREE/user/core/b.c"
refuses dependencies 'core may not use daemon' "dependencies: against the arrow"
mkdir -p "$TREE/user/health" && sed 's|base/a.h|control/a.h|' "$TREE/user/core/b.c" > "$TREE/user/health/h.c"
refuses dependencies 'health may not use control' "dependencies: a sibling"
sed -i 's|"base/a.h"|<bpf/libbpf.h>|' "$TREE/user/core/b.c"
refuses dependencies 'core may not use <bpf/libbpf.h>' "dependencies: libbpf outside of dataplane"
sed -i 's|"base/a.h"|"sluice.skel.h"|' "$TREE/user/core/b.c"
refuses dependencies 'skeletons are for dataplane' "dependencies: a skeleton outside of dataplane"
mkdir -p "$TREE/user/other" && cp "$TREE/user/core/b.c" "$TREE/user/other/"
refuses dependencies 'user/other is not in the dependency rule' "dependencies: an unknown folder"
mkdir -p "$TREE/bpf" && cp "$TREE/user/core/b.c" "$TREE/bpf/x.bpf.c"
refuses dependencies 'bpf/x.bpf.c: may not use "base/a.h"' "dependencies: the packet path uses user space"

echo "no title" | put docs/x.1.scd
refuses manuals 'docs/x.1.scd' "manuals: a page that does not compile"

echo "echo \$1" >> "$TREE/tool.sh"
refuses shell 'SC2086' "shell: an unquoted variable"
printf 'def broken(:\n' | put tool.py
refuses shell 'tool.py' "shell: Python that does not parse"

put user/core/b.c <<-END
	/* $LICENCE */
	int b(void);
	int b(void)
	{
	int list[2] = {1, 2};
	return list[2];
	}
END
refuses cppcheck 'arrayIndexOutOfBounds' "cppcheck: an index out of bounds"

put user/core/b.c <<-END
	/* $LICENCE */
	int b(int *p);
	int b(int *p)
	{
	if (!p)
	return *p;
	return 0;
	}
END
refuses tidy 'NullDereference' "tidy: a null pointer read"

tap_done
