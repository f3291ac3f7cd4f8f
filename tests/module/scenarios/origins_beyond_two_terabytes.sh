# An origin and a store of more than 2 TiB (the original: 32-bit chunk numbers):
# writes, snapshots, discards and a rollback on both sides of the border and at
# the end.
# timeout: 60

mkdisk origin 3072G
mkdisk store 128M
tib2=4294967296
stamp write "$origin" --tag 1 --from 0 --count 64
stamp write "$origin" --tag 1 --from $((tib2 - 64)) --count 128
end=$(($(sectors "$origin") - 64))
stamp write "$origin" --tag 1 --from $end --count 64
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv snapshot data@a b
smv activate data@a data@b
eq "$(sectors $dev@a)" "$(sectors "$origin")"

check_all()	# DEV TAG
{
	must stamp check "$1" --tag "$2" --from 0 --count 64
	must stamp check "$1" --tag "$2" --from $((tib2 - 64)) --count 128
	must stamp check "$1" --tag "$2" --from $end --count 64
}
write_all()	# DEV TAG
{
	must stamp write "$1" --tag "$2" --from 0 --count 64
	must stamp write "$1" --tag "$2" --from $((tib2 - 64)) --count 128
	must stamp write "$1" --tag "$2" --from $end --count 64
}
write_all $dev 2
check_all $dev@a 1
write_all $dev@b 3
stamp discard $dev@b --tag 0 --from $((tib2 + 128)) --count 128
check_all $dev 2
check_all $dev@b 3
smv deactivate s0
smv activate "$store"
smv activate data@a data@b
check_all $dev@a 1
check_all $dev@b 3
eq "$(field s0 data)" 8 'data chunks'
smv rollback --wait data@b
check_all $dev 3
check_all $dev@a 1
