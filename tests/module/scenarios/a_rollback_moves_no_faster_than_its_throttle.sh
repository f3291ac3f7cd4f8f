# throttle=N: at any moment the mover has moved at most N MiB for each second that has gone by,
# and a batch; also when the rate is changed in mid-rollback. (A slow machine moves less, so that
# no slowness can fail this.)
# timeout: 60

size=24
mkdisk origin ${size}M
mkdisk store 80M
dev=/dev/mapper/s0-data
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
stamp write $dev --tag 1 --map a.map
smv snapshot data a
stamp write $dev --tag 2 --map o.map
smv set s0/ throttle=pause
smv rollback data@a

# A batch is a tenth of a second's worth; one of the rate before may still be under way: 40 chunks.
no_faster()	# MIB UNTIL: until so many chunks are moved
{
	nf_from=$(field s0-data moved)
	nf_start=$(now_ms)
	smv set s0/ throttle=$1
	while :; do
		nf_moved=$(field s0-data moved)
		nf_ms=$(($(now_ms) - nf_start))
		cond $((nf_moved - nf_from)) -le $((64 * $1 * nf_ms / 1000 + 40))
		[ "$nf_moved" -lt "$2" ] || break
		sleep 0.1
	done
	say "throttle=$1: $((nf_moved - nf_from)) chunks in $nf_ms ms"
}
no_faster 2 400
no_faster 1 600
no_faster 4 1000
smv set s0/ throttle=0
wait_for 30 is s0-data rolling 0
must stamp check $dev --map a.map
snapshot_is s0 data@a a.map
