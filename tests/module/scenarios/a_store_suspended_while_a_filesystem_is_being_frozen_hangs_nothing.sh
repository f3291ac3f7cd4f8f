# A snapshot command is freezing a filesystem when the store is suspended: the command
# goes first, then the suspension; neither waits for the other for ever.
# timeout: 60

mkdisk data 32M
mkdisk store 32M
obey data
mkfs ext4 "$data"
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
mnt /dev/mapper/s0-data fs rw,noinit_itable # it writes nothing by itself
make_files /mnt/fs 10
sync -f /mnt/fs
echo dirty >/mnt/fs/dirty
order data hold write 1
snapmv snapshot data a & command=$!
wait_for 20 holds data
dmsetup suspend s0 & suspend=$!
sleep 1	# to get as far as it can
calm data
wait_for 20 has_ended $suspend
wait $suspend
# Without a filesystem that could be frozen, what is suspended below is no matter.
must timeout 20 dmsetup message s0 0 "snapshot 0 1 data b %"
must dmsetup resume s0
wait $command
rm /mnt/fs/dirty
verify_files /mnt/fs
smv activate data@a
mnt /dev/mapper/s0-data@a a
eq "$(cat /mnt/a/dirty)" dirty
unmnt a
unmnt fs
