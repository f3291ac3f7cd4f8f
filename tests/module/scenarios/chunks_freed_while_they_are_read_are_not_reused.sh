# Chunks of three snapshots on a slow store are discarded and written again all the
# time while they are read: no read shows another snapshot's data. (The original
# freed chunks that were being read.) Nothing leaks.
# timeout: 40

mkdisk origin 4M
mkdisk store 24M latency=300
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
smv snapshot data b
smv snapshot data c
smv activate data@a data@b data@c
must recycle --chunk 16K --chunks 48 --time "$(scaled 5 2)" --seed "$SMV_SEED" \
	/dev/mapper/s0-data@a /dev/mapper/s0-data@b /dev/mapper/s0-data@c
smv deactivate data@a data@b data@c
smv delete --wait data@a data@b data@c
eq "$(field s0 data)" 0 'data chunks'
