# A first write whose chunk cannot be read is kept, and the chunk is lost to the snapshots (docs/operating.md).
# Not when nothing of the origin can be read: then it is away, its first writes fail as they would
# without us, and when it is back nothing is lost. Nor do commands wait for its FLUSH without bound.

mkdisk origin 2M cache=4
mkdisk other 2M
mkdisk store 8M
obey origin
dev=/dev/mapper/s0-data
echo 0 >/proc/sys/kernel/hung_task_timeout_secs
must stamp write "$origin" --tag 1 --map o.map
cp o.map a.map
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv add "$store" "$other" more
smv activate "$store"
smv snapshot data a
smv activate data@a
must stamp write $dev --tag 2 --map o.map --count 64

say 'one chunk'
order origin fail read 1
must stamp write $dev --tag 3 --map o.map --from 256 --count 8
calm origin
eq "$(field s0 lost)" 1 'chunks lost'

say 'all of it'
order origin fail read 1 1000000
for from in 512 1024 4088; do
	! stamp write $dev --tag 4 --from $from --count 8 || fail 'written without a copy'
done
must sh -c "dmesg | grep 'an origin cannot be read: its first writes fail'"
must stamp write $dev --tag 5 --map o.map --count 64	# preserved long since
calm origin
eq "$(field s0 lost)" 1 'chunks lost'
eq "$(field s0 state)" ok 'state of the store'
must stamp check $dev --map o.map
must stamp check $dev@a --map a.map --count 256
must stamp check $dev@a --map a.map --from 288
must stamp write $dev --tag 4 --map o.map --from 512 --count 64
must stamp check $dev@a --map a.map --from 288

say 'its FLUSH'
order origin hold flush 1
before=$(now_ms)
mustfail 'in time' snapmv snapshot data late
cond $(($(now_ms) - before)) -lt 90000
must stamp write /dev/mapper/s0-more --tag 1
smv snapshot more b
must stamp write $dev --tag 6 --map o.map --from 2048 --count 8
calm origin
smv snapshot data c
snapmv list -q | grep late && fail 'a snapshot that was refused is there'
must stamp write $dev --tag 7 --map o.map --from 2048 --count 8 --sync
