# SPDX-License-Identifier: GPL-2.0-only
# add, remove, snapshot, delete, rename, set on an inactive store: what they do,
# what they refuse, and that a refusal changes nothing.

. "$(dirname "$0")/lib"

names()
{
	out smv list -q ./store | tr '\n' ' '
}

# The store's contents as text.
state()
{
	out smv dump ./store >.state
	sums .state
}

unchanged()	# STATUS PATTERN ARGS...
{
	un_before=$(state)
	un_status=$1 un_pattern=$2
	shift 2
	refused "$un_status" "$un_pattern" smv "$@"
	cp .err .kept
	eq "$(state)" "$un_before" "the store after: $*"
	cp .kept .err
}

t_add_registers_a_device_and_writes_nothing_to_it()
{
	truncate -s 16M store
	head -c 1234567 /dev/urandom >origin
	before=$(sums origin)
	must smv format ./store
	must smv add ./store ./origin data
	eq "$before" "$(sums origin)" 'the origin'
	eq "$(names)" 'data '
	out smv list --json ./store >j
	eq "$(json j 'j["stores"][0]["volumes"][0]["bytes"]')" $((1234567 / 512 * 512))
	eq "$(json j 'j["stores"][0]["volumes"][0]["identity"]')" "path:$T/origin"
	clean_check
}

t_add_refuses_what_cannot_be()
{
	make_store
	truncate -s 4M other
	: >empty
	mkdir dir
	unchanged 1 'registered already.*data' add ./store ./origin again
	unchanged 1 'registered already' add ./store "$T/../$(basename "$T")/origin" again
	ln -s origin link
	unchanged 1 'registered already' add ./store ./link again
	ln origin hard
	unchanged 1 'registered already' add ./store ./hard again
	unchanged 1 'origin of this name' add ./store ./other data
	unchanged 1 'store itself' add ./store ./store self
	unchanged 1 'empty' add ./store ./empty x
	unchanged 1 'no such' add ./store ./nosuch x
	unchanged 1 'directory' add ./store ./dir x
	must smv add ./store ./other x
	clean_check
}

t_add_takes_a_device_that_is_a_store_itself_only_with_force()
{
	make_store
	truncate -s 16M other damaged
	must smv format -l other ./other
	must smv format ./damaged
	$PLANT damaged flip 1 100 1
	$PLANT damaged flip 2 100 1
	before=$(sums other damaged)
	for device in other damaged; do
		unchanged 1 "$device: holds a snapmv store.*-f" add ./store ./$device inner
		has_way_out
		must smv add -f ./store ./$device $device
	done
	eq "$(sums other damaged)" "$before" 'the stores on them'
	must smv add ./other ./origin data
	clean_check
}

t_names_have_their_limits()
{
	make_store
	truncate -s 4M other
	for n in abcdefghijklmnopqrstuvwxyz01234 A 0 a-b a_b.c+d _x +x; do
		must smv add ./store ./other "$n"
		must smv remove -S ./store "$n"
	done
	for n in abcdefghijklmnopqrstuvwxyz012345 .x a@b a:b 'a b' a/b 'ä' 'a
b'; do
		unchanged 1 'name' add ./store ./other "$n"
	done
	unchanged 2 'unknown option' add ./store ./other -x
	unchanged 1 'name' add ./store ./other -- -x
	s60=abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWX
	for n in $s60 2026-11-22T10:00:00 a:b _ +; do
		must smv snapshot -S ./store data "$n"
		eq "$(names)" "data data@$n "
		must smv delete -S ./store "data@$n"
	done
	for n in ${s60}Y .x a@b 'a b' a/b 'ä'; do
		unchanged 1 'name' snapshot -S ./store data "$n"
		unchanged 1 'name|label' delete -S ./store "data@$n"
	done
	clean_check
}

t_snapshots_are_taken_of_origins_and_snapshots()
{
	make_store
	must smv snapshot -S ./store data a
	must smv snapshot -S ./store -m 'before the upgrade' data@a b
	must smv snapshot -S ./store data@b c
	must smv snapshot -S ./store data data@d
	eq "$(names)" 'data data@a data@b data@c data@d '
	out smv list --json ./store >j
	v='[(v["name"],v["taken_of"],v["memo"]) for v in j["stores"][0]["volumes"]]'
	eq "$(json j "$v")" "[('data', None, ''), ('data@a', 'data', ''), \
('data@b', 'data@a', 'before the upgrade'), ('data@c', 'data@b', ''), ('data@d', 'data', '')]"
	out smv list -t ./store >tree
	grep -q '^data ' tree && grep -q '^  data@a ' tree && grep -q '^    data@b ' tree &&
		grep -q '^      data@c ' tree && grep -q '^  data@d ' tree || fail "$(cat tree)"
	clean_check
}

