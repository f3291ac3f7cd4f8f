# SPDX-License-Identifier: GPL-2.0
"""What a guest boots: a kernel and an initramfs made from installed packages.

The initramfs is a row of archives, which the kernel unpacks one after the other:

  base   per kernel: programs, libraries, kernel modules; kept in build/vm
  fio    fio with its many libraries, only where a scenario names it
  run    snapmv, the module, helpers, the library and the scenarios of this run
"""

import glob
import hashlib
import lzma
import os
import shutil
import stat
import struct
import subprocess

from . import sanitizer
from .cpio import Archive

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '../../..'))
HERE = os.path.join(TOP, 'tests/module')

# Programs that busybox has not, or not well enough.
PROGRAMS = '''dash dmsetup mkfs.ext4 e2fsck tune2fs dumpe2fs debugfs resize2fs
    mkfs.xfs xfs_repair xfs_io kmod jq blkdiscard fstrim mount umount dd cmp
    sha256sum findmnt losetup wipefs blkid setsid flock fsfreeze blockdev
    stat timeout nice setpriv'''.split()

MODULES = '''dm-mod dm-bufio dm-flakey dm-delay dm-log-writes dm-snapshot
    dm-thin-pool dm-crypt dm-verity dm-zero dm-raid null_blk ext4 xfs loop nvme
    virtio_blk virtio_pci virtio_scsi virtio_rng sd_mod sg nbd scsi_debug btrfs
    crc32c_generic crc32c_intel configfs raid0 xts ecb aes_generic sha256_generic'''.split()

FORMAT = 5      # of the archives in build/vm: raise it to have them made anew


class Missing(Exception):
    """Something that has to be built or installed first."""


def program(name):
    path = shutil.which(name, path='/usr/sbin:/usr/bin:/sbin:/bin')
    if path is None:
        raise Missing(f'{name} is not installed; run scripts/need-packages (-g clients for the long ones)')
    return path


def libraries(path):
    out = subprocess.run(['ldd', path], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True).stdout
    for line in out.split('\n'):
        for word in line.split():
            if word.startswith('/'):
                yield word
                break


def program_files(names):
    """(name in the guest, path here) of programs and their libraries; a name that is a path keeps it."""
    files = []
    for name in names:
        path = name if name.startswith('/') else program(name)
        if not os.path.exists(path):
            raise Missing(f'{path} is not installed; run scripts/need-packages -g vm -g clients')
        files += [(name if name == path else f'bin/{name}', path)]
        files += [(lib, lib) for lib in libraries(path)]
    return sorted(set(files))


def tree_files(trees):
    """The same of all that is in these folders."""
    return [(path, path) for tree in trees for folder, _, names in os.walk(tree)
            for path in sorted(f'{folder}/{name}' for name in names) if os.path.exists(path)]


def add_programs(archive, paths, seen):
    """Programs (pairs of name in the guest and path here) and their libraries."""
    for name, path in paths:
        archive.add(name, path)
        for lib in libraries(path):
            if lib not in seen:
                seen.add(lib)
                archive.add(lib, lib)


def read_dependencies(root, kver):
    deps = {}
    with open(f'{root}/lib/modules/{kver}/modules.dep') as f:
        for line in f:
            name, rest = line.split(':')
            deps[name] = rest.split()
    return deps


def module_name(path):
    return os.path.basename(path).split('.ko')[0].replace('-', '_')


def wanted_modules(deps):
    by_name = {module_name(path): path for path in deps}
    todo = [by_name[m.replace('-', '_')] for m in MODULES
            if m.replace('-', '_') in by_name]
    found = set()
    while todo:
        path = todo.pop()
        if path not in found:
            found.add(path)
            todo += deps[path]
    return sorted(found)


def add_modules(archive, root, kver):
    """The modules, unpacked, as a tree that modprobe understands."""
    stage = f'{TOP}/build/vm/stage.{os.getpid()}'
    shutil.rmtree(stage, ignore_errors=True)
    base = f'lib/modules/{kver}'
    os.makedirs(f'{stage}/{base}')
    for extra in 'modules.builtin', 'modules.builtin.modinfo', 'modules.order':
        shutil.copy(f'{root}/{base}/{extra}', f'{stage}/{base}')
    for path in wanted_modules(read_dependencies(root, kver)):
        with open(f'{root}/{base}/{path}', 'rb') as f:
            data = f.read()
        if path.endswith('.xz'):
            data, path = lzma.decompress(data), path[:-3]
        os.makedirs(os.path.dirname(f'{stage}/{base}/{path}'), exist_ok=True)
        with open(f'{stage}/{base}/{path}', 'wb') as f:
            f.write(data)
    subprocess.run(['depmod', '-b', stage, kver], check=True)
    for folder, _, files in os.walk(stage):
        for name in files:
            path = os.path.join(folder, name)
            archive.add(os.path.relpath(path, stage), path)
    shutil.rmtree(stage)


