# Snapshots that read the origin in place are read over and over while the origin
# is overwritten below them, slow disks making windows wide: they never show a
# later write. (In the original such reads raced with writes.)
# timeout: 40

mkdisk origin 6M latency=200
mkdisk store 96M latency=100
stamp write "$origin" --tag 1 --map o.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
n=$(scaled 6 2)
tag=2
while [ $tag -le $((n + 1)) ]; do
	cp o.map $tag.map
	quiet snapmv snapshot data s$tag
	quiet snapmv activate data@s$tag
	# Readers of this point, small reads and large ones, forwards of the writers.
	stamp check $dev@s$tag --map $tag.map --io 16K & one=$!
	stamp check $dev@s$tag --map $tag.map --io 64K & two=$!
	stamp write $dev --tag $tag --map o.map --random 600 --sectors 1-40 --seed $tag & three=$!
	stamp check $dev@s$tag --map $tag.map --io 4K & four=$!
	for pid in $three $one $two $four; do
		wait $pid || fail "reading or writing s$tag"
	done
	# Its partial writes copy from the origin in place while that is overwritten.
	cp $tag.map own.map
	stamp write $dev@s$tag --tag 100 --map own.map --random 300 --sectors 1-5 & one=$!
	stamp write $dev --tag 50 --map o.map --seed 9 & two=$!
	wait $one
	wait $two
	must stamp check $dev@s$tag --map own.map
	must stamp check $dev --map o.map
	tag=$((tag + 1))
done
