# Writes held by a full store go on when the snapshot that they would preserve for is deleted, though that gives
# nothing back. One that a flushless suspend gives back is counted out; one that was interrupted leaves no trace.
# timeout: 60

mkdisk one 16M
mkdisk two 64M
mkdisk store 16M
obey one
smv format -c 16K -l s0 "$store"
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
smv set s0/ policy=hold hold-timeout=0
dev=/dev/mapper/s0-one
smv snapshot one a
smv snapshot two filler
fill_store s0 /dev/mapper/s0-two 1

say 'a flushless suspend is interrupted'
order one hold read 1
dd if=$dev of=/dev/null bs=4k count=1 iflag=direct status=none & reader=$!
wait_for 20 holds one
dmsetup suspend --noflush s0-one & suspend=$!
is_asleep()
{
	grep -q '^State:.*[SD]' /proc/$suspend/status && grep -q dm_suspend /proc/$suspend/stack
}
wait_for 20 is_asleep
kill -TERM $suspend
! wait $suspend || fail 'the suspend was not interrupted'
calm one
wait $reader || fail 'the reader failed'
is_held()
{
	[ "$(field s0 waiting)" -eq "$1" ]
}
stamp write $dev --tag 2 --count 8 & writer=$!
wait_for 20 is_held 1

say 'one is not'
dmsetup suspend --noflush s0-one
must is_held 0
dmsetup resume s0-one
wait_for 20 is_held 1
eq "$(field s0-one gated)" 1 gated
kill -0 $writer || fail 'the writer did not wait'

say 'the snapshot goes'
smv delete one@a
wait_for 20 has_ended $writer
wait $writer || fail 'the writer failed'
must stamp check $dev --tag 2 --count 8
eq "$(field s0-one gated)" 0 gated
eq "$(field s0 dropped)" 0 dropped
