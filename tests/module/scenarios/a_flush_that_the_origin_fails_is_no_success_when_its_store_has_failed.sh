# In mid-rollback the store has failed, and the origin goes on: its flushes succeed if its disk's do, and fail if
# those fail.
# timeout: 60

mkdisk data 2M cache=4
mkdisk store 5M cache=4
obey data store
dev=/dev/mapper/s0-data
stamp write "$data" --tag 1 --sync
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
smv snapshot data a
stamp write $dev --tag 2 --count 256 --sync
smv set s0/ throttle=pause
smv rollback --no-undo data@a

order store fail write 1 1000000
! dmsetup message s0 0 checkpoint || :
wait_for 20 is s0 state failed
eq "$(field s0-data rolling)" 1 rolling
say 'flushes that succeed'
stamp write $dev --tag 3 --from 1024 --count 8 --sync
dd if=/dev/zero of=$dev bs=4k count=1 seek=130 oflag=direct,sync conv=notrunc status=none
for how in fsync fua; do
	say "one that fails: $how"
	order data fail flush 1
	case $how in
	fsync)	! stamp write $dev --tag 4 --from 1024 --count 8 --sync 2>err ;;
	fua)	! dd if=/dev/zero of=$dev bs=4k count=1 seek=130 oflag=direct,sync conv=notrunc 2>err ;;
	esac || fail "a failed flush of the origin is reported as done: $how"
	cat err
	calm data
done
must stamp check $dev --tag 4 --from 1024 --count 8

calm store
smv deactivate -f s0/
check_store "$store"
smv activate "$store"
smv set s0/ throttle=0
wait_for 60 is s0-data rolling 0
must stamp check $dev --tag 1 --count 1024
