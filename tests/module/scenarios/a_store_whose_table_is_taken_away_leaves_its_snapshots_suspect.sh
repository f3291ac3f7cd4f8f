# Another table over the node of an active store (dmsetup load and resume, wipe_table, remove -f)
# takes the store from under its volumes. Their origins go on, unpreserved: what was acknowledged
# before is kept, and activated again in the same boot the store has their snapshots marked
# suspect; not those of an origin that was down, nor of a store that had nothing up.
# timeout: 90

mkdisk origin 16M
mkdisk other 16M
mkdisk disk 64M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$disk"
smv add "$disk" "$origin" data
smv add "$disk" "$other" down

# Brings the store up with a snapshot NAME of either origin, and a synced write to that of data.
up()
{
	smv activate "$disk"
	smv snapshot data "$1" down "$1"
	smv deactivate down
	smv activate "data@$1"
	eq "$(suspect "data@$1")" false
	must stamp write "/dev/mapper/s0-data@$1" --tag 9 --from 0 --count 40
}

# The store is gone, its volumes are there: the origin is written, and all taken down.
abandoned()	# NAME TAG
{
	must stamp write /dev/mapper/s0-data --tag "$2"
	! dd if="/dev/mapper/s0-data@$1" of=/dev/null bs=1M iflag=direct 2>/dev/null ||
		fail 'the snapshot reads without its store'
	run dmsetup remove "s0-data@$1"
	run dmsetup remove s0-data
}

down()	# NAME
{
	smv activate "$disk"
	eq "$(suspect "data@$1")" true
	eq "$(suspect "down@$1")" false
	smv activate "data@$1"
	must stamp check "/dev/mapper/s0-data@$1" --tag 9 --from 0 --count 40
	smv deactivate s0
	run snapmv check "$disk"
}

up a
run dmsetup wipe_table --noflush s0
abandoned a 2
run dmsetup remove s0
down a

up b
dm_load s0 '0 131072 error'
abandoned b 3
run dmsetup remove s0
down b

# dmsetup remove -f puts an error target in the place of what is in use.
up c
dmsetup remove -f s0 2>/dev/null || :
[ "$(active_stores)" = '' ] || fail 'the store is still active'
abandoned c 4
dmsetup remove s0 2>/dev/null || :
down c

# Nothing was up: nothing can have been missed.
smv activate "$disk"
smv snapshot data d
smv deactivate data
smv deactivate down
run dmsetup wipe_table s0
run dmsetup remove s0
smv activate "$disk"
eq "$(suspect data@d)" false
smv deactivate s0
