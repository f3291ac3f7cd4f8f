# Origin and store on stripes; a stripe set of two snapshots; dm-crypt on the origin and on its snapshot: what was
# written is read, whatever is written meanwhile.
# timeout: 90
# long

for disk in a b; do
	mkdisk $disk 16M
done
for disk in c d; do
	mkdisk $disk 64M
done
dm_make origin "0 65536 striped 2 128 $a 0 $b 0"
dm_make cow "0 262144 striped 2 16 $c 0 $d 0"
smv format -c 16K -l s0 /dev/mapper/cow
smv add /dev/mapper/cow /dev/mapper/origin data
smv activate /dev/mapper/cow
stamp write /dev/mapper/s0-data --tag 1 --map one.map
smv snapshot data one
cp one.map two.map
stamp write /dev/mapper/s0-data --tag 2 --map two.map --random 400 --sectors 1-40
smv snapshot data two
stamp write /dev/mapper/s0-data --tag 3 --random 400 --sectors 1-40
snapshot_is s0 data@one one.map
snapshot_is s0 data@two two.map

# two snapshots as one stripe set
smv activate data@one data@two
dm_make over "0 131072 striped 2 8 /dev/mapper/s0-data@one 0 /dev/mapper/s0-data@two 0"
stamp write /dev/mapper/over --tag 4 --map over.map --random 500 --sectors 1-30 --seed 4
stamp write /dev/mapper/s0-data --tag 5 --random 300 --sectors 1-40 --seed 5
stamp write /dev/mapper/over --tag 6 --map over.map
stamp write /dev/mapper/s0-data --tag 5 --random 300 --sectors 1-40 --seed 6
must stamp check /dev/mapper/over --map over.map
dm_remove over
smv deactivate data@one data@two

# encrypted: the origin's clear text on the snapshot, by the same key
key=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
modprobe dm-crypt
crypt() { echo "0 65536 crypt aes-xts-plain64 $key 0 $1 0"; }
dm_make clear "$(crypt /dev/mapper/s0-data)"
mkfs ext4 /dev/mapper/clear
mnt /dev/mapper/clear clear
make_files /mnt/clear 60
sync	# a filesystem is frozen only on the origin's own device
smv snapshot data crypted
rm -rf /mnt/clear/d1 /mnt/clear/d2
make_files /mnt/clear 30 2
smv activate data@crypted
dm_make then "$(crypt /dev/mapper/s0-data@crypted)"
mnt /dev/mapper/then then
verify_files /mnt/then
make_files /mnt/then 20 3
verify_files /mnt/then
verify_files /mnt/clear
unmnt then
unmnt clear
fsck /dev/mapper/then
fsck /dev/mapper/clear
dm_remove then
dm_remove clear
eq "$(field s0 dropped)" 0 dropped
