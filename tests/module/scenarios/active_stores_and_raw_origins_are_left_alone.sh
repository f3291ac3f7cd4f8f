# What is active is not touched from outside: formatting, erasing, mounting or
# formatting the raw devices is refused; `check' and `dump' say that it is active,
# or read it without harm; the same commands go through the kernel instead. What a loop
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

mustfail 'active|use' snapmv format "$store"
mustfail 'active|use' snapmv format -f "$store"
mustfail 'active|use' snapmv erase "$store"
mustfail 'active|use' snapmv erase -f "$store"
mustfail 'use|ext4' snapmv format "$origin"
mustfail 'use' snapmv format -f "$origin"
! mount "$origin" /mnt 2>/dev/null || fail 'the raw origin was mounted'
! mount "$store" /mnt 2>/dev/null || fail 'the store was mounted'
! mkfs.ext4 -q "$store" </dev/null 2>/dev/null || fail 'mkfs on the store'
! mkfs.ext4 -q "$origin" </dev/null 2>/dev/null || fail 'mkfs on the raw origin'
snapmv check "$store" >out 2>&1 || :
cat out
# By the device or by the volume: it goes through the kernel.
smv snapshot -S "$store" data b
smv delete -S "$store" data@b
mustfail 'open|mounted|use' snapmv deactivate data
mustfail 'open|mounted|use' snapmv deactivate s0
mustfail 'mounted' snapmv rollback data@a
mustfail 'mounted' snapmv rollback -f data@a
verify_files /mnt/data
smv activate data@a
mnt /dev/mapper/s0-data@a a
verify_files /mnt/a
unmnt a
unmnt data
smv deactivate s0
mustfail 'snapshot' snapmv erase "$store"
check_store "$store"
smv erase -f "$store"
forget_store "$store"
mustfail 'no store|not a store|holds no|format' snapmv activate "$store"
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
	mustfail 'use' snapmv format -f "$below"
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
mustfail 'use' snapmv snapshot -S "$store_loop" data a
smv set -S "$store_loop" data device="$origin_loop"
smv activate "$store_loop"
smv snapshot -S "$T/image" data a
mustfail 'active|use' snapmv format -f "$T/image"
mustfail 'active|use' snapmv erase -f "$T/image"
mustfail 'active|use' snapmv check "$T/image"
mustfail 'use' snapmv format -f "$T/origin"
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
