# A file that a loop device lies on is not formatted whatever it is called, or is not called any more: a name
# that ends in a blank, a path longer than sysfs is read, a second link when the first is gone. And what
# is mounted by a loop device on an origin is seen when the origin has another name since.
# timeout: 60

run modprobe loop
attached()	# FILE [LINK]: under the second name, the first being gone
{
	truncate -s 32M "$1"
	loop=$(losetup -f)
	run losetup "$loop" "$1"
	if [ $# -eq 2 ]; then
		ln "$1" "$2"
		rm "$1"
		shift
	fi
	mustfail 'in use' snapmv format "$1"
	mustfail 'in use' snapmv format -f "$1"
	run losetup -d "$loop"
	smv format -l free "$1"
	forget_store "$1"
	rm "$1"
}
wide=$(printf 'd%.0s' $(seq 200))
mkdir -p "$T/$wide/$wide/$wide"
attached "$T/$wide/$wide/$wide/image"
attached "$T/image "
attached "$T/one" "$T/two"

mkdisk origin 24M
mkdisk store 48M
smv format -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
loop=$(losetup -f)
run losetup "$loop" /dev/mapper/s0-data
mkfs ext4 "$loop"
mnt "$loop" loop
smv rename data other
mustfail 'mounted on /mnt/loop' snapmv rollback -f other@a
unmnt loop
run losetup -d "$loop"
smv rollback --wait other@a
