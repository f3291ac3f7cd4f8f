# fstrim on a filesystem with snapshots of it neither changes a snapshot nor
# takes a chunk of the store; without snapshots it reaches the disk; on a
# snapshot's filesystem it gives space back.
# timeout: 60

mkdisk origin 64M
mkdisk store 128M
mkfs ext4 "$origin"
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
mnt $dev data
make_files /mnt/data 150 1
mkdir /mnt/data/more
make_files /mnt/data/more 150 2
sync -f /mnt/data
smv snapshot data a
smv activate data@a
sum=$(sumdev $dev@a)
rm -rf /mnt/data/more
sync -f /mnt/data
# The journal and metadata of the trim itself are writes like others.
quiet fstrim -v /mnt/data
sync -f /mnt/data
used=$(field s0 data)
ios "$origin"
before=$IO_D
must fstrim -v /mnt/data
must fstrim -v /mnt/data
sync -f /mnt/data
after=$(field s0 data)
say "$used chunks before, $after after"
cond $((after - used)) -le 8
eq "$(sumdev $dev@a)" "$sum" 'checksum of the snapshot'
fsck $dev@a
verify_most()
{
	(cd "$1" && quiet sha256sum -c --quiet .sums)
}
must verify_most /mnt/data

# In the snapshot: what it has of its own comes back.
mnt $dev@a snap
make_files /mnt/snap/own 1 3 2>/dev/null || mkdir -p /mnt/snap/own
head -c 16000000 /dev/urandom >/mnt/snap/own/large
sync -f /mnt/snap
full=$(field s0 data)
cond $((full - after)) -ge 200
rm /mnt/snap/own/large
sync -f /mnt/snap
must fstrim -v /mnt/snap
sync -f /mnt/snap
cond "$(field s0 data)" -le $((full - 150))
unmnt snap
fsck $dev@a
smv deactivate data@a
smv delete --wait data@a
eq "$(field s0 data)" 0 'chunks used'
# Remounted, ext4 has forgotten what it had trimmed.
unmnt data
mnt $dev data
ios "$origin"
before=$IO_D
must fstrim -v /mnt/data
ios "$origin"
cond $IO_D -gt "$before"
eq "$(field s0 data)" 0 'chunks used'
unmnt data
fsck $dev
