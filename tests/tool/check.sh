# SPDX-License-Identifier: GPL-2.0-only
# check finds what is wrong: each kind of damage planted, with checksums that fit
# where the damage is meant to be one of meaning.

TMP_BASE=/dev/shm
. "$(dirname "$0")/lib"

# A store with something of everything: entries 0 and 1 of the origin, then
# volume 2's zero entry and chunk, volume 3's chunk.
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

# found KIND [PATTERN]: check says so, exits with 1, and writes nothing
found()
{
	before=$(sums store)
	refused 1 'damaged' smv check ./store
	has_way_out
	grep -Eq "^$1: .*${2:-}" .out || fail "no $1 $2: $(cat .out)"
	smv check --json ./store >j 2>/dev/null || :
	eq "$(json j "'$1' in [d['kind'] for d in j['damages']] and not j['clean']")" True
	eq "$(sums store)" "$before" 'the store'
	cp was store
}

plant()
{
	$PLANT store "$@"
}

number_of()	# the store chunk of exception $1
{
	smv dump ./was | grep '^exception' | sed -n "$(($1 + 1))s/.* at=\([0-9]*\).*/\1/p"
}

t_a_clean_store_is_clean()
{
	rich
	clean_check
	out smv check --json ./store >j
	eq "$(json j '(j["clean"],j["damage_count"],j["damages"],j["exceptions"],j["volumes"])')" \
		'(True, 0, [], 5, 3)'
	eq "$(out smv check -q ./store)" ''
	plant super data_chunks 0
	smv check -q ./store >o 2>e || :
	[ ! -s o ] && [ "$(wc -l <e)" = 1 ] || fail 'not quiet'
}

t_every_flipped_bit_of_metadata_is_found()
{
	rich
	for block in super directory group exceptions volumes; do
		eval "at=\$$block"
		for offset in 0 1 4 20 24 31 32 40 44 48 63 64 80 100 1000 2111 2112 4095; do
			plant flip "$at" $offset 16
			refused 1 'damaged|newer' smv check ./store
			cp was store
		done
	done
}

t_a_damaged_superblock_is_found_and_the_other_one_used()
{
	rich
	plant flip $((3 - super)) 200 1
	found super-one
	plant flip "$super" 200 1
	plant flip $((3 - super)) 200 1 2>/dev/null || python3 - <<-PY
		f = open('store', 'r+b'); f.seek($((3 - super)) * 4096 + 200); f.write(b'\\xff')
	PY
	found super-none
}

t_stale_blocks_are_found()
{
	rich
	# an older version of the tree's root at the same place: a lost write
	io write data 2 7
	new=$($PLANT store where | sed -n 's/^exceptions //p')
	cp store now
	dd if=was of=store bs=4096 skip="$exceptions" seek="$new" count=1 conv=notrunc status=none
	cp store was2
	refused 1 'damaged' smv check ./store
	grep -q '^node: ' .out || fail "$(cat .out)"
	cp now store
	clean_check
	# the group block's other copy in the place of the current one
	locate
	other=$((group ^ 1))
	dd if=now of=store bs=4096 skip=$other seek="$group" count=1 conv=notrunc status=none
	refused 1 'damaged' smv check ./store
	grep -q '^group: ' .out || fail "$(cat .out)"
	cp now store
	# and of the directory
	bit=$(((directory - 4) % 2))
	other=$((directory + 1 - 2 * bit))
	dd if=now of=store bs=4096 skip=$other seek="$directory" count=1 conv=notrunc status=none
	refused 1 'damaged' smv check ./store
	grep -q '^directory: ' .out || fail "$(cat .out)"
}

t_another_stores_block_is_found()
{
	rich
	cp store mine
	truncate -s 16M other
	must smv format ./other
	dd if=other of=store bs=4096 skip="$directory" seek="$directory" count=1 conv=notrunc \
		status=none
	found directory
}

t_a_leaked_chunk_is_named()
{
	rich
	free=$(($(number_of 0) + 100))
	plant bit $free 1
	found chunk-leak "chunk $free:"
}

t_a_chunk_in_use_but_marked_free_is_named()
{
	rich
	used=$(number_of 1)
	plant bit "$used" 0
	found chunk-free "chunk $used:"
}

