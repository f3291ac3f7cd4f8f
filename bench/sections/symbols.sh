# SPDX-License-Identifier: GPL-2.0
# Where the kernel's functions lie (Debian's System.map is empty); for bench/profile.

grep -i ' [tw] [^[]*$' /proc/kallsyms | cut -c9- | gzip -9 | base64 | sed 's/^/DATA /'
