# Debug objects: memory freed in which a timer is running.
# kernels: uml
# fails: console: .*WARNING: .*debugobjects

must insmod /smv/smv-canary.ko bug=freed_work
must rmmod smv-canary
