# Filling a store chunk by chunk takes no longer towards its end, and metadata
# written for a chunk stays the same. (The original searched for free chunks from
# the start each time.)
# timeout: 60

mkdisk origin 48M
mkdisk store 72M
dev=/dev/mapper/s0-data

step=$(($(scaled 48 12) * 2048 / 48 * 8))

fill()
{
	part=0
	while [ $part -lt 6 ]; do
		commits=$(field s0 commits) bytes=$(field s0 record_bytes)
		start=$(now_ms)
		stamp write $dev --tag $((part + 1)) --from $((part * step)) --count $step
		eval "ms$part=$(($(now_ms) - start))"
		eval "bytes$part=$(($(field s0 record_bytes) - bytes))"
		eval "say \"part $part: \$ms$part ms, $(($(field s0 commits) - commits)) commits, \$bytes$part bytes\""
		part=$((part + 1))
	done
	eq "$(field s0 data)" $((step * 6 / 8)) 'data chunks'
}

# A quadratic fill would take many times as long.
is_linear()
{
	first=$((ms0 < ms1 ? ms0 : ms1)) last=$((ms4 < ms5 ? ms4 : ms5))
	[ $last -le $((first * 3 + 500)) ]
}

begin()
{
	run dd if=/dev/zero of="$origin" bs=1M count=48 oflag=direct status=none
	smv format -f -c 4K -l s0 "$store"
	smv add "$store" "$origin" data
	smv activate "$store"
	smv snapshot data a
}

# A host that gets busy meanwhile does so once, or twice.
begin
fill
try=1
until is_linear; do
	[ $try -lt 4 ] || fail "the last parts take $last ms, the first ones $first"
	try=$((try + 1))
	smv deactivate s0
	begin
	fill
done
# Nor does what is recorded of a chunk grow.
cond $bytes0 -gt 0
cond $bytes5 -le $((bytes0 * 2))
smv activate data@a
must stamp check $dev@a --tag 0
