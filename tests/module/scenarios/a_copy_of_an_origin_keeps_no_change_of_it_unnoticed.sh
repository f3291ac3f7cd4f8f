# An origin whose identity a copy of its disk has, too, is known by what its device lies on when it is
# deactivated: what is written to it later is noticed once the copy is gone.
# timeout: 60

run modprobe loop
mkdisk store 64M
truncate -s 24M "$T/image"
# one partition from 1 MiB on; the disk's number is 0x12345678
printf '\170\126\064\022' | dd of="$T/image" bs=1 seek=440 conv=notrunc status=none
printf '\203\0\0\0\0\10\0\0\0\240\0\0' | dd of="$T/image" bs=1 seek=450 conv=notrunc status=none
printf '\125\252' | dd of="$T/image" bs=1 seek=510 conv=notrunc status=none
disk=$(losetup -f)
run losetup -P "$disk" "$T/image"
wait_for 9 test -b "${disk}p1"
smv format -c 16K -l s0 "$store"
smv add "$store" "${disk}p1" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1
smv snapshot data a

must cp "$T/image" "$T/copy"
copy=$(losetup -f)
run losetup -P "$copy" "$T/copy"
wait_for 9 test -b "${copy}p1"
for what in data s0; do
	snapmv deactivate $what 2>err
	eq "$(cat err)" '' 'what was said'
	mustfail 'several devices' snapmv activate data
	stamp write "${disk}p1" --tag 2 --count 8
	run losetup -d "$copy"
	mustfail 'data.*without the module.*-f' snapmv activate data
	stamp write "${disk}p1" --tag 1 --count 8
	smv activate data
	run losetup -P "$copy" "$T/copy"
	wait_for 9 test -b "${copy}p1"
done
run losetup -d "$copy"
smv deactivate s0
losetup -d "$disk"
