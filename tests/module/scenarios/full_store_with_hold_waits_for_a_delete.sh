# A full store with policy hold: writes that need space wait, all others and
# reads go on; a delete lets them go, and nothing is lost. A hold that times out
# ends in drop.
# timeout: 90

mkdisk one 16M
mkdisk two 64M
mkdisk store 16M
smv format -c 16K -l s0 "$store"
stamp write "$one" --tag 1 --map o.map
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
smv set s0/ policy=hold hold-timeout=0
dev=/dev/mapper/s0-one
smv snapshot one a
smv snapshot one during
cp o.map a.map
held()
{
	[ "$(field s0 waiting)" -ge 1 ]
}
smv snapshot two filler
fill_store s0 /dev/mapper/s0-two 1
eq "$(field s0 waiting)" 0 waiting

stamp write $dev --tag 2 --map o.map --from 3200 --count 320 --io 160K & writer=$!
wait_for 20 held
eq "$(field s0 full)" 1 full
# Reads, commands and writes that need nothing go on.
must stamp check $dev --tag 1 --count 3200
must stamp check $dev --tag 1 --from 3520 --count 320
stamp write /dev/mapper/s0-two --tag 3 --count 320
# A snapshot needs space, too; it does not wait behind the writer for it.
mustfail 'space' snapmv snapshot one x
snapshot_is s0 one@a a.map
kill -0 $writer || fail 'the writer did not wait'
must held
# A flushless suspend gives them back, and they are held again.
dmsetup suspend --noflush s0-one
dmsetup resume s0-one
wait_for 20 held
kill -0 $writer || fail 'the writer did not wait'
smv delete two@filler
wait $writer || fail 'the writer failed'
settle s0
eq "$(field s0 waiting)" 0 waiting
must stamp check $dev --map o.map
snapshot_is s0 one@a a.map
snapshot_is s0 one@during a.map
eq "$(field s0 dropped)" 0 dropped

# The timeout.
smv snapshot two filler
fill_store s0 /dev/mapper/s0-two 1
smv set s0/ hold-timeout=2
smv activate one@a one@during
stamp write $dev --tag 4 --map o.map --from 12800 --count 320 --io 160K
eq "$(field s0-one@a state)" invalid
eq "$(field s0-one@during state)" invalid
cond "$(field s0 dropped)" -ge 1
must stamp check $dev --map o.map
