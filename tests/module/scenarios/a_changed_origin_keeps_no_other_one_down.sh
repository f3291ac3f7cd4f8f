# Of several origins the one that was changed without the module is refused, and the others come up;
# -f accepts the one that it is asked for. A deactivation that fails half way has recorded what
# the origins that are down held. A rollback that moves while its origin is active read-only is
# no change.
# timeout: 90

mkdisk one 1M
mkdisk two 2M
mkdisk store 32M
smv format -c 16K -l s0 "$store"
size=$(sectors "$one") below=$one
dm_make one "0 $size linear $below 0"
one=/dev/mapper/one
for name in one two; do
	eval "stamp write \$$name --tag 1 --map $name.map"
	eval "smv add $store \$$name $name"
done
smv activate "$store"
smv snapshot one a two b
smv deactivate s0

change()	# DEV
{
	run dd if=/dev/urandom of="$1" bs=4k count=1 oflag=direct conv=notrunc status=none
}

say 'the other one comes up'
change "$two"
mustfail 'two.*without the module.*-f' snapmv activate "$store"
cond -b /dev/mapper/s0-one
cond ! -e /dev/mapper/s0-two
mustfail 'two.*without the module' snapmv activate two@b
eq "$(suspect two@b)" false
smv deactivate s0
mustfail 'two.*without the module' snapmv activate two
eq "$(active_stores)" '' 'active stores when nothing may come up'
smv activate one
smv deactivate s0
change "$one"
mustfail 'one.*without the module' snapmv activate one
smv activate -f two
eq "$(suspect one@a) $(suspect two@b)" 'false true' suspect
mustfail 'one.*without the module' snapmv activate one
smv deactivate s0
mustfail 'one.*without the module' snapmv activate "$store"
smv activate -f one
eq "$(suspect one@a)" true
smv deactivate s0

# What reads its fingerprint takes a while, in which the other is opened.
say 'half way'
open_two()
{
	while [ -e /dev/mapper/s0-one ]; do :; done
	while [ ! -e refused ]; do sleep 0.1; done </dev/mapper/s0-two
}
smv activate "$store"
smv delete one@a two@b
smv snapshot one a two b
dm_load one "0 $size delay $below 0 5"
open_two &
mustfail 'two.*cannot be taken down' snapmv deactivate s0
touch refused
wait
cond ! -e /dev/mapper/s0-one
dm_load one "0 $size linear $below 0"
change "$one"
mustfail 'one.*without the module' snapmv activate one
smv deactivate s0
mustfail 'one.*without the module' snapmv activate "$store"
smv activate -f one
smv deactivate s0

say 'moved while read-only'
for when in before after; do
	smv activate "$store"
	stamp write /dev/mapper/s0-two --tag 2
	smv deactivate two
	[ $when = after ] || smv rollback two@b
	smv activate -r two
	[ $when = before ] || smv rollback two@b
	wait_for 30 is s0-two rolling 0
	# as a power cut would: nothing is recorded
	must dmsetup remove s0-two s0-one s0
	smv activate "$store"
	eq "$(suspect two@b)" false
	smv deactivate s0
done
