# A write of more chunks than are moved for it at once, one of which is read in place, waits for that read
# as one of a single chunk does: no worker is busy with it meanwhile.
# timeout: 60

mkdisk data 2M
mkdisk store 5M
obey data
dev=/dev/mapper/s0-data
stamp write "$data" --tag 1
smv format -c 4K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
smv snapshot data a
stamp write $dev --tag 2 --count 320	# 40 chunks
smv snapshot data c
smv activate data@c
smv set s0/ throttle=pause
smv rollback --no-undo data@a

order data hold read 1
stamp check $dev@c --tag 2 --from 256 --count 8 & reader=$!	# chunk 32, for which there is a second window
wait_for 20 holds data
stamp write $dev --tag 3 --count 320 & writer=$!
wait_for 20 is s0 moves 32	# SMV_WINDOW
gate_rests()	# a worker's name begins the name of its queue with + while it is at work
{
	! cat /proc/[0-9]*/comm 2>/dev/null | grep -q '+smv_gate'
}
wait_for 20 gate_rests
has_ended $writer && fail 'the write did not wait'
calm data
wait $reader || fail 'the reader failed'
wait $writer || fail 'the writer failed'
eq "$(field s0 moves)" 40 moves
must stamp check $dev@c --tag 2 --count 320
must stamp check $dev --tag 3 --count 320
smv set s0/ throttle=0
wait_for 60 is s0-data rolling 0
must stamp check "$data" --tag 3 --count 320
