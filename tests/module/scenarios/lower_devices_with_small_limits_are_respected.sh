# Origin and store on devices that take small requests only: a stripe of 4K
# pieces, a disk of 4K requests, a loop device. Chunks of 256K are copied right.
# timeout: 60

mkdisk a 16M
mkdisk b 16M
mkdisk store 224M
mkdisk small 24M
for disk in "$store" "$small"; do
	echo 4 >"/sys/block/$(kname "$disk")/queue/max_sectors_kb"
done
dm_make stripe "0 65536 striped 2 8 $a 0 $b 0"
smv format -c 256K -l s0 "$store"
smv add "$store" /dev/mapper/stripe one
smv add "$store" "$small" two
run modprobe loop
truncate -s 16M image
loop=$(losetup -f --show image)
smv add "$store" "$loop" three
stamp write /dev/mapper/stripe --tag 1 --map one.map
stamp write "$small" --tag 1 --map two.map
stamp write "$loop" --tag 1 --map three.map
smv activate "$store"
smv snapshot one a two a three a
smv activate one@a two@a three@a
for name in one two three; do
	dev=/dev/mapper/s0-$name
	cp $name.map $name.a.map
	stamp write $dev --tag 2 --map $name.map --random 50 --sectors 1-1000 --io 1M
	stamp write $dev@a --tag 3 --map $name.a.map --random 50 --sectors 1-1000 \
		--io 1M --seed 2
	must stamp check $dev --map $name.map
	must stamp check $dev@a --map $name.a.map
done
must overlap --max 2000 --count 60 --threads 3 /dev/mapper/s0-one \
	/dev/mapper/s0-one@a /dev/mapper/s0-two /dev/mapper/s0-two@a \
	/dev/mapper/s0-three /dev/mapper/s0-three@a
smv rollback -f --wait one@a
must cmpdev /dev/mapper/s0-one /dev/mapper/s0-one@a
take_down
run losetup -d "$loop"