t_group_snapshots_are_all_or_nothing()
{
	make_store
	truncate -s 2M two
	must smv add ./store ./two other
	must smv snapshot -S ./store data a other a
	unchanged 1 'is named twice' snapshot -S ./store data b other b data c
	unchanged 1 'snapshot of this name' snapshot -S ./store data b other a
	must smv snapshot -S ./store -m both data b other b data@a c other@a c
	eq "$(names)" 'data other data@a other@a data@b other@b data@c other@c '
	clean_check
	group='' i=0
	while [ $i -lt 33 ]; do
		group="$group data x$i"
		i=$((i + 1))
	done
	unchanged 2 'more than 32' snapshot -S ./store $group
}

t_snapshot_refuses_what_cannot_be()
{
	make_store
	truncate -s 2M two
	must smv add ./store ./two other
	must smv snapshot -S ./store data a other a
	eq "$(names)" 'data other data@a other@a '
	unchanged 1 'data@a.*snapshot of this name' snapshot -S ./store data a
	unchanged 1 'snapshot of this name' snapshot -S ./store other b data a
	unchanged 1 'named twice' snapshot -S ./store data b data c
	unchanged 1 'wanted twice' snapshot -S ./store data b data@a b
	unchanged 1 'no such volume' snapshot -S ./store nosuch b
	unchanged 1 'no such volume' snapshot -S ./store data b data@nosuch c
	unchanged 1 'store' snapshot -S ./store ./store b
	unchanged 1 'labelled' snapshot -S ./store wrong/data b
	unchanged 1 '255' snapshot -S ./store -m "$(head -c 256 /dev/zero | tr '\0' m)" data b
	must smv snapshot -S ./store -m "$(head -c 255 /dev/zero | tr '\0' m)" data b
	# its device is needed: the point is one of the raw device, too
	mv two elsewhere
	unchanged 1 'device is not there' snapshot -S ./store data c other c
	has_way_out
	must smv snapshot -S ./store other@a c
	clean_check
}

t_numbers_are_never_used_again_and_names_at_once()
{
	make_store
	last=0
	for i in 1 2 3 4 5; do
		must smv snapshot -S ./store data a
		out smv list --json ./store >j
		n=$(json j 'j["stores"][0]["volumes"][1]["number"]')
		[ "$n" -gt $last ] || fail "number $n after $last"
		last=$n
		must smv delete --wait -S ./store data@a
		clean_check
	done
}

t_delete_refuses_what_cannot_be()
{
	make_store
	must smv snapshot -S ./store data a
	must smv snapshot -S ./store data@a b
	must smv snapshot -S ./store data x
	unchanged 1 'no such volume' delete -S ./store data@nosuch
	unchanged 1 'no such volume' delete -S ./store data@b data@nosuch
	unchanged 1 'is an origin' delete -S ./store data
	unchanged 1 'named twice' delete -S ./store data@a data@b data@a
	must smv delete -S ./store data@a data@b
	eq "$(names)" 'data data@x '
}

t_delete_leaves_the_others_and_gives_back_their_space()
{
	make_store
	io write data 0 1 write data 1 2 >/dev/null
	must smv snapshot -S ./store data a
	io write data 0 3
	must smv snapshot -S ./store data@a b
	io write data@b 1 4 write data 1 5
	must smv snapshot -S ./store data c
	io write data 0 6
	clean_check
	must smv delete --wait -S ./store data@a
	eq "$(io read data 0 read data@b 0 read data@b 1 read data@c 0 read data@c 1 |
		tr '\n' ' ')" '6 1 4 3 5 '
	clean_check
	must smv delete --wait -S ./store data@b
	eq "$(io read data 0 read data@c 0 read data@c 1 | tr '\n' ' ')" '6 3 5 '
	clean_check
	must smv delete --wait -S ./store data@c
	clean_check
	out smv status --json ./store >j
	eq "$(json j '(j["stores"][0]["space"]["data_bytes"],j["stores"][0]["exceptions"])')" '(0, 0)'
	eq "$(od -An -tu1 -N1 origin | tr -d ' ')" 6 'the raw origin'
}

