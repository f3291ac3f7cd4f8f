# A filesystem is mounted where it is, not on what its device's former name leads to now: an origin that was
# given another name while it was mounted leaves its name to a new one, which is free to be rolled
# back and taken down; it itself is not.
# timeout: 60

mkdisk one 24M
mkdisk two 24M
mkdisk store 96M
smv format -l s0 "$store"
smv add "$store" "$one" data
smv activate "$store"
mkfs ext4 /dev/mapper/s0-data
mnt /dev/mapper/s0-data data
smv rename data old
smv snapshot old a
smv add "$store" "$two" data
smv activate data
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 1 --random 20
smv rollback --wait data@a
mustfail 'mounted on /mnt/data' snapmv rollback -f old@a
mustfail 'mounted on /mnt/data' snapmv deactivate old
smv deactivate data
unmnt data
