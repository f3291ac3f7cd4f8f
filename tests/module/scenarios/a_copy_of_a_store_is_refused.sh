# Two stores with the same uuid, a cloned disk: neither is activated while both are there, the copy
# of an active one is touched by no command as if it were that one, nor taken by the module;
# the offline tools work on it, and each way out that the refusal names is one.
# timeout: 60

mkdisk origin 16M
mkdisk store 32M
mkdisk copy 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
stamp write /dev/mapper/s0-data --tag 1 --map a.map
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 2
smv deactivate s0
run dd if="$store" of="$copy" bs=1M status=none
sum=$(sumdev "$copy")

# both inactive
mustfail "$copy has the same uuid.*copy.*erase -f" snapmv activate "$store"
mustfail "$store has the same uuid" snapmv activate "$copy"
mustfail 'has the same uuid' snapmv activate -f "$store"
mustfail 'has the same uuid' snapmv activate -a
mustfail 'same uuid|several stores' snapmv activate data@a
eq "$(active_stores)" '' 'active stores'

# one of them active: the copy is out of sight until then
dm_make hidden "0 $(sectors "$copy") linear $copy 0"
dm_load hidden "0 8 linear $copy 0"
smv activate "$store"
dm_load hidden "0 $(sectors "$copy") linear $copy 0"
twin=/dev/mapper/hidden
for command in "activate $twin" "snapshot -S $twin data b" "delete -S $twin data@a" \
	"set $twin policy=hold" "list $twin" "status $twin" "erase $twin"; do
	# shellcheck disable=SC2086
	mustfail 'copy of the active store s0' snapmv $command
done
! dmsetup create twin --table "0 $(sectors "$copy") snap-mv-store $twin" 2>/dev/null ||
	fail 'the module takes a copy'
must sh -c "dmesg | tail -n 5 | grep 'one is a copy of the other'"
eq "$(sumdev "$copy")" "$sum" 'the copy'
must snapmv check "$twin"
snapmv dump "$twin" >copy.dump
# the active store is itself by its own name still, and a reload of it no copy
smv snapshot -S "$store" data b
dm_load s0 "$(dmsetup table s0)"
smv delete data@b

# ways out: a uuid of its own; to be erased
uuid=$(tr -d - </proc/sys/kernel/random/uuid)
sed "s/ uuid=[0-9a-f]*/ uuid=$uuid/" copy.dump >new.dump
smv restore -f new.dump "$twin"
smv set "$twin" label=s1
check_store "$twin"
smv list
smv deactivate s0
check_store "$store"
smv activate "$store"
snapshot_is s0 data@a a.map
smv erase -f "$twin"
mustfail 'holds no store' snapmv list "$twin"
smv deactivate s0

# A copy in a file is one, too, whatever loop device it is attached to, and if it lies on an origin of
# the store that it is a copy of.
run modprobe loop
mkdisk other 64M
mkfs ext4 "$other"
smv add "$store" "$other" files
smv activate "$store"
mnt /dev/mapper/s0-files files
smv snapshot data c
run dd if="$store" of=/mnt/files/copy bs=1M oflag=sync status=none
mustfail 'copy of the active store s0' snapmv delete -S /mnt/files/copy data@c
loop=$(losetup -f --show /mnt/files/copy)
for twin in /mnt/files/copy "$loop"; do
	mustfail 'copy of the active store s0' snapmv delete -S "$twin" data@c
	mustfail 'copy of the active store s0' snapmv set "$twin" label=other
done
losetup -d "$loop"
eq "$(snapmv list -q data)" "data
data@a
data@c" 'volumes'
unmnt files
smv deactivate s0
# while the file of the active store's own loop device is it
cp "$store" image
rmdisk "$store"
forget_store "$store"
loop=$(losetup -f --show image)
smv activate "$loop"
smv delete -S ./image data@c
smv deactivate s0
losetup -d "$loop"

# A store on another one's origin is one store, though two devices show it; on a snapshot lies a copy.
mkdisk base 32M
mkdisk outer 64M
smv format -l outer "$outer"
smv add "$outer" "$base" base
smv activate "$outer"
inner=/dev/mapper/outer-base
smv format -l inner $inner
smv activate $inner
eq "$(active_stores | sort | xargs)" 'inner outer' 'active stores'
smv deactivate inner
smv snapshot base s
smv activate base@s
mustfail 'has the same uuid' snapmv activate $inner@s
smv activate $inner
mustfail 'copy of the active store inner' snapmv set $inner@s policy=hold
smv deactivate inner
check_store $inner
forget_store $inner
smv deactivate outer
