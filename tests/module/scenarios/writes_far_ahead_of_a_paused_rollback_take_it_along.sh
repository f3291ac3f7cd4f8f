# Writes ahead of a paused rollback mark what was moved for them. When as many separate chunks are
# marked as can be, the rollback goes on, paused as it is, as far as the writes need it; no farther.
# timeout: 180

mkdisk data 32M
mkdisk store 64M
smv format -c 4K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
dev=/dev/mapper/s0-data
stamp write $dev --tag 1
smv snapshot data a
smv activate data@a
stamp discard $dev@a	# so that every chunk is to be moved
smv set s0/ throttle=pause
smv rollback --no-undo data@a
smv deactivate data@a

every_other()	# OFFSET FIO-ARGUMENT...
{
	offset=$1
	shift
	fio --name=every-other --filename=$dev --direct=1 --ioengine=psync --rw=write:4k --bs=4k \
		--offset="$offset" --size=31m --eta=never --verify=pattern "$@" >fio.out ||
		{ cat fio.out; fail 'fio failed'; }
}
every_other 4k --verify_pattern=0x5a --do_verify=0
eq "$(field s0 throttle)" pause
eq "$(field s0-data rolling)" 1
sleep 2
done=$(field s0-data done)
cond "$(field s0-data place)" -lt 4200
sleep 1
eq "$(field s0-data done)" "$done" 'moved when nobody asked for it'
smv set s0/ throttle=0
wait_for 60 is s0-data rolling 0
every_other 4k --verify_pattern=0x5a --verify_only
every_other 0 --verify_pattern=0x00 --verify_only
eq "$(field s0 dropped)" 0 dropped
smv deactivate s0
run snapmv check "$store"
