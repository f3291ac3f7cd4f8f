# Tables of origin, snapshot and store are reloaded with and without I/O, an
# origin's to linear and back; tables that are wrong (another store, another
# size, another name, the same volume under a second name) are refused, and
# nothing changes.
# timeout: 90
# memory: 1G

mkdisk origin 16M
mkdisk store 320M	# each of the snapshots may need all of the origin
mkdisk origin2 16M
mkdisk store2 32M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv format -c 16K -l s1 "$store2"
smv add "$store2" "$origin2" other
stamp write "$origin" --tag 1 --map o.map
smv activate "$store" "$store2"
dev=/dev/mapper/s0-data
smv snapshot data a
cp o.map a.map
smv activate data@a
size=$(sectors $dev)
reload()	# NAME: the table it has
{
	dmsetup table "$1" >table
	must dmsetup load "$1" table
	must dmsetup suspend "$1"
	must dmsetup resume "$1"
	dmsetup table "$1" >table2
	must cmp table table2
}
reload s0-data
reload s0-data@a
reload s0
stamp write $dev --tag 2 --map o.map --random 60 --sectors 1-50
must stamp check $dev@a --map a.map

nice -n 15 overlap --time 1000000 --threads 2 $dev >overlap1.out 2>&1 & one=$!
nice -n 15 overlap --time 1000000 --threads 2 $dev@a >overlap2.out 2>&1 & two=$!
smv snapshot data b
n=$(scaled 10 3)
i=0
while [ $i -lt "$n" ]; do
	for name in s0-data s0-data@a s0; do
		quiet reload $name
	done
	quiet snapmv snapshot data r$i
	i=$((i + 1))
done
kill -0 $one || { cat overlap1.out; fail 'the load has ended'; }
kill -0 $two || { cat overlap2.out; fail 'the load has ended'; }
kill $one $two
wait $one || :
wait $two || :
[ ! -s overlap1.out ] || { cat overlap1.out; fail 'overlap found something'; }
[ ! -s overlap2.out ] || { cat overlap2.out; fail 'overlap found something'; }
stamp write $dev --tag 3 --map o.map
stamp write $dev@a --tag 4 --map a.map
smv snapshot data now
cp o.map now.map

# To linear and back; nothing is written while it is linear.
good=$(dmsetup table s0-data)
dm_load s0-data "0 $size linear $origin 0"
must stamp check $dev --map o.map
must stamp check $dev@a --map a.map
dm_load s0-data "$good"
stamp write $dev --tag 5 --map o.map --random 60 --sectors 1-50
snapshot_is s0 data@now now.map
must stamp check $dev@a --map a.map

refused()	# NAME TABLE
{
	! run dmsetup load "$1" --table "$2" 2>err || fail "taken: $1 $2"
	cat err
	dmsetup clear "$1"
}
refused s0-data "0 $size snap-mv-origin /dev/mapper/s1 data $origin"
refused s0-data "0 $size snap-mv-origin /dev/mapper/s0 nosuch $origin"
refused s0-data "0 $((size - 8)) snap-mv-origin /dev/mapper/s0 data $origin"
refused s0-data "0 $((size + 8)) snap-mv-origin /dev/mapper/s0 data $origin"
refused s0-data "0 $size snap-mv-origin $store data $origin"
refused s0-data "0 $size snap-mv-origin /dev/mapper/s0 data"
refused s0-data "0 $size snap-mv-origin /dev/mapper/s0 data /dev/nosuch"
refused s0-data@a "0 $size snap-mv /dev/mapper/s1 data@a $origin"
refused s0-data@a "0 $size snap-mv /dev/mapper/s0 data@nosuch $origin"
refused s0-data@a "0 $size snap-mv /dev/mapper/s0 data $origin"
refused s0-data@a "0 $((size - 1)) snap-mv /dev/mapper/s0 data@a $origin"
refused s0-data@a "0 8 snap-mv /dev/mapper/s0 data@a $origin 8 $size linear $origin 0"
for table in "0 $size snap-mv-origin /dev/mapper/s0 data $origin" \
		"0 $size snap-mv /dev/mapper/s0 data@a $origin" \
		"0 $(sectors "$store") snap-mv-store $store"; do
	! dmsetup create twin --table "$table" 2>err || fail "taken: twin $table"
	cat err
done
must stamp check $dev --map o.map
must stamp check $dev@a --map a.map
# I/O to the store's own device fails.
! dd if=/dev/mapper/s0 of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null ||
	fail 'the store device can be read'
! dd if=/dev/zero of=/dev/mapper/s0 bs=4k count=1 oflag=direct 2>/dev/null ||
	fail 'the store device can be written'
