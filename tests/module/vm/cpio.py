# SPDX-License-Identifier: GPL-2.0
"""Writes cpio archives ("newc"), as the kernel unpacks them at boot.

Written here rather than by cpio(1) so that device nodes, modes and owners need
no root and no staging directory.
"""

import os
import stat


class Archive:
    """An archive being written. Directories above a file are added as needed."""

    def __init__(self, path):
        self.file = open(path, 'wb')
        self.inode = 1
        self.dirs = {''}

    def _entry(self, name, mode, data=b'', rdev=(0, 0)):
        self.inode += 1
        raw = name.encode() + b'\0'
        fields = [self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0]
        head = b'070701' + b''.join(b'%08X' % f for f in fields) + raw
        self.file.write(head + b'\0' * (-len(head) % 4))
        self.file.write(data)
        self.file.write(b'\0' * (-len(data) % 4))

    def mkdir(self, name):
        name = name.strip('/')
        if name in self.dirs:
            return
        self.mkdir(os.path.dirname(name))
        self.dirs.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def write(self, name, data, mode=0o644):
        name = name.strip('/')
        self.mkdir(os.path.dirname(name))
        self._entry(name, stat.S_IFREG | mode, data)

    def add(self, name, path):
        """The file at path, following links, with its execute bits."""
        with open(path, 'rb') as f:
            mode = 0o755 if os.stat(path).st_mode & 0o111 else 0o644
            self.write(name, f.read(), mode)

    def link(self, name, target):
        name = name.strip('/')
        self.mkdir(os.path.dirname(name))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, mode, major, minor):
        name = name.strip('/')
        self.mkdir(os.path.dirname(name))
        self._entry(name, mode, b'', (major, minor))

    def close(self):
        self._entry('TRAILER!!!', 0)
        self.file.write(b'\0' * (-self.file.tell() % 512))
        self.file.close()
