# What is active is not touched from outside: formatting and erasing it, mounting or
# formatting the raw devices is refused; `check' and `dump' say that it is active;
# other commands go through the kernel instead. What a loop
# device lies on is in use, too. Nor is a device overwritten that is an origin of a store which can be found.
# timeout: 60

mkdisk origin 8M
mkdisk store 32M
mkfs ext4 "$origin"
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
mnt /dev/mapper/s0-data data
make_files /mnt/data 20
smv snapshot data a
make_files /mnt/data 10 2

mustfail 'in use' snapmv format "$store"
mustfail 'in use' snapmv format -f "$store"
mustfail 'the store s0 is active' snapmv erase "$store"
mustfail 'in use' snapmv erase -f "$store"
mustfail 'in use' snapmv format "$origin"
mustfail 'in use' snapmv format -f "$origin"
! mount "$origin" /mnt 2>/dev/null || fail 'the raw origin was mounted'
for raw in "$store" "$origin"; do
	! mkfs.ext4 -F -q "$raw" >out 2>&1 || fail "mkfs on $raw"
	must grep 'in use by the system' out
done
mustfail 'the store s0 is active' snapmv check "$store"
mustfail 'the store s0 is active' snapmv dump "$store"
# By the device or by the volume: it goes through the kernel.
smv snapshot -S "$store" data b
smv delete -S "$store" data@b
mustfail 'is mounted on' snapmv deactivate data
mustfail 'is mounted on' snapmv deactivate s0
mustfail 'is mounted on' snapmv rollback data@a
mustfail 'is mounted on' snapmv rollback -f data@a
verify_files /mnt/data
smv activate data@a
mnt /dev/mapper/s0-data@a a
verify_files /mnt/a
unmnt a
unmnt data
smv deactivate s0
mustfail 'the store has 1 snapshots' snapmv erase "$store"
check_store "$store"
smv erase -f "$store"
forget_store "$store"
mustfail 'holds no store' snapmv activate "$store"
fsck "$origin"

# A loop device claims nothing of what it lies on.
run modprobe loop
truncate -s 32M "$T/image"
for below in "$store" "$T/image"; do
	loop=$(losetup -f)
	run losetup -o 1M "$loop" "$below"
	mkfs ext4 "$loop"
	mnt "$loop" loop
	make_files /mnt/loop 5
	run sync
	mustfail 'in use' snapmv format -f "$below"
	verify_files /mnt/loop
	unmnt loop
	fsck "$loop"
	run losetup -d "$loop"
done
smv format -l s1 "$T/image"
truncate -s 16M "$T/origin"
smv add "$T/image" "$T/origin" data
store_loop=$(losetup -f --show "$T/image")
origin_loop=$(losetup -f --show "$T/origin")
mustfail 'in use' snapmv snapshot -S "$store_loop" data a
smv set -S "$store_loop" data device="$origin_loop"
smv activate "$store_loop"
smv snapshot -S "$T/image" data a
mustfail 'in use' snapmv format -f "$T/image"
mustfail 'in use' snapmv erase -f "$T/image"
mustfail 'the store s1 is active' snapmv check "$T/image"
mustfail 'in use' snapmv format -f "$T/origin"
smv deactivate s1
losetup -d "$store_loop"
losetup -d "$origin_loop"
check_store "$T/image"
smv erase -f "$T/image"
forget_store "$T/image"

wipefs -aq "$origin"
smv format -l s2 "$store"
smv add "$store" "$origin" data
smv format -l s3 "$T/image"
stamp write "$origin" --tag 7
mustfail "$origin: .*origin.*s2.*-f" snapmv format "$origin"
mkdisk outer 64M
smv format -l outer "$outer"
mkdisk large 32M
smv add "$outer" "$large" data
stamp write "$large" --tag 7
mustfail "$large: .*origin.*outer.*-f" snapmv repair "$T/image" "$large"
must stamp check "$origin" --tag 7
must stamp check "$large" --tag 7
# A store there does not come by a dump, either.
smv format -f -l inner "$large"
snapmv dump "$large" >dump
sum=$(sumdev "$large")
mustfail "$large: .*origin.*outer.*-f" snapmv restore dump "$large"
eq "$(sumdev "$large")" "$sum" 'the origin'
smv restore -f dump "$large"
