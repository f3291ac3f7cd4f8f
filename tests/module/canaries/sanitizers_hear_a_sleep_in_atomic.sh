# A call that may sleep, under a spinlock; it does not.
# kernels: uml
# fails: console: .*sleeping function called

must insmod /smv/smv-canary.ko bug=sleep_in_atomic
must rmmod smv-canary
