# A suspension that is given up, by a signal or because of an error, leaves the device as it was:
# writes are held for space and not failed, and the volumes of a store go on.
# timeout: 90

mkdisk one 16M
mkdisk two 64M
mkdisk store 16M
obey one
smv format -c 16K -l s0 "$store"
stamp write "$one" --tag 1 --map o.map
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
smv set s0/ policy=hold hold-timeout=0
dev=/dev/mapper/s0-one
smv snapshot one a
smv snapshot two filler
fill_store s0 /dev/mapper/s0-two 1

say 'interrupted'
order one hold read 1
dd if=$dev of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null & reader=$!
wait_for 20 holds one
dmsetup suspend --noflush s0-one & suspend=$!
sleep 1
kill $suspend
wait $suspend && fail 'it was not interrupted'
calm one
wait $reader
eq "$(dmsetup info -c --noheadings -o suspended s0-one)" Active
stamp write $dev --tag 2 --map o.map --from 3200 --count 320 --io 160K & writer=$!
held()
{
	[ "$(field s0 waiting)" -ge 1 ]
}
wait_for 20 held
kill -0 $writer || fail 'the write was not held'
say 'given back, and held again'
must dmsetup suspend --noflush s0-one
must dmsetup resume s0-one
wait_for 20 held
smv delete two@filler
wait $writer || fail 'the writer failed'
wait_for 20 is s0-one gated 0
must stamp check $dev --map o.map

say 'a store whose node cannot be written out'
dd if=/dev/zero of=/dev/mapper/s0 bs=4k count=1 conv=notrunc 2>/dev/null
case $(uname -r) in
6.1.*)	must dmsetup suspend s0 ;;	# freeze_bdev() of then does not ask what became of it
*)	! dmsetup suspend s0 || fail 'it is suspended all the same' ;;
esac
must dmsetup resume s0
stamp write $dev --tag 3 --map o.map --count 320 & writer=$!
wait_for 20 has_ended $writer
wait $writer
must stamp check $dev --map o.map
