# The races between reads, writes, copies, moves and commands, each with its window held
# open: a disk holds one request, for which the other side then must wait, or by which it must not be hurt.
# tests/module/mutate shows that each fails without its guard.
# timeout: 60

dev=/dev/mapper/s0-data
mkdisk data 2M cache=4
mkdisk store 5M cache=4
obey data store

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
	quiet snapmv deactivate s0/
	check_store "$store"
}

# The other side has a second to get through while the window is open, which it should
# not; then the window closes.
grace()	# CMD...: true when it has got through
{
	gr_left=$(scaled 10 10)
	while [ "$gr_left" -gt 0 ] && ! "$@"; do
		gr_left=$((gr_left - 1))
		sleep 0.1
	done
}

has_moved()
{
	[ "$(field s0 moves)" -gt 0 ]
}

ends_well()	# PID WHAT
{
	wait "$1" || fail "$2"
}

# A snapshot reads a chunk in place while the origin is written there.
read_in_place_against_write()
{
	begin 'a read in place, and a write to the origin'
	order data hold read 1
	stamp check $dev@a --tag 1 --count 8 & reader=$!
	wait_for 20 holds data
	stamp write $dev --tag 2 --count 8 & writer=$!
	grace has_ended $writer
	calm data
	ends_well $reader 'the snapshot read what was written later'
	ends_well $writer 'the write'
	must stamp check $dev@a --tag 1
	must stamp check $dev --tag 2 --count 8
	end
}

# A part of a chunk is written to a snapshot, which copies the rest in place while the origin is written there.
copy_in_place_against_write()
{
	begin 'a copy in place, and a write to the origin'
	order data hold read 1
	stamp write $dev@a --tag 3 --count 8 & copier=$!
	wait_for 20 holds data
	stamp write $dev --tag 2 --count 32 & writer=$!
	grace has_ended $writer
	calm data
	ends_well $copier 'the write to the snapshot'
	ends_well $writer 'the write'
	must stamp check $dev@a --tag 3 --count 8
	must stamp check $dev@a --tag 1 --from 8
	must stamp check $dev --tag 2 --count 32
	end
}

# A snapshot command comes while a write is on its way.
command_against_write()
{
	begin 'a snapshot command, and a write in flight'
	order data hold write 1
	stamp write $dev --tag 2 --from 64 --count 8 & writer=$!
	wait_for 20 holds data
	quiet snapmv snapshot data b & command=$!
	grace has_ended $command
	sum=
	if has_ended $command; then
		quiet snapmv activate data@b
		sum=$(sumdev $dev@b)
	fi
	calm data
	ends_well $writer 'the write'
	ends_well $command 'the command'
	quiet snapmv activate data@b
	eq "$(sumdev $dev@b)" "${sum:-$(sumdev $dev@b)}" 'sum of b after a write that it did not wait for'
	must stamp check $dev@a --tag 1
	end
}

# The chunks of a, all tag 2, are being discarded: whether command b, given in the midst of that, is whole.
command_in_the_midst()
{
	left=$(field s0 data)
	cond "$left" -gt 0
	cond "$left" -lt 128
	quiet snapmv snapshot data@a b & command=$!
	grace has_ended $command
	calm store
	ends_well $discard 'the discard'
	ends_well $command 'the command'
	quiet snapmv activate data@b
	stamp check $dev@b --tag 0 || must stamp check $dev@b --tag 2
	must stamp check $dev@a --tag 0
	end
}

# A snapshot command comes while a discard of many chunks reads metadata.
command_against_discard()
{
	begin 'a snapshot command, and a discard that reads metadata'
	stamp write $dev@a --tag 2 --io 16K
	quiet snapmv deactivate s0/
	quiet snapmv activate "$store"
	quiet snapmv activate data@a
	order store hold read 4		# the root, a leaf, a bitmap, and the next leaf
	stamp discard $dev@a --io 2M & discard=$!
	wait_for 20 holds store
	command_in_the_midst
}

# The same while it waits for room: the overlay notes 64 changes, and so does that of a checkpoint.
command_against_discard_without_room()
{
	begin 'a snapshot command, and a discard that waits for room'
	stamp write $dev@a --tag 2 --io 16K
	uuid=$(dmsetup info -c --noheadings -o uuid s0)
	quiet snapmv deactivate s0/
	run dmsetup create -u "$uuid" s0 \
		--table "0 $(sectors "$store") snap-mv-store $store 2 overlay_entries 64"
	quiet snapmv activate data data@a
	wait_for 20 rests s0
	order store hold write 2	# 1: the commit that a checkpoint begins with
	stamp discard $dev@a --io 2M & discard=$!
	wait_for 20 holds store
	command_in_the_midst
}

# A first write whose commit is held, its copy done. On a slow machine the two may go together,
# and then the copy may be what is held: the next chunk is tried.
write_until_its_commit()
{
	for from in 128 160 192 224 256 288; do
		copies=$(field s0 copies)
		order store hold write 2	# 1: the copy
		stamp write $dev --tag 2 --from $from --count 8 & writer=$!
		wait_for 20 holds store
		grace has_copied
		! has_copied || return 0
		calm store
		ends_well $writer 'the write'
		wait_for 20 rests s0
	done
	fail 'the commit was never what was held'
}

