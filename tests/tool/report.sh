# SPDX-License-Identifier: GPL-2.0-only
# list, status, dump: what they say, for people and as JSON.

. "$(dirname "$0")/lib"

volume()	# NAME FIELD: from $T/j
{
	json j "[v for v in j['stores'][0]['volumes'] if v['name'] == '$1'][0]['$2']"
}

t_list_shows_what_there_is()
{
	make_store
	must smv snapshot -S ./store -m 'a note' data a
	out smv list ./store >l
	eq "$(sed -n 1p l | tr -s ' ')" \
		'NAME CREATED TAKEN OF STATE EXCEPTIONS DEVICE MEMO'
	grep -Eq "^snapmv[0-9]+/ .* inactive +0 +\./store" l || fail "$(cat l)"
	grep -Eq '^data  .* - +inactive +0 +-' l || fail "$(cat l)"
	grep -Eq '^data@a .* data +inactive +0 +- +a note$' l || fail "$(cat l)"
	eq "$(wc -l <l)" 4
	year=$(date +%Y)
	eq "$(grep -c " $year-[0-9][0-9]-[0-9][0-9] [0-9:]\{8\} " l)" 3 'lines with a time'
}

t_list_takes_a_store_an_origin_or_a_snapshot()
{
	make_store
	truncate -s 1M two
	must smv add ./store ./two other
	must smv snapshot -S ./store data a
	must smv snapshot -S ./store data@a b
	must smv snapshot -S ./store other c
	eq "$(out smv list -q ./store | tr '\n' ' ')" 'data other data@a data@b other@c '
	eq "$(out smv list -q -S ./store | tr '\n' ' ')" 'data other data@a data@b other@c '
	eq "$(out smv list -q -S ./store data | tr '\n' ' ')" 'data data@a data@b '
	eq "$(out smv list -q -S ./store data@b | tr '\n' ' ')" 'data@b '
	refused 1 'nosuch.*no such volume' smv list -S ./store nosuch
	refused 1 'no such volume' smv list -S ./store data@nosuch
	eq "$(out smv list -S ./store data | wc -l)" 4
}

t_a_label_is_one_beside_the_device_too()
{
	truncate -s 16M store
	truncate -s 4M origin
	must smv format -l mine ./store
	must smv add ./store ./origin data
	for name in mine mine/; do
		out smv status -S ./store $name | grep -q '^mine/' || fail "status $name"
		eq "$(out smv list -q -S ./store $name)" data
		must smv set -S ./store $name policy=hold
	done
	refused 1 'labelled mine' smv status -S ./store other
	refused 1 'other.*no such volume' smv list -S ./store other
	refused 1 'labelled mine' smv set -S ./store other policy=drop
	# a volume of this name comes first
	must smv rename -S ./store data mine
	eq "$(out smv list -S ./store mine | wc -l)" 2
}

t_a_deleted_parent_is_shown_as_deleted()
{
	make_store
	must smv snapshot -S ./store data a
	io write data@a 0 1
	must smv snapshot -S ./store data@a b
	must smv snapshot -S ./store data@a c
	must smv delete -S ./store data@a
	out smv list ./store >l
	grep -Eq '^data@b .*\(deleted\)' l || fail "$(cat l)"
	out smv list --json ./store >j
	eq "$(volume data@b taken_of)" None
	out smv status --json ./store >j
	eq "$(json j '(j["stores"][0]["ghosts"],j["stores"][0]["snapshots"])')" '(1, 2)'
	out smv list -t ./store | grep -q '^  data@b ' || fail 'not below the origin'
}

# own: what deleting gives back, to the chunk; shared: what others read, too.
t_own_space_is_what_deleting_alone_gives_back()
{
	make_store 16M 16K
	io write data 0 1 write data 1 1 write data 2 1 >/dev/null
	must smv snapshot -S ./store data a
	io write data 0 2 write data 1 2 >/dev/null
	must smv snapshot -S ./store data b
	io write data 0 3 write data 2 3 >/dev/null
	must smv snapshot -S ./store data@b c
	io write data@b 5 4 write data@c 5 5 write data@c 6 5 write data 3 3 >/dev/null
	must smv snapshot -S ./store data@c d
	io write data@c 6 6 write data@d 7 7 >/dev/null
	out smv list -s --json ./store >j
	for s in a b c d; do
		own=$(volume data@$s own_bytes)
		cp store was
		out smv status --json ./store >before
		must smv delete --wait -S ./store data@$s
		out smv status --json ./store >after
		u='j["stores"][0]["space"]["data_bytes"]'
		eq "$(($(json before "$u") - $(json after "$u")))" "$own" "own space of $s"
		clean_check
		mv was store
	done
	# what a and the others read of the origin's old chunks
	[ "$(volume data@c shared_bytes)" -gt 0 ] || fail 'c shares nothing'
	out smv list -s ./store >l
	grep -q 'OWN *SHARED' l || fail "$(cat l)"
}

