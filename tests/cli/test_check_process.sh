#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The two processes of sluice-check, as sluiced sees them from outside: the end of each worker is told
# once, also to whom condemns one that is not there any more.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

talk() {
	python3 - build/bin/sluice-check <<-'END'
		import os, socket, subprocess, sys, time

		work, its_work = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		control, its_control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


		def place():
		    os.dup2(its_work.fileno(), 100)
		    os.dup2(its_control.fileno(), 101)
		    os.dup2(100, 3)
		    os.dup2(101, 4)


		watcher = subprocess.Popen([sys.argv[1]], preexec_fn=place, close_fds=False,
		                           stderr=subprocess.DEVNULL)
		its_work.close()
		its_control.close()
		control.settimeout(20)


		def condemn():
		    control.send(b"k")
		    return control.recv(200).decode()


		def wait_for_worker():
		    children = "/proc/%d/task/%d/children" % (watcher.pid, watcher.pid)
		    while not open(children, encoding="ascii").read():
		        time.sleep(0.02)


		print("before any:", condemn())
		work.send(b"what makes no sense begins one, too")
		wait_for_worker()
		print("one that works:", condemn())
		print("one that is gone:", condemn())
		control.close()
		work.close()
		print("in the end: status", watcher.wait(20))
	END
}

said=$(talk 2>&1)
for line in "before any: dhad ended already" \
	"one that works: dwas ended by signal 9 \(Killed\)" \
	"one that is gone: dhad ended already" \
	"in the end: status 0"; do
	tap_match "${line%%:*}" "$said" "^$line$"
done
tap_done
