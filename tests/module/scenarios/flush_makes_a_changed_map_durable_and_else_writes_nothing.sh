# A FLUSH on a snapshot whose map has changed commits; with nothing changed it
# writes nothing. FLUSH and FUA on the origin reach its disk; later writes and
# reads of the origin cost exactly one request.
# timeout: 40

mkdisk origin 16M cache=4
mkdisk store 64M cache=4
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv activate data@a
flush()	# DEV
{
	xfs_io -d -c fsync "$1"
}
flush $dev@a
flush $dev

# Nothing changed.
count_ios "$store" flush $dev@a
eq "$IO_WS" 0 'writes to the store at a flush of a snapshot'
count_ios "$store" flush $dev
eq "$IO_WS" 0 'writes to the store at a flush of the origin'
count_ios "$origin" flush $dev
eq "$IO_WS" 0 'writes to the origin at a flush'
cond "$IO_F" -ge 1

# A whole chunk of a snapshot: its data, and nothing of metadata until the flush.
commits=$(field s0 commits)
count_ios "$store" stamp write $dev@a --tag 1 --from 320 --count 32
eq "$IO_WS" 32 'sectors written for a whole chunk'
eq "$(field s0 commits)" "$commits" 'commits without a flush'
count_ios "$store" flush $dev@a
cond "$IO_W" -ge 1
cond "$IO_F" -ge 1
eq "$(field s0 commits)" $((commits + 1)) 'commits of a flush'
count_ios "$store" flush $dev@a
eq "$IO_WS" 0 'writes at the second flush'
# In place: data only, and no map changes.
count_ios "$store" stamp write $dev@a --tag 2 --from 325 --count 3
eq "$IO_W/$IO_WS/$IO_R" 1/3/0 'requests of a second write'
count_ios "$store" flush $dev@a
eq "$IO_WS" 0 'writes at a flush after writing in place'
cond "$IO_F" -ge 1
# FUA: durable by itself, map and all.
commits=$(field s0 commits)
dd if=/dev/zero of=$dev@a bs=16k seek=20 count=1 oflag=direct,dsync status=none
eq "$(field s0 commits)" $((commits + 1)) 'commits of a write with FUA'
count_ios "$store" flush $dev@a
eq "$IO_WS" 0 'writes at a flush after FUA'

# The origin: first write, later writes, reads.
stamp write $dev --tag 3 --from 640 --count 8
count_ios "$origin" stamp write $dev --tag 4 --from 642 --count 3
eq "$IO_W/$IO_WS/$IO_R" 1/3/0 'requests of a later write'
count_ios "$origin" dd if=$dev of=/dev/null bs=4k skip=80 count=1 iflag=direct \
	status=none
eq "$IO_R/$IO_W" 1/0 'requests of a read'
wait_for 9 rests s0
count_ios "$store" dd if=/dev/zero of=$dev bs=4k seek=80 count=1 \
	oflag=direct,dsync status=none
eq "$IO_WS" 0 'writes to the store at a later write with FUA'
