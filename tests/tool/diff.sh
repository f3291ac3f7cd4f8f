# SPDX-License-Identifier: GPL-2.0-only
# diff: what it lists is what differs.

. "$(dirname "$0")/lib"

# Reads all 64 chunks of two volumes, and compares with what diff says.
compare()	# FROM TO
{
	cmp_args=
	i=0
	while [ $i -lt 64 ]; do
		cmp_args="$cmp_args read $1 $i read $2 $i"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086
	io $cmp_args >values
	out smv diff -S ./store "$1" "$2" >ranges
	python3 - >differ <<-'PY'
	v = open('values').read().split()
	named = set()
	for line in open('ranges').read().splitlines()[1:]:
	    at, n, kind = line.split()
	    assert int(at) % 65536 == 0 and int(n) % 65536 == 0, line
	    named |= set(range(int(at) // 65536, (int(at) + int(n)) // 65536))
	differ = {i for i in range(64) if v[2 * i] != v[2 * i + 1]}
	print('missing', sorted(differ - named), 'more', sorted(named - differ))
	PY
	eq "$(cat differ)" 'missing [] more []' "diff $1 $2"
}

# Every write has a value of its own, so what is listed is exactly what differs.
make_history()
{
	make_store
	io write data 0 1 write data 1 2 write data 9 3 >/dev/null
	must smv snapshot -S ./store data a
	io write data 0 4 write data 5 5 write data@a 7 6 zero data@a 9 >/dev/null
	must smv snapshot -S ./store data@a b
	io write data@a 7 7 write data@b 8 8 write data 1 9 >/dev/null
	must smv snapshot -S ./store data c
	io write data 1 10 write data@b 1 11 write data 63 12 >/dev/null
}

t_diff_lists_exactly_the_chunks_that_differ()
{
	make_history
	for x in data data@a data@b data@c; do
		for y in data data@a data@b data@c; do
			compare $x $y
		done
	done
	eq "$(out smv diff -S ./store data@a data@a | wc -l)" 1 'lines of none'
}

t_diff_stays_exact_after_deletes_and_merges()
{
	make_history
	must smv delete -S ./store data@a
	compare data@b data@c
	compare data data@b
	must smv delete --wait -S ./store data@c
	compare data@b data
	clean_check
}

t_diff_in_mid_rollback_compares_what_is_read()
{
	make_history
	must smv rollback -S ./store --undo u data@b
	compare data data@b
	eq "$(wc -l <ranges)" 1 'lines of none'
	compare data data@u
	io write data 7 20 write data 2 21 >/dev/null
	compare data@b data
	must smv snapshot -S ./store data d
	compare data@d data
	compare data@d data@u
}

t_diff_with_one_volume_goes_from_the_snapshot_to_its_origin()
{
	make_history
	out smv diff -S ./store data@a >one
	out smv diff -S ./store data@a data >two
	cmp one two
	refused 1 'is an origin: name a snapshot' smv diff -S ./store data
	has_way_out
}

t_diff_as_json_and_of_zeroes_and_of_a_partial_last_chunk()
{
	truncate -s 16M store
	truncate -s 4100K origin
	must smv format -c 64K ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	must smv snapshot -S ./store data b
	io write data 3 1 write data 4 1 write data 64 1 zero data@b 3 >/dev/null
	out smv diff --json -S ./store data@a data@b >j
	eq "$(json j '[(r["offset"],r["bytes"],r["kind"]) for r in j["ranges"]]')" \
		"[(196608, 65536, 'zero')]"
	out smv diff --json -S ./store data@a >j
	eq "$(json j '[(r["offset"],r["bytes"],r["kind"]) for r in j["ranges"]]')" \
		"[(196608, 131072, 'data'), (4194304, 4096, 'data')]"
	eq "$(json j '(j["from"],j["to"],j["bytes"],j["chunk_bytes"])')" \
		"('data@a', 'data', 135168, 65536)"
	eq "$(out smv diff -S ./store data@a | sed -n 3p | tr -s ' ')" '4194304 4096 data'
}

t_diff_refuses_what_cannot_be_compared()
{
	make_store
	truncate -s 1M two
	must smv add ./store ./two other
	must smv snapshot -S ./store data a
	must smv snapshot -S ./store other b
	refused 1 'of another origin' smv diff -S ./store data@a other@b
	has_way_out
	refused 1 'no such volume' smv diff -S ./store data@a data@nosuch
	refused 2 '' smv diff
	refused 2 '' smv diff a b c
	must $PLANT store volume 3 flags 8
	refused 1 'is invalid' smv diff -S ./store data@a
	has_way_out
}

t_diff_writes_nothing()
{
	make_history
	before=$(sums store origin)
	must smv diff -S ./store data@a data@b
	must smv diff -S ./store --json data@b
	eq "$(sums store origin)" "$before" 'store and origin'
}

# Their own sizes are recorded; where one ends within a chunk, the rest of it is the other's alone.
t_volumes_of_different_sizes_differ_from_where_the_shorter_one_ends()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 3 1 >/dev/null
	out smv dump ./store >one
	for sizes in '8192 8224 4194304+16384' '8224 8288 4194304+49152' '8224 8192 4194304+16384' \
		'8224 8500 4194304+157696' '8192 8320 4194304+65536' '8224 8224 '; do
		# shellcheck disable=SC2086
		set -- $sizes
		sed "/ number=1 /s/sectors=8192/sectors=$2/;/ number=2 /s/sectors=8192/sectors=$1/" one >two
		must smv restore two ./store
		clean_check
		out smv diff --json -S ./store data@a >j
		eq "$(json j '" ".join("%d+%d" % (r["offset"], r["bytes"]) for r in j["ranges"])')" \
			"196608+65536${3:+ $3}" "$1 and $2 sectors"
	done
}

run_tests "$@"
