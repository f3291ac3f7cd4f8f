# A large tree of files is deleted on the origin while it is in use; on the snapshot each checksum is right, and a
# rollback brings the tree back.
# timeout: 200
# long

mkdisk origin 160M
mkdisk store 200M
smv format -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
mkfs ext4 /dev/mapper/s0-data
mnt /dev/mapper/s0-data data
make_files /mnt/data "$(scaled 800 100)"
smv snapshot data before
rm -rf /mnt/data/d[0-4]
make_files /mnt/data "$(scaled 400 50)" 2
rm -rf /mnt/data/*
make_files /mnt/data "$(scaled 200 30)" 3
smv activate data@before
mnt /dev/mapper/s0-data@before before ro
verify_files /mnt/before
verify_files /mnt/data
unmnt before
unmnt data
fsck /dev/mapper/s0-data
smv deactivate data@before
smv rollback --wait data@before
mnt /dev/mapper/s0-data data
verify_files /mnt/data
unmnt data
fsck /dev/mapper/s0-data