has_copied()
{
	[ "$(field s0 copies)" -gt "$copies" ]
}

# A write to an origin waits until what it destroys is durably preserved.
write_against_commit()
{
	begin 'a write, and the commit that it needs'
	write_until_its_commit
	grace has_ended $writer
	must stamp check "$data" --tag 1 --from $from --count 8
	calm store
	ends_well $writer 'the write'
	must stamp check $dev --tag 2 --from $from --count 8
	must stamp check $dev@a --tag 1
	end
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
	order store hold read 1
	stamp check $dev@a --tag 2 --from 160 --count 32 & reader=$!
	wait_for 20 holds store
	stamp discard $dev@a --from 160 --count 32 --sync
	for name in b c d; do	# more than there is room for
		stamp write $dev@$name --tag 3 --io 16K --sync 2>/dev/null || break
	done
	held=$(field s0 held)
	eq "$(field s0 available)" 0 'chunks for data'
	# The search for a free chunk goes round and leaves some 40 to metadata: it comes by the
	# freed one when more than that are given back and taken again.
	stamp discard $dev@b --from 0 --count 2048 --sync
	stamp write $dev@b --tag 3 --io 16K --count 2048 --sync 2>/dev/null || :
	calm store
	ends_well $reader 'a read shows what was written into a chunk freed under it'
	eq "$held" 1 'chunks that were freed and not reusable yet'
	end
}

# A snapshot is rolled back to while it is written.
rollback_against_write()
{
	begin 'a rollback, and a write to its source in flight'
	stamp write $dev@a --tag 2 --from 0 --count 64
	quiet snapmv set s0/ throttle=pause
	order store hold write 1
	stamp write $dev@a --tag 3 --from 32 --count 8 & writer=$!
	wait_for 20 holds store
	quiet snapmv rollback --undo u data@a & command=$!
	grace has_ended $command
	sum=
	! has_ended $command || sum=$(sumdev $dev 32 8)
	calm store
	ends_well $writer 'the write'
	ends_well $command 'the command'
	eq "$(sumdev $dev 32 8)" "${sum:-$(sumdev $dev 32 8)}" 'sum of data after a write to its source'
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
	order data hold write 1
	quiet snapmv set s0/ throttle=0
	wait_for 20 holds data
	stamp write $dev --tag 3 --from 0 --count 8 & writer=$!
	grace has_ended $writer
	calm data
	ends_well $writer 'the write'
	wait_for 60 is s0-data rolling 0
	must stamp check $dev --tag 3 --from 0 --count 8
	must stamp check $dev --tag 1 --from 8
	must stamp check "$data" --tag 1 --from 8
	end
}

# A rollback to a is paused; c reads in place what is to be moved away, and one such read is held.
rollback_under_reader()
{
	stamp write $dev --tag 2 --from 0 --count 256
	quiet snapmv snapshot data c
	quiet snapmv activate data@c
	quiet snapmv set s0/ throttle=pause
	quiet snapmv rollback --no-undo data@a
	order data hold read 1
	stamp check $dev@c --tag 2 --count 8 & reader=$!
	wait_for 20 holds data
}

# A snapshot reads a chunk in place that the mover of a rollback moves.
move_against_read_in_place()
{
	begin 'a move, and a read in place of what is moved away'
	rollback_under_reader
	must dmsetup message s0 0 set throttle=0
	grace has_moved
	calm data
	ends_well $reader 'the snapshot read what was moved there later'
	wait_for 60 is s0-data rolling 0
	must stamp check $dev@c --tag 2 --count 256
	must stamp check "$data" --tag 1
	end
}

# The same, but a write moves the chunk first.
write_that_moves_against_read_in_place()
{
	begin 'a write that moves, and a read in place of what is moved away'
	rollback_under_reader
	stamp write $dev --tag 3 --from 8 --count 8 & writer=$!
	grace has_ended $writer
	calm data
	ends_well $reader 'the snapshot read what a write moved there later'
	ends_well $writer 'the write'
	must dmsetup message s0 0 set throttle=0
	wait_for 60 is s0-data rolling 0
	must stamp check $dev@c --tag 2 --count 256
	must stamp check "$data" --tag 3 --from 8 --count 8
	must stamp check "$data" --tag 1 --from 16
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
	order store hold read 1
	must dmsetup message s0 0 set throttle=0	# the tool reads the store, too
	wait_for 20 holds store
	quiet snapmv delete data@a
	quiet snapmv snapshot data b
	stamp write $dev --tag 3 --from 512 --count 512 --io 16K
	calm store
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
	order data hold read 1
	stamp write $dev --tag 2 --from 96 --count 8 & writer=$!
	wait_for 20 holds data
	quiet snapmv delete data@a
	quiet snapmv snapshot data b
	calm data
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

remember_store "$store"
for race in ${SMV_ONLY:-read_in_place_against_write copy_in_place_against_write command_against_write
		command_against_discard command_against_discard_without_room write_against_commit
		free_against_read rollback_against_write move_against_write
		move_against_read_in_place write_that_moves_against_read_in_place
		delete_against_rollback delete_against_copy}; do
	$race
done
