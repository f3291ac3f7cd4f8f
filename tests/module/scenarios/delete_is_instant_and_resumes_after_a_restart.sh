# A delete returns at once however much it gives back; the space comes back in
# the background, goes on after a restart, and shows; others are not affected.
# timeout: 60

mkdisk origin 64M
mkdisk store 160M
stamp write "$origin" --tag 1
smv format -c 4K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data old
stamp write $dev --tag 2
smv snapshot data new
eq "$(field s0 data)" 16384 'data chunks'
smv set s0/ throttle=pause
# One that waited for the cleaner would wait for ever.
must timeout 60 dmsetup message s0 0 delete data@old
eq "$(snapmv list -q | tr '\n' ' ')" 'data data@new '
eq "$(field s0 data)" 16384 'data chunks while background work is paused'
smv snapshot data old
smv deactivate s0
check_store "$store"
smv activate "$store"
smv activate data@old
must stamp check $dev@old --tag 2
smv set s0/ throttle=20
wait_for 20 sh -c "[ \$(dmsetup status s0 | cut -d ' ' -f 9) -lt 16000 ]"
smv deactivate s0
smv activate "$store"
smv set s0/ throttle=0
settle s0
wait_for 60 is s0 data 0
wait_for 60 is s0 ghosts 0
