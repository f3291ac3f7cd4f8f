# A complaint of the kernel fails the scenario in which it appears.
# fails: console: .*WARNING: CPU: 0 PID: 1 at planted
# kernels: 6.1
# timeout: 20

echo 'WARNING: CPU: 0 PID: 1 at planted' >/dev/kmsg
