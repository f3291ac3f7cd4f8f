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
for kind in ext4 xfs; do
	[ $kind = ext4 ] || {
		take_down
		mkdisk large 320M
		mkdisk store2 400M
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
	run timeout 20 snapmv snapshot data a
	run timeout 20 snapmv activate data@a
	run dmsetup resume $label-data
	stamp write $dev --tag 1 --io 1M
	eq "$(sumdev $dev@a)" "$sum" 'checksum of the snapshot'
	fsck $dev@a
	mnt $dev@a a
	make_files /mnt/a 20
	unmnt a
	fsck $dev@a
	must stamp check $dev --tag 1
done
