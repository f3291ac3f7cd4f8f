# SPDX-License-Identifier: GPL-2.0-only
# The offline tools on a store of 1 TiB with 10 million exceptions (bigstore): they do what they are to do, within
# bounded memory. SIZE, EXCEPTIONS, ORIGIN: another one. The tool without sanitizers.

SNAPMV=$(dirname "$0")/../../../build/snapmv STOREIO=$SNAPMV
TMP_BASE=${TMP_BASE:-/var/tmp}
. "$(dirname "$0")/../lib"
PLANT="python3 $HERE/../plant.py"
TOP=$(cd "$HERE/../../.." && pwd)
EXCEPTIONS=${EXCEPTIONS:-10000000}
# MiB: a fixed part, for the journal most of all, and for repair and restore the exceptions: 40 bytes each, twice that
# where they have to be sorted
LITTLE=96
MUCH=$((96 + EXCEPTIONS * 50 / 1048576))
MOST=$((96 + EXCEPTIONS * 90 / 1048576))

# measured MIB STATUS CMD...: within that memory, with that exit status; prints time and memory
measured()
{
	python3 - "$@" <<-'PY' || fail "$*"
	import resource, subprocess, sys, time
	limit, want, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
	start = time.time()
	status = subprocess.run(command, stdout=open('out', 'wb'), stderr=open('err', 'wb')).returncode
	used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
	print(f'# {" ".join(command[1:])}: {time.time() - start:.1f} s, {used:.0f} MiB')
	if status != want or used > limit:
	    print(f'exit {status}, {used:.0f} MiB of {limit}: ' + open('err').read()[:300])
	    sys.exit(1)
	PY
}

t_offline_tools_work_on_a_large_store_within_bounded_memory()
{
	must "$TOP/build/bigstore" store size="${SIZE:-1T}" origin="${ORIGIN:-512G}" \
		exceptions="$EXCEPTIONS"
	cat .out
	measured $LITTLE 0 "$SNAPMV" check ./store
	grep -q "^clean: 101 volumes, $EXCEPTIONS exceptions" out || fail "$(head -n 1 out)"
	measured $LITTLE 0 "$SNAPMV" dump ./store
	mv out dump
	measured $LITTLE 0 "$SNAPMV" list -s ./store
	measured $LITTLE 0 "$SNAPMV" diff -S ./store data@s1 data@s2
	[ "$(wc -l <out)" -gt 100 ] || fail 'diff shows nothing'
	# restored over destroyed metadata
	locate
	must $PLANT store flip "$exceptions" 500 255
	measured $LITTLE 1 "$SNAPMV" check ./store
	measured $MUCH 0 "$SNAPMV" restore dump ./store
	measured $LITTLE 0 "$SNAPMV" dump ./store
	cmp out dump || fail 'dump, restore, dump differ'
	# the root lost: every leaf is found; a directory block lost: nothing is
	locate
	must $PLANT store flip "$exceptions" 500 255
	measured $MUCH 0 "$SNAPMV" repair -f ./store
	tail -n 1 out | grep -q " $EXCEPTIONS exceptions; 0 losses" || fail "$(tail -n 1 out)"
	locate
	must $PLANT store flip "$directory" 500 255
	measured $MOST 0 "$SNAPMV" repair -f ./store
	tail -n 1 out | grep -q " $EXCEPTIONS exceptions; 0 losses" || fail "$(tail -n 1 out)"
	measured $LITTLE 0 "$SNAPMV" dump ./store
	cmp out dump || fail 'repair lost something'
	# the root and a leaf lost: the leaf is, all others are found
	must $PLANT store path
	path=$(cat .out)
	for block in $(echo "$path" | sed -n '1p;$p'); do
		must $PLANT store flip "$block" 500 255
	done
	measured $MOST 0 "$SNAPMV" repair -f ./store
	tail -n 1 out | grep -Eq "; 1?[0-9]?[0-9] losses" || fail "$(tail -n 1 out)"
	sed '/^ok/d' "$BASE/log" >&3
}

exec 3>&1
run_tests "$@"
