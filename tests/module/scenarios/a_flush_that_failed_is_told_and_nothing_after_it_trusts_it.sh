# Some disks drop what a FLUSH could not write, say so once, and take the next FLUSH as if nothing
# had been. A FLUSH of a snapshot that the store's disk fails fails the store: copies not yet recorded may be
# gone. So does the superblock's write of a checkpoint. One of the origin that a command asked for, or the mover of a rollback,
# makes the next one from above fail, once.

mkdisk origin 2M cache=4
mkdisk store 8M cache=4
obey origin store
dev=/dev/mapper/s0-data
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
must stamp write "$origin" --tag 1 --map o.map
cp o.map a.map

up()
{
	smv activate "$store"
	smv activate data@a
}

down()	# the store has failed
{
	calm store
	eq "$(field s0 state)" failed 'state of the store'
	must stamp check $dev --map o.map
	! dd if=$dev@a of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || fail 'a snapshot can be read'
	smv deactivate -f s0/
	check_store "$store"
}

flushes() { stamp write $dev --tag "$1" --map o.map --from $(($1 * 64)) --count 8 --sync; }

smv activate "$store"
smv snapshot data a
smv activate data@a

say 'a FLUSH of a snapshot'
must stamp write $dev@a --tag 2 --map a.map --from 1000 --count 64
must flushes 3
order store fail flush 1
! stamp write $dev@a --tag 2 --map a.map --from 1000 --count 64 --sync || fail 'flushed'
down

say 'the superblock of a checkpoint'
up
must flushes 4
settle s0
wait_for 20 rests s0
order store fail flush 1
dmsetup message s0 0 checkpoint || :
wait_for 20 is s0 state failed
must sh -c "dmsetup status s0 | grep 'a%20checkpoint'"
down

say 'the flush of a snapshot command'
up
must stamp check $dev@a --map a.map
order origin fail flush 1
mustfail 'dmesg' snapmv snapshot data b
calm origin
must sh -c "dmesg | tail -n 5 | grep 'the origin on .* cannot be flushed'"
! flushes 5 || fail 'nobody was told'
must flushes 6
smv snapshot data b

say 'the flush of a rollback'
smv set "$store" throttle=pause
smv deactivate data@a
smv rollback --no-undo data@a
cp a.map o.map
order origin fail flush 1
smv set "$store" throttle=0
wait_for 30 is s0-data rolling 0
calm origin
! flushes 7 || fail 'nobody was told'
must flushes 8
must stamp check $dev --map o.map
eq "$(field s0 state)" ok 'state of the store'
