# Writes ahead of a paused rollback wait when as many separate chunks have been moved for them as can be
# marked. The store can be suspended meanwhile, and so can the origin; let go, the rollback lets them go, too.
# timeout: 90

mkdisk data 32M
mkdisk store 64M
smv format -c 4K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv activate data@a
stamp discard $dev@a	# so that every chunk is to be moved
smv set s0/ throttle=pause
smv rollback --no-undo data@a
smv deactivate data@a

fio --name=every-other --filename=$dev --direct=1 --ioengine=psync --rw=write:4k --bs=4k --offset=4k \
	--size=31m --eta=never --output=fio.out & writer=$!
wait_for 60 is s0 moves 3584	# WRITERS_RANGES in engine/write.c
ends()	# CMD...
{
	"$@" & command=$!
	wait_for 20 has_ended $command
	wait $command
}
ends dmsetup suspend s0
ends dmsetup resume s0
ends dmsetup suspend --noflush s0-data
ends dmsetup resume s0-data
eq "$(field s0 moves)" 3584 moves
kill -0 $writer || fail 'the writer did not wait'
smv set s0/ throttle=0
wait $writer || { cat fio.out; fail 'the writer failed'; }
wait_for 60 is s0-data rolling 0
eq "$(field s0 dropped)" 0 dropped
