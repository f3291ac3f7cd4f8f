# Create and delete a thousand times, create many and delete them all, and a
# rolling window, while the origin is written: no chunk and no volume is left.
# timeout: 150

mkdisk origin 8M
mkdisk store 192M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
nothing_left()
{
	settle s0
	eq "$(field s0 snapshots)" 0 snapshots
	eq "$(field s0 ghosts)" 0 ghosts
	eq "$(field s0 data)" 0 'chunks used'
	eq "$(field s0 exceptions)" 0 exceptions
}

n=$(scaled 1000)
must messages s0 --repeat "$n" snapshot 0 0 data s%d % -- delete data@s%d
nothing_left
nice -n 15 overlap --time 1000000 --threads 1 $dev >overlap.out 2>&1 & load=$!
must messages s0 --repeat "$n" snapshot 0 0 data s%d % -- delete data@s%d
many=$(scaled 200)
must messages s0 --repeat "$many" snapshot 0 0 data m%d %
eq "$(field s0 snapshots)" "$many"
must messages s0 --repeat "$many" delete data@m%d
# A window of 20 that rolls.
must messages s0 --repeat 20 snapshot 0 0 data w%d %
awk -v n="$n" 'BEGIN {
	for (i = 21; i <= n; i++)
		printf "snapshot 0 0 data w%d %%\ndelete data@w%d\n", i, i - 20
}' >window
must messages s0 <window
eq "$(field s0 snapshots)" 20
kill $load
wait $load || :
[ ! -s overlap.out ] || { cat overlap.out; fail 'overlap found something'; }
eq "$(field s0 dropped)" 0 dropped
awk -v n="$n" 'BEGIN {
	for (i = n - 19; i <= n; i++)
		print "delete data@w" i
}' >last
must messages s0 <last
nothing_left
# Metadata is back to a handful of chunks, too.
dmsetup message s0 0 checkpoint
cond "$(field s0 meta)" -le 5
