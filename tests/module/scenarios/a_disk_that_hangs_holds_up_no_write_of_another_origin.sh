# One origin's disk takes its time over reads of many chunks that are to be preserved: a first write to another
# origin of the store is committed and ends meanwhile.
# timeout: 40

mkdisk one 16M
mkdisk two 16M
mkdisk store 64M
obey one
smv format -c 16K -l s0 "$store"
smv add "$store" "$one" one
smv add "$store" "$two" two
smv activate "$store"
smv snapshot one a two a
order one hold read 1 16
stamp write /dev/mapper/s0-one --tag 1 --count 512 --io 256K & hung=$!
wait_for 20 holds one
stamp write /dev/mapper/s0-two --tag 1 --count 8 & other=$!
wait_for 10 has_ended $other
wait $other || fail 'the write to the other origin'
kill -0 $hung || fail 'the disk did not hang'
calm one
wait $hung || fail 'the write to the disk that hung'
must stamp check /dev/mapper/s0-two --tag 1 --count 8
must stamp check /dev/mapper/s0-one --tag 1 --count 512
