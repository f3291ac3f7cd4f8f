# What was written before a snapshot is in it also on filesystems that are not frozen by the origin's own
# device: btrfs on one origin and across two, whatever hides where it is mounted, and an ext4 on a device
# upon the origin. What cannot be written ends it. A btrfs of two devices is mounted on both.
# kernels: 6.1 6.12
# programs: mkfs.btrfs btrfs
# timeout: 120

files=$(scaled 30 15)
mkdisk one 128M
mkdisk two 128M
mkdisk store 192M
obey one
smv format -l s0 "$store"
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
dev=/dev/mapper/s0

# btrfs mounts nothing that it takes for an older copy of what it has seen
look()	# SNAPSHOT: the files are there
{
	must btrfs device scan -u
	mnt $dev-one@"$1" look ro
	verify_files /mnt/look
	unmnt look
	must btrfs device scan -u
	quiet btrfs check $dev-one@"$1" || fail "btrfs check of $1"
}

say 'on one origin'
quiet mkfs.btrfs -q $dev-one
mnt $dev-one data
make_files /mnt/data "$files"
smv snapshot one plain
mustfail 'mounted on /mnt/data' snapmv rollback -f one@plain
make_files /mnt/data "$files" 2
smv rename one uno	# the kernel's list of mounts does not say so
smv snapshot uno renamed
smv rename uno one
make_files /mnt/data "$files" 3
run mount -t tmpfs none /mnt/data
smv snapshot one hidden
run umount /mnt/data
: >/mnt/data/late
run dmsetup suspend s0-one
run timeout 20 snapmv snapshot one suspended
run dmsetup resume s0-one
unmnt data
smv activate one@plain one@renamed one@hidden
for name in plain renamed hidden; do
	look $name
done
smv deactivate one@plain one@renamed one@hidden

say 'mounted where the tool cannot see it'
must btrfs device scan -u
cat >elsewhere.sh <<'END'
set -e
mount -t btrfs "$1" /mnt/data
: >mounted
while [ ! -e write ]; do sleep 0.1; done
echo late >/mnt/data/elsewhere
: >written
while [ ! -e over ]; do sleep 0.1; done
umount /mnt/data
END
unshare -m sh elsewhere.sh $dev-one & elsewhere=$!
wait_for 20 test -e mounted
mustfail 'btrfs' snapmv rollback -f one@plain
: >write
wait_for 20 test -e written
smv snapshot one elsewhere
: >over
wait $elsewhere
smv activate one@elsewhere
must btrfs device scan -u
mnt $dev-one@elsewhere look ro
eq "$(cat /mnt/look/elsewhere)" late
unmnt look
smv deactivate one@elsewhere

say 'across two origins'
must btrfs device scan -u
quiet mkfs.btrfs -q -f -m raid1 -d single $dev-one $dev-two
mnt $dev-one data device=$dev-two
make_files /mnt/data "$files" 4
smv snapshot one both two both
mustfail 'mounted on /mnt/data' snapmv rollback -f one@both
mustfail 'mounted on /mnt/data' snapmv rollback -f two@both
: >/mnt/data/late
smv snapshot two alone
unmnt data
smv activate one@both two@both
must btrfs device scan -u
mnt $dev-one@both look ro,device=$dev-two@both
verify_files /mnt/look
unmnt look
smv deactivate one@both two@both

say 'a device upon the origin'
must btrfs device scan -u
dm_make upon "0 $(($(sectors $dev-two) - 2048)) linear $dev-two 2048"
mkfs ext4 /dev/mapper/upon
mnt /dev/mapper/upon data
make_files /mnt/data "$files" 5
smv snapshot two upon
unmnt data
smv activate two@upon
dm_make look "0 $(($(sectors $dev-two) - 2048)) linear $dev-two@upon 2048"
mnt /dev/mapper/look look
verify_files /mnt/look
unmnt look
dm_remove look
dm_remove upon
smv deactivate two@upon

say 'it cannot be written'
quiet mkfs.btrfs -q -f $dev-one
mnt $dev-one data
echo late >/mnt/data/file
order one fail write 1 1000000
mustfail '/mnt/data.*cannot be written' snapmv snapshot one failed
calm one
eq "$(snapmv list -q | grep -c failed)" 0 'snapshots of what failed'
unmnt data
