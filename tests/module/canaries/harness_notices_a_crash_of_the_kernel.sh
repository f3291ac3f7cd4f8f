# A guest that dies fails the scenario it was running, and no other one.
# fails: console: .*(the guest died)
# alone
# kernels: 6.1
# timeout: 20

echo c >/proc/sysrq-trigger
sleep 20
