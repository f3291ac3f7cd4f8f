# SPDX-License-Identifier: GPL-2.0-only
# rollback of an inactive store's origin.

. "$(dirname "$0")/lib"

byte()	# CHUNK: of the raw origin, chunks of 64K
{
	od -An -tu1 -N1 -j $(($1 * 65536)) origin | tr -d ' '
}

values()	# VOLUME: of chunks 0 to 3
{
	io read "$1" 0 read "$1" 1 read "$1" 2 read "$1" 3 | tr '\n' ' '
}

set_up()
{
	make_store
	io write data 0 1 write data 1 1 write data 2 1 >/dev/null
	must smv snapshot -S ./store data a
	io write data 0 2 write data 1 2 >/dev/null
	must smv snapshot -S ./store data@a b
	io write data@b 1 9 write data@b 3 9 >/dev/null
}

t_rollback_with_wait_moves_the_data_in_place()
{
	set_up
	eq "$(out smv rollback --wait -S ./store data@b)" 'data@undo-1'
	eq "$(byte 0) $(byte 1) $(byte 2) $(byte 3)" '1 9 1 9' 'the raw origin'
	eq "$(values data)" '1 9 1 9 '
	eq "$(values data@a)" '1 1 1 0 '
	eq "$(values data@b)" '1 9 1 9 '
	eq "$(values data@undo-1)" '2 2 1 0 '
	clean_check
	eq "$(out smv rollback --wait --undo back -S ./store data@undo-1)" 'data@back'
	eq "$(byte 0) $(byte 1) $(byte 2) $(byte 3)" '2 2 1 0' 'the raw origin'
	eq "$(values data@back)" '1 9 1 9 '
	eq "$(values data@a)" '1 1 1 0 '
	clean_check
}

t_rollback_takes_effect_at_once_and_resumes()
{
	set_up
	must smv rollback -S ./store data@b
	eq "$(byte 0) $(byte 1)" '2 2' 'the raw origin'
	eq "$(values data)" '1 9 1 9 '
	eq "$(values data@undo-1)" '2 2 1 0 '
	refused 1 'rollback of data is running' smv rollback -S ./store data@a
	refused 1 'rollback of data is running' smv rollback -f -S ./store data@a
	refused 1 'snapshots' smv remove -S ./store data
	must smv snapshot -S ./store data during
	io write data 1 5 write data 2 6 >/dev/null
	eq "$(values data)" '1 5 6 9 '
	eq "$(values data@during)" '1 9 1 9 '
	clean_check
}

t_rollback_without_undo_keeps_nothing()
{
	set_up
	eq "$(out smv rollback --no-undo --wait -S ./store data@a)" ''
	eq "$(values data)" '1 1 1 0 '
	eq "$(out smv list -q ./store | tr '\n' ' ')" 'data data@a data@b '
	clean_check
}

# As a deactivation leaves it: what an origin that is changed without the module is known by.
set_fingerprint()
{
	out smv dump ./store | sed "/^volume number=1 /s/ fingerprint=.*/ fingerprint=$(
		printf 'ab%.0s' $(seq 64))/" >dump
	must smv restore dump ./store
}

has_fingerprint()
{
	out smv dump ./store | grep -q ' fingerprint=abab'
}

t_rollback_does_not_hide_that_the_origin_was_changed()
{
	set_up
	set_fingerprint
	has_fingerprint || fail 'no fingerprint'
	refused 1 'changed without the module' smv rollback --wait -S ./store data@a
	refused 1 'changed without the module' smv rollback -S ./store data@a
	has_fingerprint || fail 'it is gone'
}

t_rollback_refuses_what_cannot_be()
{
	set_up
	refused 1 'is an origin' smv rollback -S ./store data
	refused 1 'no such volume' smv rollback -S ./store data@nosuch
	refused 1 'no such volume' smv rollback -S ./store nosuch@a
	refused 1 'snapshot of this name' smv rollback --undo a -S ./store data@a
	refused 1 'name' smv rollback --undo 'a b' -S ./store data@a
	mv origin elsewhere
	refused 1 'device is not there' smv rollback -S ./store data@a
	mv elsewhere origin
	flock -F -x ./origin sh -c 'echo held; exec sleep 600' >held &
	holder=$!
	until [ -s held ]; do :; done
	out smv dump ./store >before
	refused 1 'in use' smv rollback -S ./store data@a
	out smv dump ./store | cmp - before || fail 'a refusal has changed the store'
	kill $holder
	eq "$(values data)" '2 2 1 0 '
	out smv status --json ./store >j
	eq "$(json j 'j["stores"][0]["rollbacks"]')" '[]'
	clean_check
}

t_rollback_of_an_origin_changed_without_the_module_is_refused()
{
	set_up
	must smv rollback --wait --no-undo -S ./store data@a
	printf changed | dd of=origin conv=notrunc status=none
	refused 1 'data.*without the module.*rollback -f' smv rollback -S ./store data@b
	must smv rollback -f --no-undo --wait -S ./store data@b
	out smv list --json ./store >j
	eq "$(json j '[v["suspect"] for v in j["stores"][0]["volumes"]]')" '[False, True, True]'
	# the move itself is no such change
	must smv rollback --wait --no-undo -S ./store data@a
	clean_check
}

t_an_origin_without_snapshots_may_be_changed()
{
	make_store
	must smv snapshot -S ./store data a
	must smv delete --wait -S ./store data@a
	printf changed | dd of=origin conv=notrunc status=none
	must smv snapshot -S ./store data b
	must smv rollback --wait --no-undo -S ./store data@b
	printf again | dd of=origin conv=notrunc status=none
	refused 1 'data.*without the module' smv snapshot -S ./store data c
	refused 1 'data.*without the module' smv rollback -S ./store data@b
}

t_the_source_may_be_deleted_at_once()
{
	set_up
	must smv rollback -S ./store data@b
	must smv delete --wait -S ./store data@b data@a
	eq "$(values data)" '1 9 1 9 '
	clean_check
	out smv status ./store | grep -q 'to a deleted snapshot' || fail 'not in status'
	eq "$(values data@undo-1)" '2 2 1 0 '
	must smv delete -S ./store data@undo-1
	refused 1 'rollback of data' smv erase ./store
	eq "$(values data)" '1 9 1 9 '
}

t_an_undo_name_that_is_taken_is_passed_over()
{
	set_up
	must smv snapshot -S ./store data undo-1
	eq "$(out smv rollback --wait -S ./store data@a)" 'data@undo-2'
}

t_a_partial_last_chunk_is_rolled_back()
{
	truncate -s 16M store
	head -c $((65536 * 2 + 1536)) /dev/zero | tr '\0' 'a' >origin
	must smv format ./store
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	cp origin was
	# storeio writes whole chunks; the file stays as long as it was
	io write data 0 1 write data 2 2
	truncate -s $((65536 * 2 + 1536)) origin
	must smv rollback --wait -S ./store data@a
	cmp origin was || fail 'not as it was'
	clean_check
}

run_tests "$@"
