# A disk is known by its WWID, or by its serial number if it has none: activation finds it, without
# options, under the name that another disk had. One that two disks share recognises neither: the
# path is taken then, and a disk that comes to share it later is not taken for the origin.
# timeout: 90
# qemu: -blockdev null-co,node-name=one,size=8388608,read-zeroes=on
# qemu: -device virtio-blk-pci,drive=one,serial=SN-one
# qemu: -blockdev null-co,node-name=two,size=8388608,read-zeroes=on
# qemu: -device virtio-blk-pci,drive=two,serial=SN-two
# qemu: -blockdev null-co,node-name=none,size=8388608,read-zeroes=on
# qemu: -device virtio-blk-pci,drive=none

identity()	# ORIGIN
{
	json ".stores[0].volumes[] | select(.name == \"$1\") | .identity" list
}

device_of()	# ORIGIN: the device it is active on, by its number
{
	dmsetup table "s0-$1" | awk '{print $6}'
}

mkdisk store 32M
smv format -l s0 "$store"

# Serial numbers: the disks of virtio, which have no WWID, change places.
virtio() { basename "$(readlink "/sys/block/$1/device")"; }
rename_disks()	# DISK...: each gets the name of the one after it
{
	rd_first='' rd_rest=''
	for rd_disk in "$@"; do
		rd_name=$(virtio "$rd_disk")
		echo "$rd_name" >/sys/bus/virtio/drivers/virtio_blk/unbind
		if [ -z "$rd_first" ]; then rd_first=$rd_name; else rd_rest="$rd_rest $rd_name"; fi
	done
	for rd_name in $rd_rest $rd_first; do
		echo "$rd_name" >/sys/bus/virtio/drivers/virtio_blk/bind
	done
}
run modprobe virtio_blk
wait_for 20 test -b /dev/vdc
eq "$(cat /sys/block/vda/serial)/$(cat /sys/block/vdb/serial)" SN-one/SN-two serials
smv add "$store" /dev/vda one
smv add "$store" /dev/vdb two
smv add "$store" /dev/vdc none
eq "$(identity one)/$(identity two)/$(identity none)" 'serial:SN-one/serial:SN-two/path:/dev/vdc' identities
smv activate "$store"
eq "$(device_of one)" "$(cat /sys/block/vda/dev)" 'device of one'
smv deactivate s0
rename_disks vda vdb
eq "$(cat /sys/block/vda/serial)" SN-two 'vda now'
smv activate "$store"
eq "$(device_of one)" "$(cat /sys/block/vdb/dev)" 'device of one, renamed'
eq "$(device_of two)" "$(cat /sys/block/vda/dev)" 'device of two, renamed'
smv deactivate s0

# WWIDs: disks of SCSI, each of a host of its own, change places.
debug=/sys/bus/pseudo/drivers/scsi_debug
wwid() { cat "/sys/block/$1/device/wwid"; }
another_host()	# DISK USE-HOSTNO: with a WWID of its own, or with the one of the first
{
	echo "$2" >$debug/vpd_use_hostno
	echo 1 >$debug/add_host
	wait_for 20 test -b "/dev/$1"
}
host_of() { basename "$(readlink -f "/sys/block/$1/device/../..")"; }
scan() { echo '- - -' >"/sys/class/scsi_host/$1/scan"; }

run modprobe sd_mod
run modprobe scsi_debug dev_size_mb=8 add_host=1 per_host_store=1 vpd_use_hostno=0
wait_for 20 test -b /dev/sda
another_host sdb 1
first=$(wwid sda)
second=$(wwid sdb)
[ "$first" != "$second" ] || fail 'the disks have one WWID'
smv add "$store" /dev/sda three
smv add "$store" /dev/sdb four
eq "$(identity three)/$(identity four)" "wwid:$first/wwid:$second" identities
hosts="$(host_of sdb) $(host_of sda)"
echo 1 >/sys/block/sda/device/delete
echo 1 >/sys/block/sdb/device/delete
for host in $hosts; do
	scan "$host"
	wait_for 20 test -b /dev/sda
done
wait_for 20 test -b /dev/sdb
eq "$(wwid sda)" "$second" 'sda now'
smv activate "$store"
eq "$(device_of three)" "$(cat /sys/block/sdb/dev)" 'device of three, renamed'
eq "$(device_of four)" "$(cat /sys/block/sda/dev)" 'device of four, renamed'
smv deactivate s0

# A disk comes with a WWID that is there already.
another_host sdc 0
eq "$(wwid sdc)" "$first" 'sdc'
mustfail 'three.*several devices' snapmv activate "$store"
smv deactivate s0
smv add "$store" /dev/sdc five
eq "$(identity five)" path:/dev/sdc 'identity of a disk with a WWID that is not its own'
smv set -S "$store" three device=/dev/sdb
smv activate "$store"
eq "$(device_of three)" "$(cat /sys/block/sdb/dev)" 'device of three, by its path'
eq "$(identity three)" path:/dev/sdb 'identity of three, by its path'
