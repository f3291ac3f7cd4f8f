# A FLUSH on a snapshot makes durable all that was written to it before: chunks zeroed beside one that was zeroed
# already, and what was written while it was active the last time.
# timeout: 40

mkdisk origin 16M cache=4
mkdisk store 64M cache=4
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv activate data@a
flush()
{
	xfs_io -d -c fsync $dev@a
}
commits_of()	# CMD...: how many commits there are from before it to after a flush
{
	flush
	wait_for 9 rests s0
	commits=$(field s0 commits)
	"$@"
	flush
	commits=$(($(field s0 commits) - commits))
}

commits_of stamp discard $dev@a --from 64 --count 32
eq "$commits" 1 'commits of a discard and a flush'
commits_of stamp discard $dev@a --from 32 --count 64
eq "$commits" 1 'commits of a discard that ends in a chunk of zeroes, and a flush'
commits_of stamp zero $dev@a --from 0 --count 128 --io 64K
eq "$commits" 1 'commits of zeroes before and behind such, and a flush'
commits_of stamp zero $dev@a --from 0 --count 128 --io 64K
eq "$commits" 0 'commits of zeroes upon zeroes, and a flush'

reactivate()
{
	stamp write $dev@a --tag 2 --from 320 --count 32
	quiet snapmv deactivate data@a
	quiet snapmv activate data@a
}
commits_of reactivate
cond "$commits" -ge 1
commits_of stamp write $dev@a --tag 3 --from 320 --count 32
count_ios "$store" flush
eq "$IO_WS" 0 'sectors written by a second flush'
overwrite()
{
	stamp write $dev@a --tag 4 --from 320 --count 8
	quiet snapmv deactivate data@a
	quiet snapmv activate data@a
}
overwrite
count_ios "$store" flush
cond "$IO_F" -ge 1
count_ios "$store" flush
eq "$IO_F" 0 'flushes of the store at a second flush'
