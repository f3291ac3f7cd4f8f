# The races between reads, writes, copies, moves and commands, each with its window held
# open: the disks hold one request, of which the other side then must wait, or not be hurt.
# host: disks
# disks: data=2M store=5M marks=1M
# timeout: 60

dev=/dev/mapper/s0-data

# A new store, the origin full of tag 1, and snapshot a, active.
begin()
{
	say "race: $*"
	quiet stamp write "$data" --tag 1 --sync
	quiet snapmv format -f -c 16K -l s0 "$store"
	quiet snapmv add "$store" "$data" data
	quiet snapmv activate "$store"
	quiet snapmv snapshot data a
	quiet snapmv activate data@a
}

end()
{
	note CALM
	quiet snapmv deactivate s0/
	check_store "$store"
}

in_flight()	# DISK read|write: one request at least is held there
{
	read -r if_reads if_writes <"/sys/block/$(kname "$1")/inflight"
	case $2 in
	read)	[ "$if_reads" -gt 0 ] ;;
	write)	[ "$if_writes" -gt 0 ] ;;
	esac
}

held()	# DISK read|write
{
	wait_for 20 in_flight "$1" "$2"
}

# The other side has a second to get through while the window is open, which it should
# not; then the window closes.
grace()	# PID
{
	gr_left=10
	while [ $gr_left -gt 0 ] && kill -0 "$1" 2>/dev/null; do
		gr_left=$((gr_left - 1))
		sleep 0.1
	done
}

ends_well()	# PID WHAT
{
	wait "$1" || fail "$2"
}

# A snapshot reads a chunk in place while the origin is written there.
read_in_place_against_write()
{
	begin 'a read in place, and a write to the origin'
	trouble HOLD data read 1
	stamp check $dev@a --tag 1 --count 8 & reader=$!
	held "$data" read
	stamp write $dev --tag 2 --count 8 & writer=$!
	grace $writer
	note CALM
	ends_well $reader 'the snapshot read what was written later'
	ends_well $writer 'the write'
	must stamp check $dev@a --tag 1
	must stamp check $dev --tag 2 --count 8
	end
}

# A snapshot command comes while a write is on its way.
command_against_write()
{
	begin 'a snapshot command, and a write in flight'
	trouble HOLD data write 1
	stamp write $dev --tag 2 --from 64 --count 8 & writer=$!
	held "$data" write
	quiet snapmv snapshot data b & command=$!
	grace $command
	sum=
	if ! kill -0 $command 2>/dev/null; then
		quiet snapmv activate data@b
		sum=$(sumdev $dev@b)
	fi
	note CALM
	ends_well $writer 'the write'
	ends_well $command 'the command'
	quiet snapmv activate data@b
	eq "$(sumdev $dev@b)" "${sum:-$(sumdev $dev@b)}" 'sum of b after a write that it did not wait for'
	must stamp check $dev@a --tag 1
	end
}

# A write to an origin waits until what it destroys is durably preserved.
write_against_commit()
{
	begin 'a write, and the commit that it needs'
	trouble HOLD store write 2	# 1: the copy
	stamp write $dev --tag 2 --from 128 --count 8 & writer=$!
	wait_for 20 commit_is_held
	grace $writer
	must stamp check "$data" --tag 1 --from 128 --count 8
	note CALM
	ends_well $writer 'the write'
	must stamp check $dev --tag 2 --from 128 --count 8
	must stamp check $dev@a --tag 1
	end
}

# The copy has been written, and another write to the store is on its way.
commit_is_held()
{
	[ "$(field s0 copies)" -ge 1 ] && in_flight "$store" write
}