t_a_chunk_with_two_owners_is_named()
{
	rich
	one=$(number_of 0)
	plant entry 1 where "$one"
	found chunk-twice "chunk $one:.*volume 1 chunk 1"
	# what the other one held has no owner any more
	plant entry 1 where "$one"
	found chunk-leak "chunk $(number_of 1):"
}

t_an_exception_in_an_impossible_place_is_found()
{
	rich
	for chunk in 0 1 "$first_chunk" 1000000 72057594037927935; do
		plant entry 0 where "$chunk"
		found chunk-place "chunk $chunk:"
	done
	plant entry 0 where $((exceptions / 16))
	found chunk-place
}

t_impossible_values_are_found()
{
	rich
	plant entry 0 where 0x0100000000000005
	found value
	plant entry 0 where 0x0200000000000005
	found value
	plant entry 0 where 0x0300000000000001
	found value 'a mark'
	plant entry 0 where 0x0400000000000000
	found value
	plant entry 0 where 0xffffffffffffffff
	found value
}

t_exceptions_that_belong_nowhere_are_found()
{
	rich
	plant entry 4 volume 77
	found entry-volume 'volume 77'
	plant entry 1 chunk 64
	found entry-chunk 'volume 1.*chunk 64'
	plant entry 1 epoch 99
	found entry-epoch 'volume 1'
	plant entry 0 epoch 0
	found entry-epoch 'volume 1'
}

t_a_tree_out_of_order_is_found()
{
	rich
	plant swap 0 1
	found node
	plant entry 1 chunk 0
	found node
}

t_wrong_counts_are_found()
{
	rich
	for field in data_chunks meta_chunks; do
		plant super $field 0
		found count
	done
	for field in ex_entries ex_leaves vo_entries vo_leaves; do
		plant super $field 7
		found tree-count
	done
	plant super ex_internals 7
	found tree-count
	plant free 0 -1
	found group-free
	plant volume 1 exceptions 1
	found volume-count 'volume 1.*says 1, there are 2'
	plant drop 4
	found volume-count 'volume 3.*says 1, there are 0'
	plant drop 4
	found chunk-leak
	plant drop 4
	found tree-count
}

t_leaked_and_stray_metadata_blocks_are_found()
{
	rich
	plant metabit $((exceptions / 16 * 16 + 15)) 1
	found node-leak "block $((exceptions / 16 * 16 + 15))"
	plant metabit "$exceptions" 0
	found node-place "block $exceptions"
	plant super ex_block $(($(number_of 0) * 16))
	found node-place
	plant bit $((exceptions / 16)) 0
	found group-meta
	plant super ex_block 99999999
	refused 1 'damaged' smv check ./store
}

t_one_tree_in_the_place_of_the_other_is_found()
{
	rich
	plant super ex_block "$volumes"
	found node-twice
	found_other=$exceptions
	plant super vo_block "$found_other"
	found node
}

t_impossible_volumes_are_found()
{
	rich
	plant volume 3 parent 9
	found volume-parent 'volume 3'
	plant volume 2 parent 3
	found volume-parent 'volume 2'
	plant volume 3 parent 3
	found volume-parent 'volume 3'
	plant volume 3 origin 2
	found volume-parent 'volume 3'
	plant volume 3 asof 99
	found volume-asof 'volume 3'
	plant volume 3 asof 0
	found volume-asof 'volume 3'
	plant volume 3 number 2
	found volume-field
	plant volume 3 number 0
	found volume-field
	plant volume 3 epoch 0
	found volume-field
	plant volume 3 epoch 0x4000000000000001
	found volume-field
	plant volume 3 flags 0x80
	found volume-field
	plant volume 1 flags 3
	found volume-field
	plant volume 1 sectors 0
	found volume-field
	plant super next_volume 3
	found volume-field 'volume 3.*not given out'
	plant volume 1 origin 2
	found volume-parent 'volume 1'
	plant volume 1 parent 2
	found volume-parent 'volume 1'
	plant volume 1 flags 5
	found volume-parent 'volume 2.*origin 1 was removed'
}

