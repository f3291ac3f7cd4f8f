# Writes ahead of a rollback that waits for space wait for it, when as many separate chunks have been
# moved for them as can be marked. The store can be suspended meanwhile, and so can the origin; when
# the policy becomes to drop what needs space, the rollback does, and lets them go.
# timeout: 180

mkdisk data 32M
mkdisk other 64M
mkdisk store 64M
smv format -c 4K -l s0 "$store"
smv add "$store" "$data" data
smv add "$store" "$other" other
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a other f
smv activate data@a
smv activate other@f
stamp discard $dev@a	# so that every chunk is to be moved
smv snapshot data b
every_other()	# TAG FIO-ARGUMENT...: every other chunk, which b then has
{
	fio --name=every-other --filename=$dev --direct=1 --ioengine=psync --rw=write:4k --bs=4k \
		--offset=4k --size=31m --eta=never "$@"
}
every_other >fio.out
smv set s0/ throttle=pause policy=hold hold-timeout=0
smv rollback --no-undo data@a
smv deactivate data@a
fill=$(($(field s0 available) - 200))
run dd if=/dev/urandom of=/dev/mapper/s0-other@f bs=4k count=$fill oflag=direct status=none

every_other >fio.out & writer=$!
wait_for 60 is s0 full 1
rests_moves()
{
	moves=$(field s0 moves)
	sleep 1
	[ "$(field s0 moves)" = "$moves" ]
}
wait_for 60 rests_moves
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
eq "$(field s0 moves)" "$moves" moves
eq "$(field s0 dropped)" 0 dropped
kill -0 $writer || fail 'the writer did not wait'
smv set s0/ policy=drop
wait $writer || { cat fio.out; fail 'the writer failed'; }
eq "$(field s0-data rolling)" 1
cond "$(field s0 dropped)" -ge 1
smv activate data@b
eq "$(field s0-data@b state)" invalid 'state of what would need the space'
smv deactivate -f s0/
run snapmv check "$store"
