# What is mounted upon the origin is not written out behind a suspended device, wherever that is between the two,
# as the snapshot would wait for it.
# timeout: 60

mkdisk origin 64M
mkdisk store 48M
smv format -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
sectors=$(sectors /dev/mapper/s0-data)
dm_make middle "0 $sectors linear /dev/mapper/s0-data 0"
dm_make top "0 $sectors linear /dev/mapper/middle 0"
mkfs ext4 /dev/mapper/top
mnt /dev/mapper/top data
for suspended in middle top; do
	make_files /mnt/data 5
	run dmsetup suspend --nolockfs $suspended
	snapmv snapshot data $suspended & pid=$!
	waited=0
	until has_ended $pid || [ $waited -eq 100 ]; do
		sleep 0.1
		waited=$((waited + 1))
	done
	run dmsetup resume $suspended
	must wait $pid
	cond $waited -lt 100
done
make_files /mnt/data 5
smv snapshot data awake
unmnt data
dm_remove top
dm_remove middle
smv activate data@awake
# Written out, not frozen: what ext4 does by itself, as zeroing its tables, may be in the journal alone.
mnt /dev/mapper/s0-data@awake awake
verify_files /mnt/awake
unmnt awake
fsck /dev/mapper/s0-data@awake
