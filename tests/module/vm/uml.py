# SPDX-License-Identifier: GPL-2.0
"""The sanitizer kernel: user-mode Linux, a program instead of a machine.

Its console is stderr, our line stdin and stdout, as /dev/ttyS1 like QEMU's; a guest
sees no difference but for the kernel and one processor. scripts/build-uml makes it.
"""

import os
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
ROOT = f'{TOP}/build/uml'

APPEND = ('con=null con0=null,fd:2 ssl=null ssl1=fd:0,fd:1 console=tty0 loglevel=4 '
          'oops=panic panic=-1 printk.devkmsg=on random.trust_cpu=on null_blk.nr_devices=0 '
          'sysctl.kernel.hung_task_timeout_secs=120 rdinit=/init')
MORE = 2        # KASAN's shadow and quarantine, and what the others keep of each object


def is_uml(kver):
    return kver.endswith('-uml')


def root(kver):
    """Where a kernel's lib/modules is."""
    return ROOT if is_uml(kver) else f'{TOP}/build/kernels/{kver}'


def build():
    subprocess.run([f'{TOP}/scripts/build-uml'], check=True)


def canary():
    return f'{ROOT}/canary/smv-canary.ko'


def command(initrd, memory):
    return ['setpriv', '--pdeathsig', 'KILL', f'{ROOT}/linux', f'mem={memory * MORE}M',
            f'initrd={initrd}', *APPEND.split()]
