# A snapshot right after mkfs, taken and activated while the origin is suspended,
# does not hang, and after a raw overwrite of the origin it is the filesystem as
# made.
# timeout: 60

mkdisk origin 40M
mkdisk store 64M
smv format -c 32K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
# XFS is made on 300 MiB at least, more than is good for the guest's memory.
for kind in $(filesystems); do
	[ $kind = ext4 ] || {
		take_down
		rmdisk "$origin"
		rmdisk "$store"
		mkdisk large 320M
		mkdisk store2 96M
		smv format -l s1 "$store2"
		smv add "$store2" "$large" data
		smv activate "$store2"
		dev=/dev/mapper/s1-data
	}
	label=${dev#/dev/mapper/}
	label=${label%-data}
	mkfs $kind $dev
	sum=$(sumdev $dev)
	run dmsetup suspend $label-data
	run timeout 100 snapmv snapshot data a
	run timeout 100 snapmv activate data@a
	run dmsetup resume $label-data
	# All of it, or of the large one the first 8 MiB of each of its groups.
	size=$(($(sectors $dev) / 4))
	count=$((size <= 20480 ? size : 16384))
	for group in 0 1 2 3; do
		stamp write $dev --tag 1 --io 1M --from $((group * size)) --count $count
	done
	eq "$(sumdev $dev@a)" "$sum" 'checksum of the snapshot'
	fsck $dev@a
	mnt $dev@a a
	make_files /mnt/a 20
	unmnt a
	fsck $dev@a
	for group in 0 1 2 3; do
		must stamp check $dev --tag 1 --from $((group * size)) --count $count
	done
done
