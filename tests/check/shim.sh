#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The fast path runs on 6,912 bytes of its own and saves no vector registers: its deepest chain of calls takes less than
# two thirds of that, and no instruction of it has such a register.  So it is with what 32-bit programs are given.
# Needs a gcc that tells (10) and binutils.
set -u
cd "$(dirname "$0")/../.." || exit 1
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
if [ $# -eq 0 ]; then
	"$0" fast && exec "$0" i386
	exit 1
fi
sources=(fast.c place.c table.c names.c change.c verify.c)
flags=(-std=gnu11 -O2 -m64 -ffreestanding -fno-pie -fno-stack-protector -mgeneral-regs-only -fno-asynchronous-unwind-tables
	-fcf-protection=none -fno-builtin -fno-tree-loop-distribute-patterns -I.)
[ "$1" = fast ] || sources+=(i386.c) flags+=(-DSHIM_I386)
cat "${sources[@]/#/tracer/shim/}" >/dev/null || exit 1
for source in "${sources[@]}"; do
	"${CC:-gcc}" "${flags[@]}" -fcallgraph-info=su -c -o "$here/${source%.c}.o" "tracer/shim/$source" 2>/dev/null ||
		{ echo "shim.sh: skipped: no compiler that tells of stacks"; exit 0; }
done
python3 - "$here" "$1" <<'END' || exit 1
import glob, re, sys
own, calls = {}, {}
for name in glob.glob(sys.argv[1] + '/*.ci'):
    text = open(name).read()
    for title, label in re.findall(r'node: \{ title: "([^"]*)" label: "([^"]*)"', text):
        bytes_ = re.search(r'(\d+) bytes \((\w+)', label)
        if bytes_:
            own[title.split(':')[-1]] = int(bytes_.group(1))
            if bytes_.group(2) == 'dynamic' and 'bounded' not in label:
                sys.exit('shim.sh: the stack of %s has no bound' % title)
    for source, target in re.findall(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"', text):
        calls.setdefault(source.split(':')[-1], set()).add(target.split(':')[-1])
handlers = {name for name in own if name.startswith(('fast_', 'i386_'))}
deepest = {}
def depth(name, above):
    if name in above: # a link leads to a link: place_follow counts them, but a handler comes again in a verified call only
        return 0
    if name not in deepest:
        below = set(calls.get(name, ()))
        if '__indirect_call' in below:
            below |= handlers
        deepest[name] = own.get(name, 0) + 8 + max([depth(other, above | {name}) for other in below] or [0])
    return deepest[name]
LIMIT = 4608
roots = handlers | {'shim_verify'}
worst = max(roots, key=lambda name: depth(name, frozenset()))
print('shim.sh: %s: the deepest call is %s, with %d bytes of stack' % (sys.argv[2], worst, deepest[worst]))
if len(handlers) < 40 or deepest[worst] > LIMIT:
    sys.exit('shim.sh: %d handlers; %s takes %d bytes of stack, more than %d' % (len(handlers), worst, deepest[worst], LIMIT))
END
if objdump -d "$here"/*.o | grep -E '%([xyz]mm|mm[0-7]|st|k[0-7])\b' >"$here/vectors"; then
	echo "shim.sh: vector registers in the fast path:"
	head "$here/vectors"
	exit 1
fi
