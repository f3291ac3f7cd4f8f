# A full store with policy drop: the origin goes on and loses nothing; a
# snapshot that needed the chunk reads as errors, and so does one that reads through
# it; all others are whole. It is still so after reactivation, and a delete
# brings the space back.
# timeout: 90

mkdisk one 16M
mkdisk two 64M
mkdisk store 16M
smv format -c 16K -l s0 "$store"
stamp write "$one" --tag 1 --map o.map
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
eq "$(field s0 policy)" drop policy
dev=/dev/mapper/s0-one
smv snapshot one old
smv snapshot one@old oldkid
cp o.map old.map
stamp write $dev --tag 2 --map o.map --count 3200	# chunks 0 to 99
smv snapshot one new
smv snapshot one@new newkid
smv activate one@newkid
cp o.map new.map
stamp write $dev@newkid --tag 7 --from 0 --count 32
smv snapshot two filler

fill_store s0 /dev/mapper/s0-two 1
eq "$(field s0 dropped)" 0 dropped
snapshot_is s0 one@new new.map

# Chunk 50 is preserved for old, not for new.
smv activate one@old one@new one@oldkid
dd if=$dev@new of=/dev/null bs=16k count=1 skip=60 iflag=direct status=none
stamp write $dev --tag 3 --map o.map --from 1600 --count 64
judge()
{
	eq "$(field s0-one@new state)" invalid
	eq "$(field s0-one@newkid state)" invalid
	eq "$(field s0-one@old state)" ok
	eq "$(field s0-one@oldkid state)" ok
	! dd if=$dev@new of=/dev/null bs=16k count=1 skip=50 iflag=direct 2>/dev/null ||
		fail 'the lost chunk can be read'
	! dd if=$dev@new of=/dev/null bs=16k count=1 skip=60 iflag=direct 2>/dev/null ||
		fail 'an invalid snapshot can be read'
	! dd if=$dev@newkid of=/dev/null bs=16k count=1 iflag=direct 2>/dev/null ||
		fail 'one that reads through it can be read'
	! dd if=/dev/zero of=$dev@new bs=16k count=1 oflag=direct 2>/dev/null ||
		fail 'an invalid snapshot can be written'
	must stamp check $dev@old --map old.map
	must stamp check $dev@oldkid --map old.map
	must stamp check $dev --map o.map
}
judge
# Everything new is lost for those that need it, and only for those.
stamp write $dev --tag 4 --map o.map --from 1600 --count 640 --io 4K
judge
snapmv list | grep -q invalid
take_down
smv activate "$store" one@old one@new one@oldkid one@newkid
remember_store "$store"
judge
mustfail 'invalid' snapmv snapshot one@new x

# They can be deleted, and then there is space.
smv deactivate one@new one@newkid
smv delete one@newkid one@new
smv delete --wait two@filler
eq "$(field s0 full)" 0 full
smv snapshot one fresh
cp o.map fresh.map
dropped=$(field s0 dropped)
stamp write $dev --tag 5 --map o.map --count 12800
eq "$(field s0 dropped)" "$dropped" dropped
snapshot_is s0 one@fresh fresh.map
snapshot_is s0 one@old old.map
