# Tables of volumes that are loaded and cleared again: the device they were loaded into goes on
# with what it has, also if the store was suspended and resumed meanwhile, and the origin's
# device is the one in use.
# timeout: 60

mkdisk origin 8M
mkdisk other 8M
mkdisk store 32M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
size=$(sectors "$origin")

say 'a device of another kind, into which an origin is loaded while the store is suspended'
smv deactivate data
dm_make plain "0 $size linear $origin 0"
must dmsetup load plain --table "0 $size snap-mv-origin /dev/mapper/s0 data $origin"
must dmsetup suspend s0
must dmsetup clear plain
must dmsetup resume s0
stamp check /dev/mapper/plain --tag 1 & reader=$!
wait_for 20 has_ended $reader
wait $reader
dm_remove plain

say 'an origin, into which one on another device is loaded'
smv activate data
smv snapshot data a
must dmsetup load s0-data --table "0 $size snap-mv-origin /dev/mapper/s0 data $other"
# Neither of the two may be taken for the origin now.
for device in $origin $other; do
	! dmsetup create twin --table "0 $size snap-mv /dev/mapper/s0 data@a $device" 2>err ||
		fail "taken: $device"
done
must dmsetup clear s0-data
! dmsetup create twin --table "0 $size snap-mv /dev/mapper/s0 data@a $other" 2>err ||
	fail 'another device is taken for the origin'
smv activate data@a
stamp write /dev/mapper/s0-data --tag 2 --random 50
must stamp check /dev/mapper/s0-data@a --tag 1
