# SPDX-License-Identifier: GPL-2.0-only
# repair: for each kind of damage, planted as for check: check names it, repair
# heals it (with the losses it names) or refuses, and the second check is clean.

. "$(dirname "$0")/lib"

plant()
{
	$PLANT store "$@"
}

# Origin entries 0 and 1, volume 2's zero entry and chunk, volume 3's chunk.
rich()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 0 1 write data 1 1 >/dev/null
	must smv snapshot -S ./store data@a b
	io zero data@a 2 write data@a 3 9 write data@b 4 9 >/dev/null
	clean_check
	cp store was
	locate
}

number_of()	# the store chunk of exception $1
{
	smv dump ./was | grep '^exception' | sed -n "$(($1 + 1))s/.* at=\([0-9]*\).*/\1/p"
}

damaged()	# KIND
{
	refused 1 'damaged' smv check ./store
	grep -q "^$1: " .out || fail "no $1: $(cat .out)"
}

# heals KIND LOSSES [PATTERN]: in place and to a file, with the same result
heals()
{
	damaged "$1"
	cp store bad
	before=$(sums store)
	refused 1 'nothing was written' smv repair ./store
	has_way_out
	eq "$(sums store)" "$before" 'the store after a dry run'
	truncate -s 16M out
	must smv repair ./store ./out
	eq "$(sums store)" "$before" 'the store repaired elsewhere'
	eq "$(tail -n 1 .out | sed 's/.*; //')" "$2 losses" "$1: $(cat .out): "
	[ -z "${3:-}" ] || grep -Eq -e "$3" .out || fail "does not say $3: $(cat .out)"
	clean_check ./out
	must smv repair -f ./store
	clean_check
	out smv dump ./store >d1
	out smv dump ./out >d2
	cmp d1 d2
	# what it was repaired to is a store to work with
	must smv snapshot -S ./store data fresh
	io write data 40 1 >/dev/null
	clean_check
	rm out
	cp was store
}

same_as_before()
{
	out smv dump ./was >d2
	cmp d1 d2 || fail 'not what it was before the damage'
}

refuses()	# KIND PATTERN
{
	damaged "$1"
	before=$(sums store)
	refused 1 "$2" smv repair -f ./store
	has_way_out
	eq "$(sums store)" "$before" 'the store'
	cp was store
}

t_repair_of_a_clean_store_changes_nothing()
{
	rich
	out smv dump ./store >one
	must smv repair -f ./store
	grep -q '0 losses' .out || fail "$(cat .out)"
	out smv dump ./store >two
	cmp one two
	io read data@a 0 read data@a 3 read data@b 4 >v
	eq "$(tr '\n' ' ' <v)" '0 9 9 '
}

t_repair_of_superblocks()
{
	rich
	plant flip $((3 - super)) 200 1
	heals super-one 0
	same_as_before
	plant flip "$super" 200 1
	plant flip $((3 - super)) 200 1 2>/dev/null || python3 - <<-PY
		f = open('store', 'r+b'); f.seek($((3 - super)) * 4096 + 200); f.write(b'\\xff')
	PY
	refuses super-none 'no superblock is whole'
	truncate -s 8M store
	damaged super-field
	refused 1 'smaller' smv repair -f ./store
}

t_repair_of_bitmaps_and_counts_loses_nothing()
{
	rich
	plant flip "$directory" 100 1
	heals directory 0
	same_as_before
	plant flip "$group" 100 1
	heals group 0
	same_as_before
	plant free 0 -1
	heals group-free 0
	same_as_before
	plant bit $(($(number_of 0) + 100)) 1
	heals chunk-leak 0
	same_as_before
	plant bit "$(number_of 1)" 0
	heals chunk-free 0
	same_as_before
	plant metabit $((exceptions / 16 * 16 + 15)) 1
	heals node-leak 0
	same_as_before
	plant metabit "$exceptions" 0
	heals node-place 0
	same_as_before
	plant bit $((exceptions / 16)) 0
	heals group-meta 0
	same_as_before
	plant share 0 0
	heals group-meta 0
	same_as_before
	plant super data_chunks 0
	heals count 0
	same_as_before
	plant super ex_entries 7
	heals tree-count 0
	same_as_before
	plant volume 1 exceptions 1
	heals volume-count 0
	same_as_before
}

