# many finds one sector of one of its snapshots that another has written.
# fails: exit 1 from: many verify
# kernels: 6.1
# timeout: 60

mkdisk origin 8M
mkdisk store 32M
stamp write "$origin" --tag 1
smv format -c 16K -l s0 "$store"
smv add "$store" "$origin" data
smv activate "$store"
must many take state --count 5 s0 data
must many verify state s0 data
smv activate data@s3
stamp write /dev/mapper/s0-data@s3 --tag 7 --from 7777 --count 1
smv deactivate data@s3
must many verify state s0 data
