# FLUSH, FUA and discard sent to the origin reach its disk (the original passed
# none of them on); a discard does not where a snapshot needs what is there.
# timeout: 40

mkdisk origin 16M cache=4
mkdisk store 32M
stamp write "$origin" --tag 1 --sync
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
stamp write $dev --tag 2 --count 128
count_ios "$origin" stamp write $dev --tag 2 --count 128 --sync
cond "$IO_F" -ge 1
# O_DSYNC: a write with FUA, or a flush after it.
count_ios "$origin" dd if=/dev/zero of=$dev bs=64k count=4 oflag=direct,dsync status=none
cond "$IO_F" -ge 1
count_ios "$origin" blkdiscard -o 4M -l 1M $dev
cond "$IO_D" -ge 1
must stamp check $dev --from 8192 --count 2048 --tag 0

smv snapshot data a
count_ios "$origin" blkdiscard -o 8M -l 1M $dev
eq "$IO_D" 0 'discards of what the snapshot needs'
must stamp check $dev --from 16384 --count 2048 --tag 1
stamp write $dev --from 16384 --count 2048 --tag 3
count_ios "$origin" blkdiscard -o 8M -l 1M $dev
cond "$IO_D" -ge 1
must stamp check $dev --from 16384 --count 2048 --tag 0
smv activate data@a
must stamp check $dev@a --from 16384 --count 2048 --tag 1
# A flush of the snapshot reaches the store, and the commit with it.
commits=$(field s0 commits)
stamp write $dev@a --tag 4 --count 128 --sync
cond "$(field s0 commits)" -gt "$commits"
stamp write $dev --tag 5 --from 24576 --count 128
count_ios "$origin" stamp write $dev --tag 6 --from 24576 --count 128 --sync
cond "$IO_F" -ge 1

# Its device goes without the tool: a snapshot of it while it is down finds it durable.
stamp write $dev --tag 7 --from 24576 --count 128
run dmsetup remove s0-data@a
count_ios "$origin" dmsetup remove s0-data
cond "$IO_F" -ge 1
