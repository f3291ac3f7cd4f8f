# fio with verify, asynchronous and deep, on the origin and two snapshots at
# once, writes of 512 bytes to 128K at odd sectors; a third snapshot is unchanged.
# timeout: 120

size=$(scaled 12 3)M
mkdisk origin 16M
mkdisk store 128M
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
stamp write "$origin" --tag 1
smv activate "$store"
dev=/dev/mapper/s0-data
smv snapshot data a
smv snapshot data b
smv snapshot data keep
smv activate data@a data@b data@keep
cat >job.fio <<END
[global]
ioengine=libaio
direct=1
iodepth=16
size=$size
rw=randwrite
bsrange=512-128k
bs_unaligned=0
blockalign=512
verify=crc32c
verify_fatal=1
verify_backlog=200
do_verify=1
randseed=$SMV_SEED
fsync=100
[origin]
filename=$dev
[a]
filename=$dev@a
[b]
filename=$dev@b
END
must fio --eta=never --output=fio.out job.fio || { cat fio.out; fail fio; }
grep -q 'err= 0' fio.out
must stamp check $dev@keep --tag 1
eq "$(field s0 dropped)" 0 dropped
