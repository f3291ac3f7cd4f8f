# Writes of 512 bytes and more at first and last sectors of chunks, across their
# borders and in a partial last chunk, on origin, snapshots and snapshots of
# snapshots, with chunks of 4K, 64K and 1M: each device holds exactly what was
# written to it, all the others are unchanged.
# timeout: 120

n=$(scaled 150 30)
for chunk in 4K 64K 1M; do
	mkdisk o$chunk 16421s
	mkdisk s$chunk 96M
	eval "origin=\$o$chunk store=\$s$chunk"
	smv format -c $chunk -l s$chunk "$store"
	smv add "$store" "$origin" data
	stamp write "$origin" --tag 1 --map o.map
	smv activate "$store"
	dev=/dev/mapper/s$chunk-data
	smv snapshot data a
	smv snapshot data@a aa
	smv snapshot data@a keep
	smv activate data@a data@aa data@keep
	for map in a aa keep; do
		cp o.map $map.map
	done
	tag=10
	for where in start end border any whole; do
		for volume in o a aa; do
			node=$dev@$volume
			[ $volume != o ] || node=$dev
			tag=$((tag + 1))
			stamp write $node --tag $tag --map $volume.map \
				--random "$n" --sectors 1-3 --chunk $chunk \
				--at $where --seed $tag
		done
	done
	# The last sector, the last but one.
	stamp write $dev --tag 90 --map o.map --from 16420 --count 1
	stamp write $dev@aa --tag 91 --map aa.map --from 16419 --count 1
	smv snapshot data b data@aa aab
	cp o.map b.map
	cp aa.map aab.map
	stamp write $dev --tag 92 --map o.map --from 16380
	stamp write $dev@aa --tag 93 --map aa.map --from 16380
	must stamp check $dev --map o.map
	for volume in a aa keep b aab; do
		snapshot_is s$chunk data@$volume $volume.map
	done
	take_down
	must stamp check "$origin" --map o.map
done
