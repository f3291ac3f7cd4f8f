# Disks with logical blocks of 4096 bytes work; an origin whose blocks are
# smaller than the store's is refused; one with larger ones is served.
# timeout: 60

mkdisk o4 16M bs=4096
mkdisk s4 64M bs=4096
mkdisk o5 16M
mkdisk s5 64M
smv format -c 4K -l k4 "$s4"
smv add "$s4" "$o4" data
stamp write "$o4" --tag 1 --map o.map
smv activate "$s4"
dev=/dev/mapper/k4-data
eq "$(blockdev --getss $dev)" 4096 'logical block of the origin'
smv snapshot data a
smv activate data@a
eq "$(blockdev --getss $dev@a)" 4096 'logical block of a snapshot'
cp o.map a.map
stamp write $dev --tag 2 --map o.map --random 100 --sectors 8-80
stamp write $dev@a --tag 3 --map a.map --random 100 --sectors 8-80 --seed 2
smv snapshot data@a aa
cp a.map aa.map
stamp write $dev@a --tag 4 --map a.map --random 100 --sectors 8-80 --seed 3
must stamp check $dev --map o.map
must stamp check $dev@a --map a.map
snapshot_is k4 data@aa aa.map
must overlap --align 8 --count 300 $dev $dev@a
mkfs ext4 $dev
mnt $dev data
make_files /mnt/data 20
smv snapshot data fs
unmnt data
smv activate data@fs
mnt $dev@fs fs
verify_files /mnt/fs
unmnt fs

# 512 on a store of 4096: refused, when it is added or when it is activated.
if snapmv add "$s4" "$o5" small 2>err; then
	mustfail 'block' snapmv activate small
	# The kernel says no, too.
	! dmsetup create x --table "0 32768 snap-mv-origin /dev/mapper/k4 small $o5" ||
		fail 'the kernel took it'
	smv remove small
else
	grep -q 'block' err
fi
# 4096 on a store of 512.
smv format -c 16K -l k5 "$s5"
mkdisk p4 16M bs=4096
smv add "$s5" "$p4" big
smv activate "$s5"
dev=/dev/mapper/k5-big
eq "$(blockdev --getss $dev)" 4096 'logical block of the origin'
stamp write $dev --tag 1
smv snapshot big a
smv activate big@a
eq "$(blockdev --getss $dev@a)" 4096 'logical block of a snapshot'
must overlap --align 8 --count 200 $dev $dev@a
