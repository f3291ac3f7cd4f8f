# lockdep: two locks taken in one order, then in the other; nobody waits.
# kernels: uml
# fails: console: .*possible circular locking

must insmod /smv/smv-canary.ko bug=lock_order
must rmmod smv-canary