t_remove_unregisters_an_origin_without_snapshots()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 0 1
	unchanged 1 'has 1 snapshots' remove -S ./store data
	unchanged 1 'is a snapshot' remove -S ./store data@a
	unchanged 1 'no such volume' remove -S ./store nosuch
	must smv delete -S ./store data@a
	rm origin
	must smv remove -S ./store data
	eq "$(names)" ''
	clean_check
	truncate -s 4M origin
	must smv add ./store ./origin data
	clean_check
}

t_rename_gives_another_name()
{
	make_store
	truncate -s 2M two
	must smv add ./store ./two other
	must smv snapshot -S ./store data a
	must smv snapshot -S ./store data@a b
	must smv rename -S ./store data@a first
	must smv rename -S ./store data@b data@second
	eq "$(names)" 'data other data@first data@second '
	unchanged 1 'already' rename -S ./store data@first second
	unchanged 1 'already' rename -S ./store data other
	unchanged 1 'already' rename -S ./store data data
	unchanged 1 'name' rename -S ./store data 'a b'
	unchanged 1 'name' rename -S ./store data@first a/b
	unchanged 1 'no such volume' rename -S ./store data@a x
	must smv rename -S ./store data renamed
	eq "$(names)" 'renamed other renamed@first renamed@second '
	clean_check
}

t_set_changes_settings_together_or_not_at_all()
{
	make_store
	must smv set ./store policy=hold hold-timeout=5 low-water=12.5% throttle=100 label=mine
	out smv status --json ./store >j
	eq "$(json j 'sorted(j["stores"][0]["settings"].items())')" \
		"[('hold_timeout', 5), ('low_water_permille', 125), ('paused', False), \
('policy', 'hold'), ('throttle', 100)]"
	eq "$(json j 'j["stores"][0]["label"]')" mine
	must smv set ./store throttle=pause low-water=0% hold-timeout=0
	out smv status ./store >s
	grep -q 'throttle *pause' s && grep -q 'hold, for ever' s || fail "$(cat s)"
	must smv set ./store throttle=2G
	out smv status ./store | grep -q '2048 MiB/s' || fail throttle
	must smv set ./store throttle=0
	unchanged 1 'not possible' set ./store throttle=0 policy=maybe
	unchanged 1 'not possible' set ./store policy=
	for bad in hold-timeout=-1 hold-timeout=x hold-timeout=5000000000 \
		low-water=101% low-water=x% low-water=10 low-water=% low-water=-1% low-water=100.1% \
		low-water=1.25% low-water=.5% low-water=1.% 'low-water=1. 5%' throttle=fast \
		throttle=-5 throttle=1K label= label=a/b label=abcdefghijklmnopqrstuvwxyz012345; do
		unchanged 1 'not possible' set ./store policy=drop "$bad"
		has_way_out
	done
	unchanged 1 'is a volume: write mine/ ' set -S ./store mine/data policy=hold
	refused 1 'is a volume: write mine/ ' smv add mine/data ./origin more
	clean_check
}

t_set_device_says_where_an_origin_is()
{
	make_store
	must smv snapshot -S ./store data a
	mv origin elsewhere
	unchanged 1 'device is not there.*device=DEV' snapshot -S ./store data b
	unchanged 1 'no such' set -S ./store data device=./nosuch
	truncate -s 1M small
	unchanged 1 'smaller' set -S ./store data device=./small
	unchanged 1 'is a snapshot' set -S ./store data@a device=./elsewhere
	refused 1 'the store itself' smv set -S ./store data device=./store
	has_way_out
	truncate -s 16M others
	must smv add ./store ./others other
	unchanged 1 'registered already, as other' set -S ./store data device=./others
	must smv set -S ./store data device=./elsewhere
	must smv snapshot -S ./store data b
	truncate -s 1M elsewhere
	unchanged 1 'smaller than recorded' snapshot -S ./store data c
	truncate -s 9M elsewhere
	must smv snapshot -S ./store data c
	clean_check
}