t_impossible_names_are_found()
{
	rich
	plant volume 3 name a
	found volume-name 'volume 3.*volume 2 has it'
	plant volume 3 name ''
	found volume-name 'volume 3'
	plant volume 3 name 'a/b'
	found volume-name 'volume 3'
	plant volume 1 name 'a:b'
	found volume-name 'volume 1'
	# the same name in another origin is none
	truncate -s 1M two
	must smv add ./store ./two other
	must smv snapshot -S ./store other a
	clean_check
}

t_impossible_rollbacks_are_found()
{
	rich
	must smv rollback -S ./store data@b
	clean_check
	cp store was
	plant volume 1 roll_volume 2
	found volume-roll 'volume 1'
	plant volume 1 roll_volume 99
	found volume-roll 'volume 1'
	plant volume 1 roll_epoch 99
	found volume-roll 'volume 1'
	plant volume 1 roll_done 65
	found volume-roll 'volume 1'
	plant volume 1 roll_volume 0
	found volume-roll 'does not run'
	plant volume 2 roll_volume 3
	found volume-roll 'volume 2'
}

t_journal_records_are_checked_after_replay()
{
	rich
	io write data 5 1 write data@b 6 1 quit
	must smv check ./store
	grep -q '^clean: .* [1-9][0-9]* journal records' .out || fail "$(cat .out)"
	# a hole in the middle of the journal, with valid commits behind
	locate
	cp store was
	plant flip "$cut" 100 1
	refused 1 'damaged' smv check ./store
	grep -q '^journal: ' .out || fail "$(cat .out)"
	refused 1 'damaged' smv list ./store
	refused 1 'damaged' smv set ./store policy=hold
	cp was store
	clean_check
}

t_records_that_contradict_the_checkpoint_are_found()
{
	rich
	io write data@b 6 1 quit
	clean_check
	cp store was
	n=0
	# the put's new chunk becomes one that another exception owns
	plant record 0 24 "$(number_of 0)"
	found replay
	plant record 0 0 99
	found replay
}

# I-UNPROVEN: what is announced is an origin's chunk, and in nobody's place
t_records_that_announce_what_cannot_be_are_found()
{
	rich
	io write data@b 6 1 quit
	cp store was
	plant record 0 32 7
	found announced 'volume 3'
	plant record 0 32 7
	refused 1 'announces a copy that cannot be' smv list ./store
	refused 1 'announces a copy that cannot be' smv set ./store policy=hold
	cp was store
	io write data 5 1 quit
	cp store was
	plant record 0 32 7
	clean_check	# it can be one, whose copy is not there or proven
	plant record 0 24 0x0100000000000000
	found announced 'volume 1'
	plant record 0 32 7
	plant record 0 40 0x0100000000000000
	found announced 'volume 1'
}

t_a_superblock_that_does_not_announce_the_journal_is_found()
{
	rich
	io write data@b 6 1 quit
	clean_check
	cp store was
	plant super state 0
	found super-field 'closed, but 1 records'
	plant super incompat 0
	clean_check	# none of its records needs it
	io write data 5 1 quit
	cp store was
	plant record 0 32 7
	clean_check
	plant super incompat 0
	found super-field 'needs incompatible feature 0'
}

# The engine counts on it until it has read the group's block.
t_a_wrong_share_of_metadata_in_the_directory_is_found()
{
	rich
	plant share 0 0
	found group-meta 'says 0 of 255'
	plant share 0 255
	found group-meta 'says 255 of 255'
}

t_marks_that_overlap_are_found()
{
	rich
	must smv rollback -S ./store data@b
	io write data 0 7 write data 4 8 >/dev/null
	clean_check
	out smv dump ./store >one
	mark=$(grep '^exception' one | grep -n 'chunk=0 .*kind=mark at=1' | cut -d : -f 1)
	cp store was
	plant entry $((mark - 1)) where 0x0300000000000005
	found value 'a mark at chunk 4'
	sed '/kind=mark/s/at=1/at=5/' one >two
	refused 1 'does not fit together.*a mark' smv restore two ./store
}

# I-WATERMARK: no commit speaks of what comes later, or takes back what was said
t_watermarks_that_cannot_be_are_found()
{
	rich
	io write data 5 1 write data@b 6 1 write data 7 1 quit
	cp store was
	plant watermark 1000
	found watermark
	plant watermark 1000
	refused 1 'what it cannot know' smv list ./store
	refused 1 'what it cannot know' smv set ./store policy=hold
	cp was store
	plant watermark 0
	clean_check
}