# A chunk of the store is freed, and others are written, while it is read.
free_against_read()
{
	begin 'a read of a chunk of the store that is freed, and its reuse'
	for name in b c d; do
		quiet snapmv snapshot data $name
		quiet snapmv activate data@$name
	done
	stamp write $dev@a --tag 2 --from 160 --count 32
	trouble HOLD store read 1
	stamp check $dev@a --tag 2 --from 160 --count 32 & reader=$!
	held "$store" read
	stamp discard $dev@a --from 160 --count 32 --sync
	for name in b c d; do	# more than there is room for
		stamp write $dev@$name --tag 3 --sync 2>/dev/null || break
	done
	note CALM
	ends_well $reader 'a read shows what was written into a chunk freed under it'
	end
}

# A snapshot is rolled back to while it is written.
rollback_against_write()
{
	begin 'a rollback, and a write to its source in flight'
	stamp write $dev@a --tag 2 --from 0 --count 64
	quiet snapmv set s0/ throttle=pause
	trouble HOLD store write 1
	stamp write $dev@a --tag 3 --from 32 --count 8 & writer=$!
	held "$store" write
	quiet snapmv rollback --undo u data@a & command=$!
	grace $command
	kill -0 $command 2>/dev/null || must stamp check $dev --tag 3 --from 32 --count 8
	note CALM
	ends_well $writer 'the write'
	ends_well $command 'the command'
	must stamp check $dev --tag 3 --from 32 --count 8
	quiet snapmv set s0/ throttle=0
	wait_for 60 is s0-data rolling 0
	must stamp check "$data" --tag 3 --from 32 --count 8
	end
}

# A chunk is written while the mover of a rollback moves it.
move_against_write()
{
	begin 'a move, and a write to its chunk'
	stamp write $dev --tag 2 --from 0 --count 256
	quiet snapmv set s0/ throttle=pause
	quiet snapmv rollback --undo u data@a
	trouble HOLD data write 1
	quiet snapmv set s0/ throttle=0
	held "$data" write
	stamp write $dev --tag 3 --from 0 --count 8 & writer=$!
	grace $writer
	note CALM
	ends_well $writer 'the write'
	wait_for 60 is s0-data rolling 0
	must stamp check $dev --tag 3 --from 0 --count 8
	must stamp check $dev --tag 1 --from 8
	must stamp check "$data" --tag 1 --from 8
	end
}

# The source is deleted while the mover reads it.
delete_against_rollback()
{
	begin 'a move, and the deletion of what it moves'
	stamp write $dev --tag 2 --from 0 --count 256
	quiet snapmv set s0/ throttle=pause
	quiet snapmv rollback --no-undo data@a
	quiet snapmv deactivate data@a
	trouble HOLD store read 1
	must dmsetup message s0 0 set throttle=0	# the tool reads the store, too
	held "$store" read
	quiet snapmv delete data@a
	quiet snapmv snapshot data b
	stamp write $dev --tag 3 --from 512 --count 512 --io 16K
	note CALM
	wait_for 60 is s0-data rolling 0
	must stamp check $dev --tag 1 --from 0 --count 512
	quiet snapmv delete --wait data@b
	settle s0
	eq "$(field s0 data)" 0 'chunks of data that nobody needs'
	end
}

# The only snapshot that needs a chunk is deleted while it is preserved.
delete_against_copy()
{
	begin 'a copy, and the deletion of the snapshot that it is for'
	quiet snapmv deactivate data@a
	trouble HOLD data read 1
	stamp write $dev --tag 2 --from 96 --count 8 & writer=$!
	held "$data" read
	quiet snapmv delete data@a
	quiet snapmv snapshot data b
	note CALM
	ends_well $writer 'the write'
	quiet snapmv activate data@b
	once=$(sumdev $dev@b)
	stamp write $dev --tag 3 --from 96 --count 8
	eq "$(sumdev $dev@b)" "$once" 'sum of a snapshot after a write to its origin'
	quiet snapmv deactivate data@b
	quiet snapmv delete --wait data@b
	settle s0
	eq "$(field s0 data)" 0 'chunks of data that nobody needs'
	end
}

phase1()
{
	remember_store "$store"
	read_in_place_against_write
	command_against_write
	write_against_commit
	free_against_read
	rollback_against_write
	move_against_write
	delete_against_rollback
	delete_against_copy
}
