# An origin that is down while its store is up is neither snapshotted nor rolled back while anything uses its raw
# device that is no mount of, and no device upon, that very device: a partition of it that is mounted, a
# filesystem elsewhere whose journal it is. Under an active snapshot of it the kernel lets no partition be used.
# timeout: 90

run modprobe loop
mkdisk store 64M
mkdisk fs 32M
truncate -s 48M "$T/image"
# one partition from 1 MiB on
printf '\203\0\0\0\0\10\0\0\0\100\1\0' | dd of="$T/image" bs=1 seek=450 conv=notrunc status=none
printf '\125\252' | dd of="$T/image" bs=1 seek=510 conv=notrunc status=none
disk=$(losetup -f)
run losetup -P "$disk" "$T/image"
wait_for 9 test -b "${disk}p1"
mkfs ext4 "${disk}p1"
smv format -c 16K -l s0 "$store"
smv add "$store" "$disk" data
smv activate "$store"
smv deactivate data

mnt "${disk}p1" part
mustfail 'data.*in use without the module.*/mnt/part' snapmv snapshot data a
unmnt part
smv snapshot data a
mnt "${disk}p1" part
mustfail 'data.*in use without the module.*/mnt/part' snapmv snapshot data b
mustfail 'data.*in use without the module.*/mnt/part' snapmv rollback -f data@a
unmnt part
smv activate -f data@a
! mount -t ext4 "${disk}p1" /mnt 2>/dev/null || fail 'a partition of what a snapshot lies on was mounted'
smv snapshot data b
smv deactivate data@a
smv delete --wait data@a data@b

run mkfs.ext4 -q -F -O journal_dev "$disk"
run mkfs.ext4 -q -F -J device="$disk" "$fs"
mnt "$fs" fs
mustfail 'data.*in use without the module.*claimed' snapmv snapshot data a
unmnt fs
smv snapshot data a
mnt "$fs" fs
mustfail 'data.*in use without the module.*claimed' snapmv rollback -f data@a
unmnt fs

# nor are two commands in each other's way
smv activate -f data
smv deactivate data
for i in 1 2 3 4; do
	snapmv snapshot data "c$i" 2>"err$i" &
done
wait
cat err?
eq "$(json '[.stores[0].volumes[] | select(.name | startswith("data@c"))] | length' list)" 4
smv deactivate s0
losetup -d "$disk"
