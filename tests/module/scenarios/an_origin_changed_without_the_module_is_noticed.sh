# An origin that was written to while its store was down is refused at activation, with
# the way out; -f accepts it with its snapshots marked suspect. One that was only read, one
# without snapshots, and one after a crash or a rollback are not; nor can a power cut behind the
# deactivation take back what was compared. Nor does it hide behind a store that stayed up, or
# behind a rollback that was refused.
# timeout: 240

mkdisk origin 64M cache=4
mkdisk store 64M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data

# without snapshots it may be changed as one likes
smv activate "$store"
smv deactivate s0
mkfs ext4 "$origin"
smv activate "$store"
smv snapshot data a
smv deactivate s0

# read, but not written
run dd if="$origin" of=/dev/null bs=1M status=none
run dumpe2fs -h "$origin" >/dev/null 2>&1
smv activate "$store"
eq "$(suspect data@a)" false
smv deactivate s0

# mounted read-write
run mount -t ext4 "$origin" /mnt
run umount /mnt
mustfail 'data.*without the module.*-f' snapmv activate "$store"
eq "$(json '.stores[0].active' list)" false 'the store, refused,'
mustfail 'without the module' snapmv activate data@a
smv activate -f "$store"
eq "$(suspect data@a)" true
must sh -c 'snapmv list | grep -q "^data@a .*suspect"'
# what is taken from now on is not
smv snapshot data b
eq "$(suspect data@b)" false
smv deactivate s0
smv activate "$store"
smv deactivate s0

# while the store itself stayed up
smv activate "$store"
smv deactivate data
run mount -t ext4 "$origin" /mnt
run umount /mnt
mustfail 'data.*without the module.*-f' snapmv activate data
mustfail 'data.*without the module' snapmv activate "$store"
mustfail 'data.*without the module' snapmv activate data@b
eq "$(suspect data@b)" false
smv activate -f data@b
eq "$(suspect data@b)" true
smv activate data
smv deactivate s0

# nor does a rollback that is refused make it forgotten
run mount -t ext4 "$origin" /mnt
mustfail 'without the module' snapmv rollback -S "$store" data@b
run umount /mnt
mustfail 'without the module' snapmv activate "$store"
mustfail 'without the module' snapmv rollback --wait -S "$store" data@b
mustfail 'without the module' snapmv activate "$store"
smv activate -f "$store"
smv delete data@b
smv snapshot data b
smv deactivate s0

# a rollback's move changes it, too, whoever runs it
smv activate "$store"
run dd if=/dev/urandom of=/dev/mapper/s0-data bs=64k count=16 oflag=direct status=none
count_ios "$origin" snapmv deactivate s0
cond "$IO_F" -ge 1
smv rollback --wait -S "$store" data@b
smv activate "$store"
eq "$(suspect data@b)" false
run dd if=/dev/urandom of=/dev/mapper/s0-data bs=64k count=16 oflag=direct status=none
smv deactivate data
smv activate data@b
mustfail 'activate it first' snapmv rollback --wait data@b
smv rollback data@b
smv activate data
wait_for 30 is s0-data rolling 0
smv deactivate s0
smv activate "$store"
smv set s0/ throttle=pause
smv deactivate s0

# Who activates by dmsetup leaves the fingerprint as it was; it does not outlive a deactivation in
# mid-rollback, after which there is nothing to compare.
smv activate "$store"
for name in s0 s0-data; do
	dmsetup table $name >$name.table
	dmsetup info -c --noheadings -o uuid $name >$name.uuid
done
smv deactivate s0
for name in s0 s0-data; do
	must dmsetup create $name --uuid "$(cat $name.uuid)" --table "$(cat $name.table)"
done
run dd if=/dev/urandom of=/dev/mapper/s0-data bs=64k count=16 oflag=direct status=none
must dmsetup message s0 0 "rollback data@b % $(date +%s) 0"
smv deactivate -f s0
smv activate "$store"
eq "$(suspect data@b)" false
smv set s0/ throttle=0
wait_for 30 is s0-data rolling 0
smv deactivate s0
