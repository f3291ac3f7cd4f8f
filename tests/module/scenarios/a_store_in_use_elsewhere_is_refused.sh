# A store that another host has in use, or had when it crashed, is refused by the tool and by the module;
# activate -f takes it over; the same host's, after a crash, needs nothing.
# timeout: 60

mkdisk origin 16M
mkdisk store 32M
mkdisk later 32M
echo 11111111111111111111111111111111 >/etc/machine-id
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
must dmsetup message s0 0 sync
run dd if="$store" of="$T/empty" bs=1M iflag=direct status=none
stamp write /dev/mapper/s0-data --tag 1 --map a.map
smv snapshot data a
stamp write /dev/mapper/s0-data --tag 2 --random 30
must dmsetup message s0 0 sync
# as a crash leaves it
run dd if="$store" of="$later" bs=1M iflag=direct status=none
smv deactivate s0
forget_store "$store"
rmdisk "$store"

echo 22222222222222222222222222222222 >/etc/machine-id
sum=$(sumdev "$later")
mustfail 'in use' snapmv activate "$later"
mustfail 'in use by another host.*-f' snapmv snapshot -S "$later" data b
mustfail 'in use by another host' snapmv delete -S "$later" data@a
must sh -c "snapmv dump '$later' >'$T/dump'"
mustfail 'in use by another host' snapmv restore "$T/dump" "$later"
mustfail 'another host has not closed' snapmv repair "$later"
table="0 $(sectors "$later") snap-mv-store $later"
! dmsetup create no --table "$table 2 host 22222222222222222222222222222222" 2>/dev/null ||
	fail 'the module takes what is in use elsewhere'
must sh -c "dmesg | tail -n 5 | grep 'in use on another host'"
eq "$(sumdev "$later")" "$sum" 'the store'
smv list "$later"
mustfail 'in use by another host' snapmv erase "$T/empty"
rm "$T/empty"
# its own host may have it back
echo 11111111111111111111111111111111 >/etc/machine-id
dm_make probe "$table 2 host 11111111111111111111111111111111"
dm_remove probe
# that was a clean end
echo 22222222222222222222222222222222 >/etc/machine-id
smv activate "$later"
snapshot_is s0 data@a a.map
run dd if="$later" of="$T/crashed" bs=1M iflag=direct status=none
smv deactivate s0
run dd if="$T/crashed" of="$later" bs=1M status=none
rm "$T/crashed"
echo 33333333333333333333333333333333 >/etc/machine-id
mustfail 'in use' snapmv activate "$later"
smv activate -f "$later"
snapshot_is s0 data@a a.map
smv deactivate s0
check_store "$later"
rm /etc/machine-id
