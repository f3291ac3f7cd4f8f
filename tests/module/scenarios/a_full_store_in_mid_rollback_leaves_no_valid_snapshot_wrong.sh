# A full store with policy drop while a rollback is paused: one write over a chunk that is still to be moved and
# one that is not. A snapshot that loses only the first, and not before it is moved, is invalid, and not wrong.
# timeout: 60

mkdisk one 4M
mkdisk two 64M
mkdisk store 16M
smv format -c 16K -l s0 "$store"
stamp write "$one" --tag 1
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
eq "$(field s0 policy)" drop policy
dev=/dev/mapper/s0-one
smv snapshot one a
stamp write $dev --tag 2 --count 32	# chunk 0
smv set s0/ throttle=pause
smv rollback --no-undo one@a
smv snapshot one s
smv activate one@s
stamp write $dev@s --tag 7 --from 32 --count 32	# chunk 1
must stamp check $dev@s --tag 1 --count 32
smv snapshot two filler
fill_store s0 /dev/mapper/s0-two 1
eq "$(field s0 dropped)" 0 dropped

stamp write $dev --tag 3 --count 64 --io 32K
[ "$(field s0-one@s state)" = invalid ] || must stamp check $dev@s --tag 1 --count 32
eq "$(field s0-one@s state)" invalid 'state of what has lost a chunk'
must stamp check $dev --tag 3 --count 64
must stamp check $dev --tag 1 --from 64
smv set s0/ throttle=0
wait_for 60 is s0-one rolling 0
must stamp check "$one" --tag 3 --count 64
must stamp check "$one" --tag 1 --from 64
