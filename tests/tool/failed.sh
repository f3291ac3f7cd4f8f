# SPDX-License-Identifier: GPL-2.0-only
# A store that failed in this boot while its origins were up: whatever writes it first marks their
# snapshots suspect. A command that was killed leaves nothing that looks like one.

. "$(dirname "$0")/lib"

suspect()	# VOLUME: True or False
{
	out smv list --json ./store >list.json
	json list.json "[v['suspect'] for v in j['stores'][0]['volumes'] if v['name'] == '$1'][0]"
}

fail_store()
{
	make_store
	must smv snapshot -S ./store data a
	truncate -s 4M other
	must smv add ./store ./other other
	must smv snapshot -S ./store other b
	# as at activation: what there was is no measure any more
	strip_fingerprint
	io active write data 0 1 quit
	eq "$(suspect data@a) $(suspect other@b)" 'False False' 'suspect before'
}

# Of data alone: other was down.
strip_fingerprint()
{
	out smv dump ./store | sed "/ name=data .*fingerprint/s/fingerprint=[0-9a-f]*/fingerprint=$(printf %0128d)/" >bare
	must smv restore bare ./store
}

t_every_command_that_writes_marks_first()
{
	for command in 'set ./store policy=hold' 'delete -S ./store other@b' \
		'rename -S ./store other third' 'snapshot -S ./store other c' \
		'add ./store ./new new'; do
		rm -f store origin other
		truncate -s 4M new
		fail_store
		# shellcheck disable=SC2086
		must smv $command
		eq "$(suspect data@a)" True "after $command: suspect"
		clean_check
	done
}

t_one_whose_origin_was_down_is_not_marked()
{
	fail_store
	must smv set ./store policy=hold
	eq "$(suspect data@a) $(suspect other@b)" 'True False' suspect
	must smv snapshot -S ./store data later
	eq "$(suspect data@later)" False suspect
}

t_a_rollback_to_what_has_just_been_marked_is_refused()
{
	fail_store
	sum=$(sums origin)
	refused 1 'data@a: may be wrong.*rollback -f' smv rollback --wait -S ./store data@a
	eq "$(sums origin)" "$sum" 'the origin'
	eq "$(suspect data@a)" True suspect
	must smv rollback --wait -S ./store data@a
}

t_repair_and_restore_keep_what_has_to_be_marked()
{
	fail_store
	cp store broken
	must smv repair -f ./store
	must smv set ./store policy=hold
	eq "$(suspect data@a)" True 'suspect after repair in place'
	clean_check
	rm store
	truncate -s 16M store
	must smv repair ./broken ./store
	must smv set ./store policy=hold
	eq "$(suspect data@a)" True 'suspect after repair elsewhere'
	cp broken store
	out smv dump ./store >dump
	must smv restore dump ./store
	clean_check
	must smv set ./store policy=hold
	eq "$(suspect data@a)" True 'suspect after restore'
	cp broken store
	sed 's/ uuid=[0-9a-f]*/ uuid=00112233445566778899aabbccddeeff/' dump >new
	must smv restore -f new ./store
	must smv set ./store policy=hold
	eq "$(suspect data@a)" True 'suspect after restore under a uuid of its own'
}

# By SIGXFSZ, when it moves data beyond what a file may have: its fingerprint is gone by then.
t_a_command_that_is_killed_marks_nothing()
{
	make_store
	truncate -s 64M origin
	must smv remove -S ./store data
	must smv add ./store ./origin data
	must smv snapshot -S ./store data a
	io write data 800 1 >/dev/null
	status=0
	prlimit --fsize=33554432 "$SNAPMV" rollback --wait -S ./store data@a >/dev/null 2>&1 ||
		status=$?
	eq "$status" 153 'status, SIGXFSZ being 25,'
	must smv set ./store policy=hold
	eq "$(suspect data@a)" False suspect
	clean_check
}

run_tests "$@"