# The leaf with all exceptions: what may have been in it reads as an error.
t_repair_of_a_lost_leaf_names_every_range_that_is_lost()
{
	rich
	plant flip "$exceptions" 500 1
	heals node 2 '^data@a chunks 0 to 63: '
	grep -q 'kind=lost' d1 || fail 'nothing reads as lost'
	io read data 0 >v
	eq "$(cat v)" 1 'the origin'
	refused 1 'nothing was written' smv repair ./bad
	grep -q '^data@b chunks 0 to 63: ' .out || fail "$(cat .out)"
	cp bad store
	must smv repair -f ./store
	for s in data@a data@b; do
		"$STOREIO" ./store ./origin read $s 3 >.out 2>.err && fail "$s can be read"
		eq "$(cat .err)" 'storeio: read: Input/output error' "reading $s"
		must smv delete -S ./store $s
	done
	clean_check
}

t_repair_of_the_lost_table_of_volumes_says_so()
{
	rich
	plant flip "$volumes" 500 1
	damaged node
	must smv repair -f ./store
	grep -q '5 exceptions of no volume' .out || fail "$(cat .out)"
	grep -q '3 volumes are lost' .out || fail "$(cat .out)"
	grep -q '0 volumes, 0 exceptions; 1 losses' .out || fail "$(cat .out)"
	clean_check
}

t_repair_of_impossible_exceptions_loses_just_these()
{
	rich
	plant entry 3 where 0
	heals chunk-place 1 '^data@a chunk 3: '
	plant entry 3 where 0x0100000000000005
	heals value 1 '^data@a chunk 3: '
	plant entry 0 where 0x0400000000000000
	heals value 2 '^data@b chunk 0: '
	plant entry 1 where "$(number_of 0)"
	heals chunk-twice 2 '^data@a chunks 0 to 1: '
	# whose they were cannot be known: all of the volume may miss them
	plant entry 4 volume 77
	heals entry-volume 1 '^data@b chunks 0 to 63: '
	plant entry 1 chunk 64
	heals entry-chunk 4 '^data@a chunks 4 to 63: '
	plant entry 4 epoch 99
	heals entry-epoch 1 '^data@b '
	plant drop 4
	heals volume-count 1 '^data@b '
	plant swap 0 1
	heals node 2
}

t_repair_of_volumes_makes_invalid_what_cannot_be_known()
{
	rich
	plant volume 3 parent 9
	heals volume-parent 1 '^data@b: is invalid'
	plant volume 3 asof 99
	heals volume-asof 1 '^data@b: is invalid'
	plant volume 3 origin 2
	heals volume-parent 0 'is of its parent'
	same_as_before
	plant volume 1 origin 2
	heals volume-parent 0
	same_as_before
	plant volume 1 flags 5
	heals volume-parent 0 'data: has snapshots'
	same_as_before
	plant volume 3 flags 0x80
	heals volume-field 0
	same_as_before
	plant volume 1 epoch -1
	heals volume-field 0 'data: had no possible epoch'
	plant volume 1 sectors 0
	damaged volume-field
	must smv repair -f ./store
	grep -q 'volume 1.*dropped\|data: is dropped' .out || fail "$(cat .out)"
	clean_check
	cp was store
	plant super next_volume 3
	heals volume-field 0
	same_as_before
	plant volume 3 name a
	heals volume-name 0 '^data@recovered-3: '
	plant volume 3 name 'a/b'
	heals volume-name 0 '^data@recovered-3: '
}

t_repair_refuses_a_rollback_whose_record_is_damaged()
{
	rich
	must smv rollback -S ./store data@b
	clean_check
	cp store was
	plant volume 1 roll_volume 2
	refuses volume-roll 'rollback'
	plant volume 1 roll_epoch 99
	refuses volume-roll 'rollback'
	plant volume 1 roll_volume 0
	refuses volume-roll 'rollback'
	locate
	plant flip "$exceptions" 500 1
	refuses node 'running rollback'
	# one that is whole goes on
	plant free 0 -1
	damaged group-free
	must smv repair -f ./store
	clean_check
	out smv status ./store | grep -q 'rollback  *data to data@b' || fail 'no rollback any more'
}

# What the superblock before it says is no store that the journal's records are of.
t_a_lost_superblock_that_has_been_in_use_is_no_torn_one()
{
	rich
	io write data 5 1 write data@b 6 1 quit
	clean_check
	locate
	plant flip "$super" 200 1
	cp store was
	damaged journal
	grep -q '^super-one: ' .out || fail "$(cat .out)"
	refused 1 'newest superblock is damaged' smv list ./store
	has_way_out
	refused 1 'newest superblock is damaged' smv dump ./store
	heals journal 3 '^data@a: is suspect'
}

