# Chunks are used for what diverges, and for nothing else; one chunk serves all
# snapshots; deleting gives back exactly what was held alone.
# timeout: 60

used()	# N
{
	eq "$(field s0 data)" "$1" 'chunks used'
}

mkdisk origin 16M
mkdisk store 64M
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
w()	# DEV SECTOR COUNT: a write
{
	stamp write "$1" --tag 9 --from "$2" --count "$3"
}

w $dev 0 1024
used 0
smv snapshot data a
used 0
w $dev 640 1		# chunk 5
used 1
w $dev 641 100
w $dev 640 128
used 1
w $dev $((7 * 128 - 1)) 2	# 6 and 7
used 3
smv snapshot data b
smv snapshot data c
used 3
w $dev 640 1		# again, for b and c: one
used 4
w $dev 1280 1280	# 10 to 19: one for a, b and c
used 14

# Snapshots: what is written, whole or in part, once.
smv activate data@a data@b
w $dev@b 2560 1		# 20
w $dev@b 2561 3
used 15
w $dev@b 2688 256	# 21, 22 whole
used 17
w $dev@b 640 128	# 5
used 18
smv snapshot data@b d
used 18
w $dev@b 2560 1		# 20 again: d has the former one
used 19
w $dev@a 0 1
used 20
# What a snapshot has of its own needs no copy when the origin is written; what
# another reads in place, does.
w $dev 2560 1		# 20: a and c
used 21

# Delete: d alone held chunk 20 of b's former epoch.
smv delete --wait data@d
used 20
# c held nothing alone.
smv delete --wait data@c
used 20
smv deactivate data@b
# b alone: its own 20, 21, 22, 5; and of the origin's, 5 as of its time.
smv delete --wait data@b
used 15
smv deactivate data@a
smv delete --wait data@a
used 0
eq "$(field s0 exceptions)" 0 exceptions
# Nothing needs a copy any more.
w $dev 0 4096
used 0
