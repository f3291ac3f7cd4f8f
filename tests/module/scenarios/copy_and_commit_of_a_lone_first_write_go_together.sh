# A first write that is alone writes its record beside its copy: while the copy is
# held, the commit is made, and the origin still waits. Nobody sees the exception
# before the copy is there, a command in between does no harm, and a store that stops
# there is activated with the snapshot as it was.
# timeout: 120

mkdisk origin 16M cache=16
# A trip to it takes longer than a checksum, else there is nothing to spare.
mkdisk store 32M latency=10000
obey origin store
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
stamp write $dev --tag 1
smv snapshot data a
smv activate data@a

chunk=-1

# A first write whose copy is held, and whose record is durable: of TAG, to $chunk. Copy and commit
# are sent at once: if the commit comes first and is held, the next chunk is tried.
write_held()	# TAG
{
	for wh_try in 1 2 3 4 5 6 7 8; do
		chunk=$((chunk + 1))
		wait_for 20 rests s0
		commits=$(field s0 commits)
		order store hold write 1
		stamp write $dev --tag "$1" --from $((chunk * 128)) --count 8 & writer=$!
		wait_for 20 holds store
		! commits_within_a_while || return 0
		calm store
		must wait $writer
	done
	fail 'the commit was always the first'
}

commits_within_a_while()
{
	for ca_try in 1 2 3 4 5 6 7 8 9 10; do
		! committed || return 0
		sleep 0.2
	done
	return 1
}

committed()
{
	[ "$(field s0 commits)" -gt "$commits" ]
}

proven()
{
	[ "$(field s0 commits)" -eq $((commits + 2)) ]
}

say 'the record goes beside the copy; the origin waits, and nobody sees half a copy'
write_held 2
must stamp check /dev/mapper/s0-data@a --tag 1
must stamp check /dev/origin --tag 1 --from $((chunk * 128)) --count 128
calm store
must wait $writer
must stamp check /dev/mapper/s0-data@a --tag 1
must stamp check $dev --tag 2 --from $((chunk * 128)) --count 8

say 'a store that comes to rest says in one more commit that the copy is there'
wait_for 20 proven
wait_for 20 rests s0
must proven

say 'a snapshot between record and copy'
write_held 3
commits=$(field s0 commits)
smv snapshot data b & taker=$!
wait_for 20 committed
calm store
must wait $writer
must wait $taker
smv activate data@b
must stamp check /dev/mapper/s0-data@a --tag 1
must stamp check /dev/mapper/s0-data@b --tag 1 --from $((chunk * 128)) --count 128

say 'a deletion between record and copy leaves nothing behind'
smv deactivate data@b
write_held 4
smv delete data@b & taker=$!
calm store
must wait $writer
must wait $taker
settle s0
must stamp check /dev/mapper/s0-data@a --tag 1

say 'a cut when the record is durable and the copy is not: recovery finds that it is not there'
write_held 5
used=$(field s0 exceptions)
dd if=/dev/store of=$T/store bs=1M iflag=direct status=none
dd if=/dev/origin of=$T/origin bs=1M iflag=direct status=none
calm store
must wait $writer
eq "$(field s0 exceptions)" "$used" 'exceptions'
smv deactivate s0
dd if=$T/store of=/dev/store bs=1M oflag=direct status=none
dd if=$T/origin of=/dev/origin bs=1M oflag=direct status=none
check_store "$store"
smv activate "$store"
smv activate data@a
eq "$(field s0 exceptions)" $((used - 1)) 'exceptions without the copy that is not there'
must stamp check /dev/mapper/s0-data@a --tag 1
must stamp check $dev --tag 1 --from $((chunk * 128)) --count 128
stamp write $dev --tag 6
must stamp check /dev/mapper/s0-data@a --tag 1

say 'a cut when both are durable, and the write has been issued: recovery keeps the copy'
smv snapshot data c
stamp write $dev --tag 7 --from $((4 * 128)) --count 8
used=$(field s0 exceptions)
dd if=/dev/store of=$T/store bs=1M iflag=direct status=none
dd if=/dev/origin of=$T/origin bs=1M iflag=direct status=none
smv deactivate s0
dd if=$T/store of=/dev/store bs=1M oflag=direct status=none
dd if=$T/origin of=/dev/origin bs=1M oflag=direct status=none
smv activate "$store"
eq "$(field s0 exceptions)" "$used" 'exceptions'
smv activate data@c
must stamp check /dev/mapper/s0-data@c --tag 6
