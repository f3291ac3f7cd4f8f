# More bios than a store keeps memory for wait at once, while none of the module's allocations
# succeeds: those that find no smv_bio (kernel/bio.c) are mapped again when others have
# ended. Every write and discard ends, and well, and is what it should be; no snapshot is touched.
# Then threads write, read and flush an origin and a snapshot without memory, and each read is judged.
# kernels: uml
# timeout: 120

# Filled, so that the disks themselves need no memory any more: it would be refused on the
# module's behalf.
mkdisk data 4M discard=0
mkdisk store 16M discard=0
for disk in "$data" "$store"; do
	cat /dev/zero >"$disk" 2>/dev/null || sync "$disk"
done
obey data
dev=/dev/mapper/s0-data
stamp write "$data" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$data" data
smv activate "$store"
smv snapshot data a
smv snapshot data w
smv activate data@a data@w

begin()	# CMD...: in the background
{
	"$@" &
	pids="$pids $!"
}

on_their_way()	# DEV N: so many reads and writes
{
	read -r reads writes <"/sys/block/$(kname "$1")/inflight"
	[ $((reads + writes)) -eq "$2" ]
}

waiting()	# N: so many, but no more than the store's reserve of smv_bio has been given out
{
	on_their_way $dev "$1" && is s0 gated $((reserve + 1))
}

reserve=64	# SMV_BIOS
# The bits of preserved chunks come with the first one, while there is memory.
stamp write $dev --tag 1 --from 8000 --count 8
pids='' i=0
order data hold read 1 1000000
fault_arm failslab 1 -1
while [ $i -lt $reserve ]; do
	begin stamp write $dev --tag 2 --from $((i * 32)) --count 8
	i=$((i + 1))
done
wait_for 10 waiting $reserve
# All that comes now finds none. The chunks of the first twenty are preserved, in any order, by the time
# that most of them are mapped again: those go at once.
while [ $i -lt $((reserve + 20)) ]; do
	begin stamp write $dev --tag 3 --from $(((i - reserve) * 32 + 16)) --count 8
	i=$((i + 1))
done
while [ $i -lt $((reserve + 60)) ]; do
	begin stamp write $dev --tag 2 --from $((i * 32)) --count 8
	i=$((i + 1))
done
begin stamp discard $dev@w --from 0 --count 64
begin stamp write $dev@w --tag 4 --from 4096 --count 8
begin stamp write $dev@w --tag 4 --from 4128 --count 32
begin stamp discard $dev@w --from 4160 --count 32
wait_for 10 waiting $((reserve + 60))
wait_for 10 on_their_way $dev@w 3	# the kernel lets one discard of a device in at a time
calm data
for pid in $pids; do
	wait "$pid" || fail 'a request that found no memory has failed'
done
fault_disarm
passed=$(field s0 passed)
cond "$passed" -ge 1
cond "$passed" -le 20
eq $((passed + $(field s0 gated))) $((reserve + 61)) 'passed and gated: each once, however often it was mapped'
for i in $(seq 0 $((reserve - 1))) $(seq $((reserve + 20)) $((reserve + 59))); do
	quiet stamp check $dev --tag 2 --from $((i * 32)) --count 8
	quiet stamp check $dev --tag 1 --from $((i * 32 + 24)) --count 8
done
for i in $(seq 0 19); do
	quiet stamp check $dev --tag 3 --from $((i * 32 + 16)) --count 8
done
must stamp check $dev@a --tag 1
must stamp check $dev@w --tag 0 --from 0 --count 64
must stamp check $dev@w --tag 1 --from 64 --count 4032
must stamp check $dev@w --tag 4 --from 4096 --count 8
must stamp check $dev@w --tag 1 --from 4104 --count 24
must stamp check $dev@w --tag 4 --from 4128 --count 32
must stamp check $dev@w --tag 0 --from 4160 --count 32
must stamp check $dev@w --tag 1 --from 4192

fault_arm failslab 1 -1
must overlap --time "$(scaled 20 4)" --threads 4 $dev $dev@w
fault_disarm
eq "$(field s0 state)" ok 'state of the store'
must stamp check $dev@a --tag 1
