# An origin's or a store's device smaller than recorded is refused, by the tool and by the module; a larger
# one is used at the recorded size; two origins whose devices were exchanged are noticed.
# timeout: 60

mkdisk disk 64M
mkdisk store 40M
linear() { echo "0 $2 linear $disk $1"; }

refused()	# WHY TABLE: the module refuses it by itself, and the log says why
{
	dmesg -c >/dev/null
	! dmsetup create no --table "$2" 2>/dev/null || fail "the module takes $2"
	must sh -c "dmesg | grep 'table: .*$1'"
}

dm_make one "$(linear 0 32768)"
dm_make two "$(linear 65536 32768)"
dm_make cow "0 65536 linear $store 0"
smv format -c 16K -l s0 /dev/mapper/cow
smv add /dev/mapper/cow /dev/mapper/one first
smv add /dev/mapper/cow /dev/mapper/two second
smv activate /dev/mapper/cow
stamp write /dev/mapper/s0-first --tag 1 --map first.map
stamp write /dev/mapper/s0-second --tag 2 --map second.map
smv snapshot first a second a
stamp write /dev/mapper/s0-first --tag 3 --random 20
smv deactivate s0

# smaller: the rest comes up, and it is named; the module refuses by itself
dm_load one "$(linear 0 32760)"
mustfail 'first: its device is smaller than recorded.*set first device=' snapmv activate /dev/mapper/cow
eq "$(dmsetup ls --target snap-mv-origin | awk '{print $1}')" s0-second 'active origins'
mustfail 'smaller than recorded' snapmv activate first
mustfail 'smaller than recorded' snapmv activate first@a
refused "the origin.s device is smaller than recorded" '0 32768 snap-mv-origin /dev/mapper/s0 first /dev/mapper/one'
refused "the table.s length is not the volume.s" '0 32760 snap-mv-origin /dev/mapper/s0 first /dev/mapper/one'
dm_load one "$(linear 0 32768)"
smv activate first
snapshot_is s0 first@a first.map
smv deactivate s0
mustfail 'the store itself' snapmv set -S /dev/mapper/cow first device="$(readlink -f /dev/mapper/cow)"

# larger: at the recorded size
dm_load two "$(linear 65536 40000)"
smv activate /dev/mapper/cow
eq "$(sectors /dev/mapper/s0-second)" 32768 'sectors'
must stamp check /dev/mapper/s0-second --map second.map
smv deactivate s0
dm_load two "$(linear 65536 32768)"

# exchanged
dm_load one "$(linear 65536 32768)"
dm_load two "$(linear 0 32768)"
mustfail 'was changed without the module.*-f' snapmv activate /dev/mapper/cow
eq "$(active_stores)" '' 'active stores'
dm_load one "$(linear 0 32768)"
dm_load two "$(linear 65536 32768)"

# the store: smaller, larger
dm_load cow "0 65528 linear $store 0"
mustfail 'smaller than the store' snapmv activate /dev/mapper/cow
mustfail 'smaller than the store' snapmv list /dev/mapper/cow
refused 'smaller than the store' '0 65528 snap-mv-store /dev/mapper/cow'
dm_load cow "0 80000 linear $store 0"
smv activate /dev/mapper/cow
snapshot_is s0 first@a first.map
snapshot_is s0 second@a second.map
