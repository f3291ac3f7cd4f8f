# An LVM volume group inside an origin, its volumes in use: the clone on a snapshot is imported under another name, both
# are used side by side, and after a rollback the group is what it was. What lvm does on the origin while its store is down
# is noticed.
# programs: lvm
# timeout: 200
# long

export LVM_SUPPRESS_FD_WARNINGS=1
mkdir -p /etc/lvm
cat >/etc/lvm/lvm.conf <<'EOF'
devices { scan = "/dev" filter = [ "a|^/dev/mapper/s0-data|", "r|.*|" ] use_devicesfile = 0 obtain_device_list_from_udev = 0 }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
global { use_lvmpolld = 0 locking_type = 1 }
EOF
dev=/dev/mapper/s0-data
mkdisk origin 128M
mkdisk store 160M
smv format -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
must lvm pvcreate -q $dev
must lvm vgcreate -q vg $dev
must lvm lvcreate -q -y -Zn -Wn -L 40M -n one vg
must lvm lvcreate -q -y -Zn -Wn -L 20M -n raw vg
mkfs ext4 /dev/mapper/vg-one
mnt /dev/mapper/vg-one one
make_files /mnt/one 50
stamp write /dev/mapper/vg-raw --tag 1 --map raw.map
cp raw.map then.map

sync	# a filesystem is frozen only on the origin's own device
smv snapshot data before
rm -rf /mnt/one/d1
make_files /mnt/one 20 2
stamp write /dev/mapper/vg-raw --tag 2 --map raw.map --random 40 --sectors 1-20
must lvm lvcreate -q -y -Zn -Wn -L 8M -n late vg

smv activate data@before
must lvm vgimportclone -n copy $dev@before
must lvm vgchange -q -ay copy
eq "$(lvm lvs --noheadings -o lv_name copy | xargs)" 'one raw' 'volumes of the copy'
eq "$(lvm lvs --noheadings -o lv_name vg | xargs)" 'late one raw' 'volumes of the group'
mnt /dev/mapper/copy-one then
verify_files /mnt/then
verify_files /mnt/one
must stamp check /dev/mapper/copy-raw --map then.map
must stamp check /dev/mapper/vg-raw --map raw.map
make_files /mnt/then 10 3
verify_files /mnt/then
verify_files /mnt/one
unmnt then
fsck /dev/mapper/copy-one
must lvm vgchange -q -an copy
smv deactivate data@before

unmnt one
fsck /dev/mapper/vg-one
must lvm vgchange -q -an vg
smv snapshot data now
smv rollback --wait --no-undo data@before
# The snapshot was renamed and written to: the origin is that, too.
must lvm vgchange -q -ay copy
must stamp check /dev/mapper/copy-raw --map then.map
mnt /dev/mapper/copy-one one
verify_files /mnt/one
unmnt one
must lvm vgchange -q -an copy
smv rollback --wait --no-undo data@now
must lvm vgchange -q -ay vg
must stamp check /dev/mapper/vg-raw --map raw.map
must lvm vgchange -q -an vg

# on_origin COMMAND ARGUMENT...: lvm, which sees the origin itself
on_origin()
{
	oo_command=$1
	shift
	must lvm "$oo_command" --config "devices { types = [ \"nullb\", 16 ] filter = [ \"a|^$origin\$|\", \"r|.*|\" ] }" "$@"
}

for writer in mount lvcreate lvremove vgrename pvremove pvcreate; do
	smv deactivate s0
	case $writer in
	mount)	on_origin vgchange -q -ay vg
		run mount /dev/mapper/vg-one /mnt/one
		echo more >/mnt/one/new
		unmnt one
		on_origin vgchange -q -an vg ;;
	lvcreate)
		on_origin lvcreate -q -y -an -Zn -Wn -L 4M -n more vg ;;
	lvremove)
		on_origin lvremove -q -y vg/more ;;
	vgrename)
		on_origin vgrename -q vg group ;;
	pvremove)
		on_origin pvremove -q -ff -y "$origin" ;;
	pvcreate)
		on_origin pvcreate -q -y "$origin" ;;
	esac
	mustfail 'data.*without the module.*-f' snapmv activate "$store"
	smv activate -f "$store"
	eq "$(suspect data@now)" true "suspect after $writer"
	smv deactivate s0
	smv activate "$store"
	say "$writer: noticed"
done
