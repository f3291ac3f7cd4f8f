# An origin that was written, or is in use, without the module while it was down is noticed also where no
# deactivation of its store came before: its snapshot was taken with the store down, it was down alone, it
# did not come up when it was to, somebody else took it down; and also by a rollback, and a snapshot.
# timeout: 240

mkdisk origin 64M
mkdisk store 64M
mkdisk store2 64M
touch_raw() { run mount -t ext4 "$origin" /mnt; echo "$1" >/mnt/x; run umount /mnt; }
accept()
{
	smv activate -f "$@"
	eq "$(suspect data@a)" true
	smv snapshot data b
	smv delete --wait data@a
	smv snapshot data a
	smv delete --wait data@b
	eq "$(suspect data@a)" false
}

mkfs ext4 "$origin"
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data

# the snapshot was taken with the store down
touch_raw 1
smv snapshot -S "$store" data a
touch_raw 2
mustfail 'data.*without the module.*-f' snapmv activate "$store"
accept "$store"

# down alone, the store up
smv deactivate data
touch_raw 3
mustfail 'data.*without the module.*-f' snapmv activate data
mustfail 'data.*without the module.*-f' snapmv activate data@a
mustfail 'data.*without the module.*rollback -f' snapmv rollback data@a
mustfail 'data.*without the module.*snapshot -f' snapmv snapshot data new
mustfail 'data.*without the module.*-f' snapmv activate "$store"
eq "$(suspect data@a)" false
smv snapshot -f data new
eq "$(suspect data@a) $(suspect data@new)" 'true false'
smv rollback --no-undo data@new
smv activate data
wait_for 30 is s0-data rolling 0
smv delete --wait data@a
smv snapshot data a
smv delete --wait data@new
smv deactivate data
touch_raw 3+
accept data
smv deactivate data
smv activate data
smv deactivate data
smv delete --wait data@a
touch_raw 4
smv snapshot data a	# what was changed before the first snapshot is nobody's business
smv activate data
smv deactivate s0

# in use when it was to come up, and changed after that
run mount -t ext4 -o ro "$origin" /mnt
mustfail 'data.*in use without the module.*mounted on /mnt' snapmv activate "$store"
mustfail 'data.*in use without the module' snapmv activate -f data data@a
mustfail 'data.*in use without the module' snapmv snapshot data b
mustfail 'data.*in use without the module' snapmv rollback -f data@a
run mount -o remount,rw /mnt
echo 5 >/mnt/y
run umount /mnt
mustfail 'data.*without the module.*-f' snapmv activate data
accept data

# somebody else took it down
dm_remove s0-data
smv deactivate s0
touch_raw 6
mustfail 'data.*without the module.*-f' snapmv activate "$store"
mustfail 'data.*without the module.*rollback -f' snapmv rollback -S "$store" data@a
accept "$store"
smv deactivate s0

# device-mapper lets all its devices share a claim: another one on the raw device, another store
dm_make lin "0 $(sectors "$origin") linear $origin 0"
mustfail 'data.*in use without the module.*lin' snapmv activate -f "$store"
eq "$(dmsetup ls --target snap-mv-origin | awk '{print $1}')" '' 'active origins'
dm_remove lin
smv format -c 16K -l s1 "$store2"
smv add "$store2" "$origin" data
smv activate s0/data
mustfail 'data.*in use without the module.*s0-data' snapmv activate -f "$store2"
mustfail 'data.*in use without the module' snapmv snapshot s1/data a
eq "$(suspect data@a)" false
smv deactivate s0
smv deactivate s1

# two origins whose paths have come to lead to one device
mkdir -p /dev/disk
mkdisk other 64M
ln -s "$origin" /dev/disk/one
ln -s "$other" /dev/disk/two
smv remove -S "$store2" data
smv add "$store2" /dev/disk/one one
smv add "$store2" /dev/disk/two two
ln -sfn "$origin" /dev/disk/two
mustfail 'two.*in use.*s1-one' snapmv activate "$store2"
eq "$(dmsetup ls --target snap-mv-origin | awk '{print $1}')" s1-one 'active origins'
smv deactivate s1
rm -r /dev/disk
