# SPDX-License-Identifier: GPL-2.0
# Activation, with no exceptions and with many: the stores are files made by
# bench/user/store.c, of one size.

. /smv/bench.sh

modprobe virtio_blk
wait_for 20 test -b /dev/vdc
for try in 1 2 3; do
	for disk in vda vdb vdc; do
		read -r r x x x w x </sys/block/$disk/stat
		took=$(ask --run dmsetup create b0 --table \
			"0 $(sectors /dev/$disk) snap-mv-store /dev/$disk")
		read -r r2 x x x w2 x </sys/block/$disk/stat
		echo "DATA kind=activation what=activate round=$try exceptions=$(field b0 exceptions)" \
			"$took reads=$((r2 - r)) writes=$((w2 - w))"
		dmsetup remove b0
	done
done
