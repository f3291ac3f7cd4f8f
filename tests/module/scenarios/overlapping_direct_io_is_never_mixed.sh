# Overlapping concurrent direct reads and writes of odd sizes on the origin, two
# snapshots and a snapshot of one of them, while further snapshots come and
# go, with chunks of 4K, 64K and 1M: each read is one that may be.
# timeout: 120

seconds=$(scaled 6 2)
for chunk in 4K 64K 1M; do
	mkdisk o$chunk 12345s
	mkdisk s$chunk 256M
	eval "origin=\$o$chunk store=\$s$chunk"
	smv format -c $chunk -l s$chunk "$store"
	smv add "$store" "$origin" data
	stamp write "$origin" --tag 1
	smv activate "$store"
	dev=/dev/mapper/s$chunk-data
	smv snapshot data a
	smv snapshot data b
	smv snapshot data@a aa data keep
	smv activate data@a data@b data@aa
	overlap --time "$seconds" --threads 3 $dev $dev@a $dev@b $dev@aa & load=$!
	i=0
	while kill -0 $load 2>/dev/null; do
		messages s$chunk --repeat 5 snapshot 0 0 data x%d % data@a y%d %
		messages s$chunk --repeat 5 delete data@x%d data@y%d
		i=$((i + 1))
	done
	wait $load
	cond $i -ge 1
	snapshot_is_tag1=data@keep
	smv activate $snapshot_is_tag1
	must stamp check $dev@keep --tag 1
	eq "$(field s$chunk dropped)" 0 dropped
	take_down
done