t_status_shows_space_and_settings()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 0 1 write data 1 1 >/dev/null
	out smv status --json ./store >j
	s='j["stores"][0]'
	eq "$(json j "$s['space']['data_bytes']")" 131072
	eq "$(json j "$s['exceptions']")" 2
	eq "$(json j "$s['space']['used_bytes'] == $s['space']['data_bytes'] + $s['space']['metadata_bytes']")" True
	eq "$(json j "$s['space']['used_bytes'] + $s['space']['free_bytes'] + $s['space']['held_bytes'] <= $s['space']['total_bytes']")" True
	eq "$(json j "($s['active'],$s['health'],$s['device'],$s['reason'])")" \
		"(False, 'ok', './store', None)"
	eq "$(json j "$s['counters']")" '{}'
	out smv status ./store >l
	for key in device uuid state health 'chunk size' used data metadata reserved available \
		'low water' policy throttle volumes exceptions cleaner journal; do
		grep -q "^  $key  *" l || fail "no $key: $(cat l)"
	done
	eq "$(json j "$s['uuid']")" "$(sed -n 's/^  uuid *//p' l)"
}

t_status_shows_cleaning_and_rollbacks()
{
	make_store
	io write data 0 1
	must smv snapshot -S ./store data a
	io write data 0 2
	eq "$(out smv rollback -S ./store data@a)" 'data@undo-1'
	out smv status --json ./store >j
	eq "$(json j '[(r["origin"],r["source"]) for r in j["stores"][0]["rollbacks"]]')" \
		"[('data', 'data@a')]"
	out smv status ./store | grep -q 'rollback *data to data@a: 0 of 64 chunks' ||
		fail 'no rollback in status'
	out smv list ./store | grep -q '^data .*rolling-back:0%,inactive' || fail 'not in list'
	must smv delete -S ./store data@undo-1
	out smv status --json ./store >j
	[ "$(json j 'j["stores"][0]["cleaning"]')" -gt 0 ] || fail 'nothing to clean'
	clean_check
}

t_dump_is_the_same_for_the_same_contents()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 0 1 write data 1 1 zero data@a 1 >/dev/null
	out smv dump ./store >one
	must smv set ./store policy=hold
	must smv set ./store policy=drop
	io
	out smv dump ./store >two
	cmp one two
	grep -q '^store version=1 ' one && grep -q '^settings label=' one && tail -n 1 one |
		grep -q '^end$' || fail "$(cat one)"
	eq "$(grep -c '^volume ' one)/$(grep -c '^exception ' one)" 2/3
	grep -q '^exception volume=2 chunk=1 epoch=1 kind=zero ' one || fail "$(cat one)"
	out smv dump --json ./store >j
	eq "$(json j '(len(j["volumes"]),len(j["exceptions"]),j["exceptions"][2]["kind"])')" \
		"(2, 3, 'zero')"
	eq "$(json j 'sorted(j)')" "['exceptions', 'settings', 'store', 'volumes']"
}

t_every_json_is_valid_for_an_empty_store()
{
	truncate -s 16M store
	must smv format ./store
	for c in list 'list -s -t' status dump check; do
		out smv $c --json ./store >j
		json j 'True' >/dev/null
	done
	eq "$(out smv list -q ./store)" ''
}

t_what_takes_longer_than_a_second_shows_its_progress_on_a_terminal()
{
	must "$TOP/build/bigstore" store size=96G origin=48G exceptions=1500000
	for c in check dump 'list -s' 'diff -S ./store data@s1 data@s2'; do
		[ "${c#diff}" != "$c" ] || c="$c ./store"
		# shellcheck disable=SC2086
		out python3 - "$SNAPMV" $c <<-'PY' >shown
		import os, pty, subprocess, sys
		master, slave = pty.openpty()
		tool = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=slave)
		os.close(slave)
		shown = b''
		try:
		    while piece := os.read(master, 4096):
		        shown += piece
		except OSError:
		    pass
		sys.stdout.buffer.write(shown)
		sys.exit(tool.wait())
		PY
		grep -q '[a-z]*: [0-9]*%' shown || fail "no progress of $c: $(cat shown)"
	done
}

t_reading_writes_nothing()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 0 1 quit
	before=$(sums store origin)
	for c in list 'list -t -s' status dump check; do
		must smv $c ./store
		must smv $c --json ./store
	done
	eq "$(sums store origin)" "$before" 'store and origin'
}

run_tests "$@"
