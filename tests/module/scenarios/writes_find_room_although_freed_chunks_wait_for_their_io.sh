# What is freed is used again when the I/O of before has ended, and the store notes only so much
# that waits for that (overlay_entries). Writes, copies and moves that are on their way when a delete has
# filled these notes find room for their own records all the same.
# timeout: 90

dev=/dev/mapper/s0-data
mkdisk data 2M cache=4
mkdisk store 8M cache=4
obey data store

# Snapshots big (an entry for each of 512 chunks) and s (active, none) of an origin full of tag 2;
# the store notes 64 freed chunks.
begin()
{
	say "on its way: $*"
	quiet stamp write "$data" --tag 1 --sync
	quiet snapmv format -f -c 4K -l s0 "$store"
	quiet snapmv add "$store" "$data" data
	quiet snapmv activate "$store"
	quiet snapmv snapshot data big
	quiet stamp write $dev --tag 2
	quiet snapmv snapshot data s
	uuid=$(dmsetup info -c --noheadings -o uuid s0)
	quiet snapmv deactivate s0/
	run dmsetup create -u "$uuid" s0 \
		--table "0 $(sectors "$store") snap-mv-store $store 2 overlay_entries 64"
	quiet snapmv activate data data@s
	wait_for 20 rests s0
}

full_of_notes() { [ "$(field s0 held)" -ge 64 ]; }

# The cleaner takes what room there is, and then stands.
fill_notes()
{
	quiet snapmv delete data@big
	wait_for 30 full_of_notes
	wait_for 20 rests s0
	full_of_notes || fail 'freed chunks did not wait for the I/O of before'
}

goes_on()	# PID
{
	calm data store
	wait_for 30 has_ended "$1"
	wait "$1" || fail 'the write'
	settle s0
	wait_for 20 is s0 held 0
}

end()
{
	must stamp check $dev@s --tag 2 --from 64
	quiet snapmv deactivate s0/
	check_store "$store"
}

whole_chunk_of_a_snapshot()
{
	begin 'a whole chunk of a snapshot'
	# All metadata that the write needs is there, so that it goes from map().
	stamp write $dev@s --tag 2 --from 4088 --count 8
	quiet dmsetup message s0 0 sync
	order store hold write 1
	stamp write $dev@s --tag 3 --count 8 & writer=$!
	wait_for 20 holds store
	fill_notes
	goes_on $writer
	must stamp check $dev@s --tag 3 --count 8
	end
}

part_of_a_snapshot()
{
	begin 'a part of a chunk of a snapshot'
	order data hold read 1
	stamp write $dev@s --tag 3 --from 4 --count 12 & writer=$!
	wait_for 20 holds data
	fill_notes
	goes_on $writer
	must stamp check $dev@s --tag 3 --from 4 --count 12
	end
}

copy()
{
	begin 'a copy for a write to the origin'
	order data hold read 1
	stamp write $dev --tag 3 --count 32 & writer=$!
	wait_for 20 holds data
	fill_notes
	goes_on $writer
	must stamp check $dev@s --tag 2
	must stamp check $dev --tag 3 --count 32
	end
}

move()
{
	begin 'a copy of the mover'
	quiet stamp write $dev --tag 3 --count 64
	order data hold read 1
	quiet snapmv rollback data@s
	wait_for 20 holds data
	fill_notes
	calm data
	wait_for 30 is s0-data rolling 0
	settle s0
	must stamp check $dev --tag 2
	end
}

for part in ${SMV_ONLY:-whole_chunk_of_a_snapshot part_of_a_snapshot copy move}; do
	$part
done