t_repair_of_the_journal_marks_all_snapshots_suspect()
{
	rich
	io write data 5 1 write data@b 6 1 write data 7 1 quit
	clean_check
	locate
	cp store was
	plant super state 0
	heals super-field 0
	plant flip "$cut" 100 1
	heals journal 3 '^data@a: is suspect'
	plant record 0 24 "$(number_of 0)"
	damaged replay
	must smv repair -f ./store
	clean_check
}

t_repair_of_announcements_that_cannot_be_loses_what_they_speak_of()
{
	rich
	io write data@b 6 1 quit
	cp store was
	plant record 0 32 7
	heals announced 1 '^data@b chunk 6: .*reads as an error'
	cp was store
	io write data 5 1 write data@b 6 1 write data 7 1 quit
	cp store was
	plant watermark 1000
	heals watermark 3 '^data@a: is suspect'
}

# Nothing that is read is lost: the cleaner gets to know of it.
t_repair_of_exceptions_that_nobody_reads_leaves_them_to_the_cleaner()
{
	rich
	plant entry 0 epoch 1
	heals entry-unread 0
}

# One that says the truth stays; its copy is not read again by anybody.
t_repair_of_unproven_exceptions_in_the_tree_looks_at_their_copies()
{
	rich
	plant entry 0 check 7
	heals unproven 2 '^data@a chunk 0: .*reads as an error'
	cp was store
	plant entry 0 check "$($PLANT store xxh64 "$(number_of 0)")"
	heals unproven 0
}

t_repair_of_a_tree_with_a_node_twice_or_a_wrong_key()
{
	make_store 64M 4K
	must smv snapshot -S ./store data a
	args='' i=0
	while [ $i -lt 400 ]; do
		args="$args write data@a $((i * 2)) 1"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086
	io $args
	clean_check
	cp store was
	plant separator
	damaged node-order
	must smv repair -f ./store
	clean_check
	cp was store
	plant twice
	damaged node-twice
	must smv repair -f ./store
	# the leaf that the node should have named is found all the same
	grep -q '400 exceptions; 0 losses' .out || fail "$(cat .out)"
	clean_check
}

# A leaf begins with an entry that a merge left, whose chunk of the store has its volume's number: as a volume would.
t_repair_takes_no_leaf_of_exceptions_for_one_of_volumes()
{
	make_store 64M 4K
	must smv snapshot -S ./store data a
	args='' i=0
	while [ $i -lt 250 ]; do
		args="$args write data@a $i 1"
		i=$((i + 1))
	done
	# shellcheck disable=SC2086
	io $args
	out smv dump ./store >one
	number=$(sed -n 's/^exception .*chunk=0 .*at=\([0-9]*\).*/\1/p' one)
	sed "s/ next_volume=[0-9]*/ next_volume=$((number + 1))/
		s/ number=2 / number=$number /; s/ volume=2 / volume=$number /
		s/ chunk=0 epoch=1 / chunk=0 epoch=0 /" one >two
	must smv restore two ./store
	clean_check
	python3 "$HERE/nodes.py" destroy store 1 root >/dev/null
	damaged node
	must smv repair -f ./store
	grep -q '250 exceptions; 0 losses' .out || fail "$(cat .out)"
	clean_check
	out smv dump ./store >three
	cmp two three
}

t_repair_as_json()
{
	rich
	plant entry 3 where 0
	truncate -s 16M out
	must smv repair --json ./store ./out
	cp .out j
	eq "$(json j '[(f["volume"],f["chunk"],f["chunks"]) for f in j["found"]]')" \
		"[('data@a', 3, 1)]"
	eq "$(json j '(j["written"],j["losses"],j["volumes"])')" '(True, 1, 3)'
	io read data@b 4 >/dev/null
	cp out store
	eq "$(io read data@b 4)" 9 'data copied along'
}

t_repair_refuses_where_it_would_hurt()
{
	rich
	truncate -s 16M none small other
	truncate -s 8M small
	refused 1 'smaller' smv repair ./store ./small
	has_way_out
	refused 1 'itself' smv repair ./store ./store
	must smv format ./other
	refused 1 'holds a snapmv store' smv repair ./store ./other
	has_way_out
	must smv repair -f ./store ./other
	clean_check ./other
	refused 1 '' smv repair ./none
	refused 2 '' smv repair
}

