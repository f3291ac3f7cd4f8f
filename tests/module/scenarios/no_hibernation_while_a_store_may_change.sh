# What is preserved while an image of memory is written would be unknown to the memory that comes back, and
# be preserved once more, from what has overwritten it: the system does not hibernate while a store is
# active but read-only, and says which; then it does, as far as the kernel's own test of it goes.
# alone
# kernels: 6.1 6.12

mkdisk origin 2M
mkdisk store 8M
hibernate() { echo disk >/sys/power/state; }

echo freezer >/sys/power/pm_test
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
smv snapshot data a
dmesg -c >/dev/null
! hibernate || fail 'it would hibernate'
must sh -c "dmesg | grep 'no hibernation while the store is active'"
must stamp write /dev/mapper/s0-data --tag 1
smv snapshot data b
smv deactivate s0/
must hibernate
must blockdev --setro "$store"
smv activate "$store"
must hibernate
smv deactivate s0/
must blockdev --setrw "$store"
smv activate "$store"
must stamp check /dev/mapper/s0-data --tag 1