def kept(name, stamp, make):
    """build/vm/NAME, made by make(Archive) unless it is there for this stamp."""
    folder = f'{TOP}/build/vm'
    os.makedirs(folder, exist_ok=True)
    key = hashlib.sha256(repr((FORMAT, stamp)).encode()).hexdigest()[:12]
    path = f'{folder}/{name}.{key}.cpio'
    if not os.path.exists(path):
        for old in glob.glob(f'{folder}/{name}.*.cpio'):
            os.unlink(old)
        new = f'{path}.{os.getpid()}'
        archive = Archive(new)
        make(archive)
        archive.close()
        os.rename(new, path)
    return path


def stamp_of(paths):
    return [(p, os.stat(p).st_mtime_ns, os.stat(p).st_size) for p in paths]


def base_archive(kver):
    root = sanitizer.root(kver)
    programs = [program(p) for p in PROGRAMS] + [program('busybox')]

    def make(archive):
        for folder in 'dev proc sys tmp run mnt etc var bin sbin'.split():
            archive.mkdir(folder)
        archive.node('dev/console', stat.S_IFCHR | 0o600, 5, 1)
        archive.node('dev/null', stat.S_IFCHR | 0o666, 1, 3)
        seen = set()
        busybox = program('busybox')
        add_programs(archive, [('bin/busybox', busybox)], seen)
        for path in PROGRAMS:
            add_programs(archive, [(f'bin/{path}', program(path))], seen)
        for applet in subprocess.run([busybox, '--list'], check=True, text=True,
                                     stdout=subprocess.PIPE).stdout.split():
            if applet not in PROGRAMS and applet != 'busybox':
                archive.link(f'bin/{applet}', 'busybox')
        for name in 'modprobe insmod rmmod lsmod depmod modinfo'.split():
            archive.link(f'sbin/{name}', '../bin/kmod')
        archive.write('etc/passwd', b'root:x:0:0:root:/:/bin/sh\n')
        archive.write('etc/group', b'root:x:0:\n')
        archive.write('etc/mke2fs.conf', open('/etc/mke2fs.conf', 'rb').read())
        archive.link('etc/mtab', '/proc/mounts')
        add_modules(archive, root, kver)

    modules = [f'{root}/lib/modules/{kver}/modules.{kind}' for kind in ('builtin', 'order')]
    return kept(f'base-{kver}', (MODULES, stamp_of(programs + modules), kver), make)


def fio_archive():
    fio = program('fio')
    return kept('fio', stamp_of([fio]),
                lambda archive: add_programs(archive, [('bin/fio', fio)], set()))


def run_archive(path, kver, files, module):
    """What changes from run to run. files: (name in the guest, path here)."""
    build = os.environ.get('BUILD', f'{TOP}/build')
    archive = Archive(path)
    archive.add('init', f'{HERE}/init')
    archive.add('smv/lib.sh', f'{HERE}/lib.sh')
    archive.add('smv/one', f'{HERE}/one')
    if module:
        modules = os.environ.get('SMV_MODULES', f'{build}/module')
        ko = f'{modules}/{kver}/dm-snap-mv.ko'
        if os.path.exists(ko):
            archive.add('smv/dm-snap-mv.ko', ko)
        hold = f'{build}/hold/{kver}/dm-smv-hold.ko'
        if os.path.exists(hold):
            archive.add('smv/dm-smv-hold.ko', hold)
    if sanitizer.kind(kver):
        archive.add('smv/smv-canary.ko', sanitizer.canary(kver))
    seen = set()
    tool = f'{build}/snapmv'
    if os.path.exists(tool):
        add_programs(archive, [('smv/bin/snapmv', tool)], seen)
    for helper in glob.glob(f'{HERE}/helpers/*.c'):
        name = os.path.basename(helper)[:-2]
        if os.path.exists(f'{build}/helpers/{name}'):
            archive.add(f'smv/bin/{name}', f'{build}/helpers/{name}')
    for name, source in files:
        archive.add(name, source)
    archive.close()


def kernel(kver):
    """The kernel as an ELF file, which QEMU starts without unpacking it first."""
    if sanitizer.kind(kver):
        return f'{sanitizer.folder(kver)}/linux'
    source = f'{TOP}/build/kernels/{kver}/boot/vmlinuz-{kver}'
    if not os.path.exists(source):
        raise Missing(f'no {source}; run scripts/fetch-kernel')
    path = f'{TOP}/build/vm/vmlinux-{kver}'
    if os.path.exists(path) and os.stat(path).st_mtime >= os.stat(source).st_mtime:
        return path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(source, 'rb') as f:
        image = f.read()
    setup = (image[0x1f1] or 4) + 1
    offset, length = struct.unpack_from('<II', image, 0x248)
    payload = image[setup * 512 + offset:][:length]
    if payload.startswith(b'\xfd7zXZ\0'):
        elf = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b'\x28\xb5\x2f\xfd') and shutil.which('zstd'):
        elf = subprocess.run(['zstd', '-dcq'], input=payload[:-4], check=True,
                             stdout=subprocess.PIPE).stdout
    else:
        return source
    new = f'{path}.{os.getpid()}'
    with open(new, 'wb') as f:
        f.write(elf)
    os.utime(new)
    os.rename(new, path)
    return path