# A few exceptions of ten snapshots of 200,000 chunks, whose only leaf is lost.
t_repair_finds_room_in_a_store_that_is_small_for_its_volumes()
{
	make_store 8M 4K
	out smv dump ./store | python3 -c '
import re, sys
store, settings, origin = sys.stdin.read().split("\n")[:3]
put = lambda row, **to: re.sub(r" (\w+)=\S*", lambda m: f" {m[1]}={to.get(m[1], m[0].split(chr(61))[1])}", row)
print(put(store, data_chunks=30, next_volume=12), settings, sep="\n")
print(put(origin, sectors=1600000, epoch=11))
for v in range(2, 12):
    print(put(origin, number=v, parent=1, asof=v - 1, taken_of=1, sectors=1600000, exceptions=3,
              flags="", name=f"s{v}", identity=""))
for v in range(2, 12):
    for i in range(3):
        print(f"exception volume={v} chunk={i * 90000} epoch=1 kind=chunk at={900 + 3 * v + i} check=0")
print("end")' >wide
	truncate -s 819200000 origin
	must smv restore wide ./store
	locate
	plant flip "$exceptions" 100 1
	must smv repair -f ./store
	grep -q '^data@s2: is invalid from now on' .out || fail "$(tail -n 20 .out)"
	clean_check
	must smv delete --wait -S ./store data@s2
	must smv snapshot -S ./store data new
	clean_check
}

t_repair_overwrites_nothing_that_is_known_unless_forced()
{
	rich
	truncate -s 16M out
	mkfs.ext4 -q out
	before=$(sums out)
	refused 1 'out: holds ext4: .*-f' smv repair ./store ./out
	eq "$(sums out)" "$before" 'the file system'
	must smv repair -f ./store ./out
	clean_check ./out
	eq "$(blkid -p -o value -s TYPE out || :)" '' 'what blkid sees'
	out smv dump ./out >d1
	out smv dump ./store >d2
	cmp d1 d2
}

t_repair_overwrites_no_origin_of_the_store_unless_forced()
{
	truncate -s 16M store
	head -c 20M /dev/urandom >origin
	must smv format ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	before=$(sums store origin)
	ln origin hard
	ln store store2
	for out in origin hard; do
		refused 1 "$out: .*origin.*snapmv0/data.*-f" smv repair ./store ./$out
		has_way_out
	done
	for out in store store2; do
		refused 1 'itself' smv repair ./store ./$out
		refused 1 'itself' smv repair -f ./store ./$out
	done
	eq "$(sums store origin)" "$before" 'the store and its origin'
	must smv repair -f ./store ./origin
	clean_check ./origin
}

t_a_repair_that_ends_while_it_copies_leaves_no_store_there()
{
	rich
	cp store out
	refused 1 'holds a snapmv store' smv repair ./store ./out
	io write data@a 3 10 >/dev/null
	refused 1 'out: cannot be written' sh -c \
		"trap '' XFSZ; exec prlimit --fsize=400000 '$SNAPMV' repair -f ./store ./out"
	refused 1 'holds no store' smv check ./out
	must smv repair -f ./store ./out
	clean_check ./out
}

t_repair_refuses_a_store_that_may_only_be_read()
{
	rich
	plant super ro_compat 4
	before=$(sums store)
	truncate -s 16M out
	refused 1 'newer format .it needs read-only compatible features 2.' smv repair -f ./store
	has_way_out
	refused 1 'newer format' smv repair ./store ./out
	refused 1 'newer format' smv repair ./store
	eq "$(sums store)" "$before" 'the store'
	clean_check
}

# Two checkpoints on, its place is that of a version of before, whole and with the right checksum: as if the
# write of the one that is named had been lost.
t_a_node_of_before_is_not_taken_for_the_one_that_is_named()
{
	make_store
	io write data 0 1 write data 1 1 >/dev/null
	must smv snapshot -S ./store data a
	io write data 0 2 >/dev/null
	for step in 1 2 3 4 5 6; do
		cp store old$step
		io write data $((step + 2)) 3 >/dev/null
		must smv rename -S ./store data@$(out smv list -q ./store | sed -n 's/data@//p') s$step
	done
	for tree in volumes exceptions; do
		block=$($PLANT store where | sed -n "s/^$tree //p")
		found=0
		for step in 1 2 3 4 5 6; do
			[ "$($PLANT old$step where | sed -n "s/^$tree //p")" = "$block" ] || continue
			cp store bad
			dd if=old$step of=bad bs=4096 skip="$block" seek="$block" count=1 \
				conv=notrunc status=none
			! cmp -s store bad || continue
			found=1
			if smv repair -f ./bad >said 2>err; then
				! grep -q ' 0 losses' said || fail "$tree of $step: nothing lost, it says"
			else
				grep -q 'cannot be repaired' err || fail "$tree of $step: $(cat err)"
			fi
		done
		[ $found = 1 ] || fail "no version of before at block $block, of $tree"
	done
}

run_tests "$@"
