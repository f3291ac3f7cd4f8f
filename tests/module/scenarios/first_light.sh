# A snapshot keeps the old data while the origin is overwritten.
# timeout: 60

mkdisk origin 16M
mkdisk store 48M
stamp write "$origin" --tag 1
smv format -c 64K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
must stamp check /dev/mapper/s0-data --tag 1
smv snapshot data monday
must stamp write /dev/mapper/s0-data --tag 2
must stamp check /dev/mapper/s0-data --tag 2
smv activate data@monday
must stamp check /dev/mapper/s0-data@monday --tag 1
must stamp write /dev/mapper/s0-data@monday --tag 3
must stamp check /dev/mapper/s0-data@monday --tag 3
must stamp check /dev/mapper/s0-data --tag 2
