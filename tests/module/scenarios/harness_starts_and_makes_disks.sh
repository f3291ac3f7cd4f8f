# The guest boots, disks of all sorts can be made, used, counted and removed.
# timeout: 60

mkdisk a 64M
mkdisk b 8M bs=4096 cache=2 latency=100
mkdisk c 1001s
eq "$(sectors "$a")" 131072
eq "$(sectors "$c")" 1001
eq "$(blockdev --getss "$b")" 4096
count_ios "$a" dd if=/dev/urandom of="$a" bs=64k count=16 oflag=direct status=none
eq "$IO_W/$IO_WS" 16/2048 'writes and sectors written'
count_ios "$b" dd if="$a" of="$b" bs=4k count=16 oflag=direct conv=fsync status=none
cond "$IO_F" -ge 1
must cmp -n 65536 "$a" "$b"
mustfail 'No such file' cat /nowhere
mkfs ext4 "$a"
mnt "$a" a
make_files /mnt/a 30
verify_files /mnt/a
unmnt a
fsck "$a"
must modprobe dm-flakey
dm_make lin "0 $(sectors "$a") linear $a 0"
dm_load lin "0 $(sectors "$a") flakey $a 0 1 0"
rmdisk "$b"
wait_for 2 test ! -e "$b"
