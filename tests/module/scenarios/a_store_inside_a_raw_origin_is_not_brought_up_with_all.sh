# A store in a partition of another one's origin, or on a device upon it, is neither brought up with all, which
# would change the origin behind that one's back, nor listed while the origin is up, nor formatted there unless
# forced. It comes up where it lies on the origin's own device.
# timeout: 90

up()
{
	dmsetup ls | awk '{print $1}' | sort | tr '\n' ' '
}

mkdisk outer 64M
mkdisk disk 96M
smv format -l outer "$outer"
smv add "$outer" "$disk" data
# An MBR with one partition: from 1 MiB on, 20 MiB
printf '\0\0\0\0\203\0\0\0\0\010\0\0\0\240\0\0' |
	dd of="$disk" bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of="$disk" bs=1 seek=510 conv=notrunc status=none
run blockdev --rereadpt "$disk"
wait_for 9 test -b "${disk}1"
smv format -f -l aa "${disk}1"
forget_store "${disk}1"
smv activate -a
eq "$(up)" 'outer outer-data ' 'what is up'
eq "$(json '.stores | map(.label) | join(" ")' list)" outer 'what is listed'
mustfail 'no store labelled aa' snapmv set aa policy=hold

area="$(($(sectors "$disk") - 98304))"
dm_make upper "0 $area linear /dev/mapper/outer-data 98304"
smv format -l bb /dev/mapper/upper
smv activate -a
eq "$(up)" 'bb outer outer-data upper ' 'what is up upon the volume'
smv deactivate bb
forget_store /dev/mapper/upper
dm_remove upper
smv deactivate outer
dm_make lower "0 $area linear $disk 98304"
mustfail 'in use' snapmv activate -a
eq "$(up)" 'lower outer ' 'what is up upon the raw device'
smv deactivate outer
dm_remove lower
smv erase "${disk}1"
mustfail 'part of an origin of the store outer' snapmv format -l aa "${disk}1"
smv activate -a
