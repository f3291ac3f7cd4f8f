# Origins whose size is no multiple of the chunk, or smaller than a chunk: the last
# sectors are preserved, written, rolled back, discarded and zeroed like any other.
# timeout: 60

mkdisk store 64M
smv format -c 64K -l s0 "$store"
smv activate "$store"
for size in 1s 7s 127s 128s 129s 1001s; do
	n=${size%s}
	mkdisk o$n $size
	eval "disk=\$o$n"
	stamp write "$disk" --tag 1 --map $n.map
	quiet snapmv add "$store" "$disk" o$n
	quiet snapmv activate o$n
	dev=/dev/mapper/s0-o$n
	eq "$(sectors $dev)" "$n" sectors
	quiet snapmv snapshot o$n a
	cp $n.map a.map
	stamp write $dev --tag 2 --map $n.map --from $((n - 1)) --count 1
	quiet snapmv activate o$n@a
	eq "$(sectors $dev@a)" "$n" 'sectors of the snapshot'
	must stamp check $dev@a --map a.map
	quiet snapmv snapshot o$n@a b
	cp a.map b.map
	stamp write $dev@a --tag 3 --map a.map --from $((n - 1)) --count 1
	stamp write $dev --tag 4 --map $n.map
	must stamp check $dev@a --map a.map
	must stamp check $dev --map $n.map
	snapshot_is s0 o$n@b b.map
	stamp zero $dev@a --map a.map --from $((n - 1)) --count 1
	must stamp check $dev@a --map a.map
	# All of it, so the last chunk as well, counts as whole.
	stamp discard $dev@a --tag 0 --map a.map
	must stamp check $dev@a --map a.map
	! dd if=/dev/zero of=$dev seek="$n" bs=512 count=1 oflag=direct 2>/dev/null ||
		fail 'a write behind the end'
	quiet snapmv rollback --wait --no-undo o$n@b
	must stamp check $dev --map b.map
	must stamp check "$disk" --map b.map
	must stamp check $dev@a --map a.map
done
smv deactivate s0
smv activate "$store"
must stamp check /dev/mapper/s0-o1001 --map b.map
snapshot_is s0 o1001@a a.map
