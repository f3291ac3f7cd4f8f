# SPDX-License-Identifier: GPL-2.0-only
# restore: what a dump says comes back, to the byte; anything else is refused.

. "$(dirname "$0")/lib"

make_history()
{
	make_store
	must smv set ./store policy=hold low-water=15% throttle=pause
	must smv snapshot -S ./store -m 'a memo: 100% "wahr" \ ü' data a
	io write data 0 1 write data 1 1 zero data@a 1 >/dev/null
	must smv snapshot -S ./store data@a b
	io write data@b 3 7 write data@a 3 8 write data 9 2 >/dev/null
	must smv delete -S ./store data@a
	must smv rollback -S ./store --undo u data@b
	io write data 20 3 >/dev/null
	must $PLANT store memo 3 'bytes \xff\xc3 that are no text'
}

# With the metadata gone, and with newer records in the journal.
t_dump_restore_dump_is_identical()
{
	make_history
	values="read data 0 read data@b 0 read data@b 3 read data@u 9 read data 20"
	# shellcheck disable=SC2086
	io $values >before
	for form in '' --json; do
		# shellcheck disable=SC2086
		out smv dump $form ./store >one
		io write data@b 40 1 write data 41 1 quit >/dev/null
		eq "$(out smv restore one ./store)" 'restored: 5 volumes, 7 exceptions'
		clean_check
		# shellcheck disable=SC2086
		out smv dump $form ./store >two
		cmp one two || fail "the dumps differ, form '$form'"
	done
	# shellcheck disable=SC2086
	io $values >after
	cmp before after
	must smv restore - ./store <one
	must smv delete --wait -S ./store data@u
	clean_check
}

t_restore_brings_back_a_store_whose_metadata_is_damaged()
{
	make_history
	io read data@b 3 read data@u 9 >before
	out smv dump ./store >one
	for block in $($PLANT store where | awk '/^(directory|group|exceptions|volumes) /{ print $2 }'); do
		must $PLANT store flip "$block" 100 255
	done
	refused 1 'damaged' smv check ./store
	must smv restore one ./store
	clean_check
	out smv dump ./store >two
	cmp one two
	io read data@b 3 read data@u 9 >after
	cmp before after
}

t_restore_refuses_another_store_or_none_unless_forced()
{
	make_history
	out smv dump ./store >one
	truncate -s 16M none other
	must smv format ./other
	before=$(sums none other)
	refused 1 'no store that can be recognised' smv restore one ./none
	has_way_out
	refused 1 'another store' smv restore one ./other
	has_way_out
	eq "$(sums none other)" "$before" 'the refused ones'
	must $PLANT store flip 1 100 1
	must $PLANT store flip 2 100 1
	refused 1 'no store that can be recognised' smv restore one ./store
	must smv restore -f one ./store
	clean_check
	out smv dump ./store >two
	cmp one two
	must smv restore -f one ./other
	clean_check ./other
	truncate -s 15M small
	refused 1 'smaller' smv restore -f one ./small
	has_way_out
	mkfs.ext4 -q none
	must smv restore -f one ./none
	clean_check ./none
	eq "$(blkid -p -o value -s TYPE none || :)" '' 'what blkid sees'
}

t_restore_refuses_what_is_no_whole_dump_and_changes_nothing()
{
	make_history
	out smv dump ./store >one
	out smv dump --json ./store >json
	before=$(sums store)
	head -n 5 one >bad
	refused 1 'not whole' smv restore bad ./store
	head -c 3000 json >bad
	refused 1 'line [0-9]' smv restore bad ./store
	echo hello >bad
	refused 1 'no dump' smv restore bad ./store
	: >bad
	refused 1 'not whole' smv restore bad ./store
	sed 's/ epoch=[0-9]*/ epoch=0/' one >bad
	refused 1 'does not fit together' smv restore bad ./store
	has_way_out
	sed '/kind=chunk/s/at=[0-9]*/at=99999/' one >bad
	refused 1 'does not fit together.*chunk' smv restore bad ./store
	sed 's/^volume number=1 .*flags=origin/&,strange/' one >bad
	refused 1 'flags' smv restore bad ./store
	sed 's/ incompat=0/ incompat=4/' one >bad
	refused 1 'features' smv restore bad ./store
	sed 's/^exception .*/& chunk=5/' one >bad
	refused 1 'there twice' smv restore bad ./store
	sed 's/"epoch": /"epoch": 7, &/' json >bad
	refused 1 'one twice' smv restore bad ./store
	sed 's/ next_volume=[0-9]*/ next_volume=18446744073709551615/' one >bad
	refused 1 'Invalid argument' smv restore bad ./store
	refused 1 'cannot be opened' smv restore ./nosuch ./store
	refused 2 '' smv restore one
	eq "$(sums store)" "$before" 'the store'
}

run_tests "$@"