t_a_store_that_was_not_closed_is_recovered()
{
	make_store
	must smv snapshot -S ./store data a
	io write data 0 1 write data 3 2 quit
	must smv check ./store
	grep -q '^clean: .* [1-9][0-9]* journal records' .out || fail "$(cat .out)"
	cp store copy
	out smv dump ./store >before
	must smv list ./store
	must smv status ./store
	cmp store copy || fail 'reading has written'
	must smv snapshot -S ./store data@a b
	out smv dump ./store >after
	grep '^exception' before >b2
	grep '^exception' after >a2
	cmp b2 a2 || fail 'the exceptions differ'
	clean_check
	eq "$(io read data@a 0 read data@a 3 read data 3 | tr '\n' ' ')" '0 0 2 '
}

t_a_newer_store_is_refused_by_what_it_needs()
{
	make_store
	cp store was
	for newer in 'version 2:format version 2' 'incompat 0x28:incompatible features 3 5' \
		'incompat 0x8000000000000000:incompatible features 63' \
		'ro_compat 4:read-only compatible features 2'; do
		cp was store
		# shellcheck disable=SC2086
		must $PLANT store super ${newer%%:*}
		before=$(sums store)
		refused 1 "needs ${newer#*:}.*use a newer" smv set ./store policy=hold
		has_way_out
		refused 1 "needs ${newer#*:}" smv snapshot -S ./store data a
		eq "$(sums store)" "$before" 'the store'
		[ "${newer%% *}" = ro_compat ] || {
			refused 1 "needs ${newer#*:}" smv list ./store
			refused 1 "needs ${newer#*:}" smv check ./store
			refused 1 "needs ${newer#*:}" smv dump ./store
		}
	done
	# that one may be read
	must smv list ./store
	clean_check
}

t_no_epoch_is_counted_past_its_end()
{
	make_store
	must smv snapshot -S ./store data a
	must $PLANT store volume 1 epoch 0x4000000000000000
	clean_check
	refused 1 'epochs are used up' smv snapshot -S ./store data b
	has_way_out
	refused 1 'epochs are used up' smv rollback -S ./store data@a
	refused 1 'epochs are used up' smv rollback --no-undo -S ./store data@a
	must smv snapshot -S ./store data@a c
	clean_check
	must $PLANT store volume 1 epoch 0x4000000000000001
	refused 1 'damaged' smv list ./store
	refused 1 'damaged' smv check ./store
}

# An exception whose chunk is metadata, or no chunk at all, is never written through or read.
t_a_lying_exception_never_leads_to_metadata()
{
	make_store
	must smv snapshot -S ./store data a
	io write data@a 3 9 >/dev/null
	locate
	cp store was
	for where in 0 1 $((exceptions / 16)) 16000000 0xffffffffffffff; do
		cp was store
		must $PLANT store entry 0 where "$where"
		refused 1 'damaged' smv check ./store
		cp store planted
		"$STOREIO" ./store ./origin write data@a 3 7 >.out 2>.err &&
			fail "wrote through an exception at $where"
		grep -q '^storeio: snapshot write: ' .err || fail "at $where: $(cat .err)"
		[ "$where" = $((exceptions / 16)) ] || {
			"$STOREIO" ./store ./origin read data@a 3 >.out 2>.err &&
				fail "read through an exception at $where"
			grep -q '^storeio: read: ' .err || fail "at $where: $(cat .err)"
		}
		# of what was there only the superblocks may have been written anew
		cmp -l planted store | awk '$1 <= 4096 || $1 > 12288 { exit 1 }' ||
			fail "something was written over, with an exception at $where"
	done
}

t_many_snapshots_and_a_deep_chain_stay_clean()
{
	make_store 32M
	of=data
	i=0
	while [ $i -lt 30 ]; do
		must smv snapshot -S ./store $of s$i
		of=data@s$i
		i=$((i + 1))
	done
	io write data 0 1 write data@s3 0 2 write data@s29 1 3 >/dev/null
	eq "$(out smv list -q ./store | wc -l)" 31
	out smv list -t ./store | grep -q '^                    data@s9 ' || fail 'no tree'
	must smv delete --wait -S ./store data@s1 data@s15 data@s0 data@s28
	clean_check
	eq "$(io read data@s29 1 read data@s29 0 read data@s3 0 read data@s2 0 | tr '\n' ' ')" \
		'3 0 2 0 '
}

run_tests "$@"
