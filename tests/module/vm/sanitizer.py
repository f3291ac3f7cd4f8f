# SPDX-License-Identifier: GPL-2.0
"""The sanitizer kernels, which scripts/build-sanitizer makes.

uml is a program instead of a machine: its console is stderr, our line stdin and stdout, as
/dev/ttyS1 like QEMU's; a guest sees no difference but for the kernel and one processor.
kcsan is started by QEMU as Debian's kernels are.
"""

import os
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
KINDS = ['uml', 'kcsan']

APPEND = ('con=null con0=null,fd:2 ssl=null ssl1=fd:0,fd:1 console=tty0 loglevel=4 '
          'oops=panic panic=-1 printk.devkmsg=on random.trust_cpu=on null_blk.nr_devices=0 '
          'sysctl.kernel.hung_task_timeout_secs=120 rdinit=/init')
MORE = 2        # KASAN's shadow and quarantine, and what the others keep of each object


def kind(kver):
    """uml or kcsan, of a kernel's name, short or full; None of Debian's."""
    word = kver.rsplit('-', 1)[-1]
    return word if word in KINDS else None


def is_uml(kver):
    return kind(kver) == 'uml'


def folder(kver):
    return f'{TOP}/build/{kind(kver)}'


def root(kver):
    """Where a kernel's lib/modules is."""
    return folder(kver) if kind(kver) else f'{TOP}/build/kernels/{kver}'


def build(kver):
    subprocess.run([f'{TOP}/scripts/build-sanitizer', kind(kver)], check=True)


def canary(kver):
    return f'{folder(kver)}/canary/smv-canary.ko'


def command(kver, initrd, memory):
    return ['setpriv', '--pdeathsig', 'KILL', f'{folder(kver)}/linux', f'mem={memory * MORE}M',
            f'initrd={initrd}', *APPEND.split()]
