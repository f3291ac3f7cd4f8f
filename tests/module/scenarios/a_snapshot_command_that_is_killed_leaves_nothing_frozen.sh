# The tool is killed at any moment of taking a snapshot of a mounted filesystem: nothing stays frozen,
# the snapshot is there or not, and its name can be used.
# timeout: 90

mkdisk origin 32M
mkdisk store 64M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
mkfs ext4 /dev/mapper/s0-data
mnt /dev/mapper/s0-data data
# the kernel's part comes last in what the command takes
smv snapshot data first
start=$(now_ms)
snapmv snapshot data whole
takes=$(($(now_ms) - start))
taken=0 rounds=$(scaled 20 4)
i=0
while [ $i -lt "$rounds" ]; do
	echo $i >/mnt/data/file
	rnd ms $((takes + 10))
	snapmv snapshot data s$i & pid=$!
	sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
	kill -9 $pid 2>/dev/null || :
	wait $pid || :
	timeout 30 sh -c "echo $i >/mnt/data/after && sync -f /mnt/data" || fail "frozen after $ms ms"
	if snapmv list -q | grep -q "^data@s$i\$"; then
		taken=$((taken + 1))
	else
		quiet snapmv snapshot data s$i
	fi
	i=$((i + 1))
done
say "$taken of $rounds were taken by one that was to be killed"
unmnt data
smv activate data@s0
fsck /dev/mapper/s0-data@s0
eq "$(field s0 snapshots)" $((rounds + 2)) snapshots