# I-INTERVAL: what nobody reads is freed, or its origin waits for the cleaner
t_exceptions_that_nobody_reads_are_found()
{
	rich
	plant entry 0 epoch 1
	found entry-unread 'volume 1.*chunk 0 epoch 1'
	plant entry 0 epoch 1
	plant volume 1 flags 33	# an origin, and it waits
	clean_check
}

# I-UNPROVEN-CUT: what is in a tree is proven
t_unproven_exceptions_in_the_tree_are_found()
{
	rich
	plant entry 0 check 7
	found unproven 'volume 1'
}

t_a_torn_tail_of_the_journal_is_no_damage()
{
	rich
	io write data 5 1 quit
	locate
	n=0
	# the last block of the journal that is in use
	last=$(python3 - <<-PY
		f = open('store', 'rb')
		last = 0
		for b in range($cut, $journal + 64):
		    f.seek(b * 4096)
		    h = f.read(64)
		    if h[4:8] == b'smvJ':
		        last = b
		print(last)
	PY
	)
	plant flip "$last" 3000 1
	must smv check ./store
	must smv list ./store
	must smv set ./store policy=hold
	clean_check
}

t_a_checkpoint_with_many_leaves_is_checked()
{
	make_store 64M 4K
	truncate -s 8M origin
	must smv remove -S ./store data
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	args='' i=0
	while [ $i -lt 400 ]; do
		args="$args write data@a $((i * 5)) 1"
		i=$((i + 1))
	done
	io $args
	clean_check
	out smv check --json ./store >j
	[ "$(json j 'j["nodes"]')" -gt 4 ] || fail 'not many leaves'
	eq "$(json j 'j["exceptions"]')" 400
	cp store was
	plant twice
	found node-twice
	plant separator
	found node-order
	# every node of it
	python3 - >nodes <<-PY
		f = open('store', 'rb')
		b = 0
		while True:
		    h = f.read(4096)
		    if len(h) < 4096: break
		    if h[4:8] == b'smvN': print(b)
		    b += 1
	PY
	hit=0
	for b in $(cat nodes); do
		plant flip "$b" 500 4
		status=0
		smv check -q ./store 2>err || status=$?
		[ $status -eq 0 ] || eq "$status $(wc -l <err)" '1 1' 'status and lines on stderr'
		hit=$((hit + status))
		cp was store
	done
	# old versions of nodes are not in use; those in use must be found
	[ $hit -ge "$(json j 'j["nodes"]')" ] || fail "$hit flips found"
}

t_too_many_damages_are_counted_not_listed()
{
	make_store 128M 4K
	plant bit $(($($PLANT store where | sed -n 's/^first_chunk //p') + 100)) 1 1500
	refused 1 '1500 findings' smv check ./store
	eq "$(grep -c '^chunk-leak' .out)/$(tail -n 1 .out)" '1000/and 500 more'
	smv check --json ./store >j 2>/dev/null || :
	eq "$(json j '(len(j["damages"]),j["damage_count"])')" '(1000, 1500)'
}

t_every_kind_of_damage_has_a_test()
{
	kinds=$(sed -n 's/^.*X([A-Z_]*, "\([a-z-]*\)".*/\1/p' "$TOP/inspect/damage.h")
	[ -n "$kinds" ] || fail 'no kinds'
	for kind in $kinds; do
		case $kind in
		read) continue ;; # a file has no unreadable blocks
		esac
		grep -Eq "found $kind( |\$)|\^$kind: " "$HERE/check.sh" || fail "$kind is not planted here"
	done
}

t_a_device_that_became_smaller_is_refused()
{
	rich
	truncate -s 8M store
	for c in 'list' 'status' 'dump' 'set'; do
		case $c in
		set) refused 1 'smaller' smv set ./store policy=hold ;;
		dump) refused 1 '.' smv dump ./store ;;
		*) refused 1 'smaller' smv $c ./store ;;
		esac
	done
	found super-field 'needs'
	truncate -s 20M store
	clean_check
	must smv list ./store
}

run_tests "$@"
