"""Run a program that nobody has read, with next to no rights: the inner half of `evaluation.benchmarks.sandbox`.

A script of its own, which the sandbox starts with `python -I -S`: it imports nothing of CiteWell. It reads the program
from standard input, gives up every right, runs it, and writes the word that the sandbox gave it once the program has
ended well; a program that leaves early never gets there. Four layers, of which the last two must be in force:

- limits on time, memory, files and their size (setrlimit);
- namespaces without a network and with a small scratch folder in memory, where the kernel allows them (unshare);
- Landlock (https://docs.kernel.org/userspace-api/landlock.html): reads libraries, writes the scratch folder alone;
- seccomp (https://docs.kernel.org/userspace-api/seccomp_filter.html): no sockets, no processes, no signals, no mounts.
"""

import ctypes
import os
import platform
import resource
import struct
import sys

LIMITS = {
    resource.RLIMIT_CPU: 10,
    resource.RLIMIT_AS: 1 << 30,
    resource.RLIMIT_FSIZE: 1 << 20,
    resource.RLIMIT_NOFILE: 32,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MEMLOCK: 0,
}
"""Seconds of processor time, bytes of address space and of a file, open files."""
SCRATCH_BYTES = "size=16m,nr_inodes=256,mode=0700"
"""The scratch folder's options as a file system in memory; where it cannot be mounted, nothing may be written."""
SYSCALLS = {
    # socket connect bind socketpair clone fork vfork execve kill tkill tgkill pidfd_send_signal clone3 execveat ptrace
    # process_vm_readv process_vm_writev | chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes
    # futimesat utimensat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr truncate | mount umount2
    # pivot_root chroot unshare setns setrlimit prlimit64 | bpf perf_event_open io_uring_setup keyctl add_key
    # request_key userfaultfd shmget msgget semget mq_open
    "x86_64": (
        0xC000003E,
        "41 42 49 53 56 57 58 59 62 200 234 424 435 322 101 310 311 "
        "90 91 268 452 92 93 94 260 132 235 261 280 188 189 190 197 198 199 76 "
        "165 166 155 161 272 308 160 302 321 298 425 250 248 249 323 29 68 64 240",
    ),
    "aarch64": (
        0xC00000B7,
        "198 203 200 199 220 221 129 130 131 424 435 281 117 270 271 "
        "52 53 452 55 54 88 5 6 7 14 15 16 45 "
        "40 39 41 51 97 268 164 261 280 241 425 219 217 218 282 194 186 190 180",
    ),
}
"""Machine -> its number for seccomp (linux/audit.h), and the numbers of the system calls that are refused."""
_NAMESPACES = 0x10000000 | 0x40000000 | 0x00020000 | 0x08000000 | 0x04000000
"""clone(2): CLONE_NEWUSER, NEWNET, NEWNS, NEWIPC, NEWUTS."""
_PRIVATE = 1 << 18 | 1 << 14
"""mount(2): MS_PRIVATE, MS_REC."""
_READ = 1 << 2 | 1 << 3
"""linux/landlock.h: READ_FILE, READ_DIR."""
_RIGHTS = (1 << 13) - 1
"""All rights to files of Landlock's first version; later ones added REFER, TRUNCATE and IOCTL_DEV."""

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Lock this process down, run the program of standard input, and report its end on the descriptor that is given."""
    scratch, report, word = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    program = sys.stdin.buffer.read()
    os.chdir("/")
    for limit, value in LIMITS.items():
        resource.setrlimit(limit, (value, value))
    writable = _own_world(scratch)
    _check(libc.prctl(38, 1, 0, 0, 0), "no_new_privs")
    _landlock(scratch if writable else "")
    os.chdir(scratch)
    _seccomp()
    code = compile(program, "generated", "exec")
    exec(code, {"__name__": "__main__"})  # noqa: S102  # what all of this is for
    os.write(report, word.encode())


def _own_world(scratch: str) -> bool:
    """Leave the network and mount a small scratch folder; whether it was mounted."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_NAMESPACES):
        return False
    try:  # without a name in its own world, it could create no file there
        for file, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{file}", "w", encoding="ascii") as map_file:  # noqa: PTH123
                map_file.write(line)
    except OSError:
        return False
    libc.mount(None, b"/", None, ctypes.c_ulong(_PRIVATE), None)
    return not libc.mount(b"tmpfs", scratch.encode(), b"tmpfs", ctypes.c_ulong(0), SCRATCH_BYTES.encode())


def _landlock(scratch: str) -> None:
    version = libc.syscall(444, None, ctypes.c_size_t(0), 1)
    _check(version, "Landlock")
    rights = _RIGHTS | (1 << 13) * (version >= 2) | (1 << 14) * (version >= 3) | (1 << 15) * (version >= 5)
    attributes = struct.pack("Q", rights)
    ruleset = libc.syscall(444, attributes, ctypes.c_size_t(len(attributes)), 0)
    _check(ruleset, "Landlock")
    readable = [folder for folder in _libraries() if os.path.isdir(folder)]  # noqa: PTH112
    for folder, allowed in (*((each, _READ) for each in readable), *([(scratch, rights)] if scratch else ())):
        place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", allowed, place)
        _check(libc.syscall(445, ruleset, 1, rule, 0), "Landlock")
        os.close(place)
    _check(libc.syscall(446, ruleset, 0), "Landlock")
    os.close(ruleset)


def _libraries() -> tuple[str, ...]:
    """Python's own library, and the system's, which parts of it load."""
    own = os.path.dirname(os.__file__)  # noqa: PTH120
    return own, os.path.join(sys.base_prefix, "lib"), "/lib", "/lib64", "/usr/lib", "/usr/lib64"  # noqa: PTH118


def _seccomp() -> None:
    """Refuse the listed system calls with EPERM, and every call of another architecture or of x32."""
    machine, numbers = SYSCALLS[platform.machine()]
    refused = [int(number) for number in numbers.split()]

    def step(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("HBBI", code, yes, no, value)

    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    steps = [
        step(load, 0, 0, 4),
        step(equal, 0, len(refused) + 3, machine),
        step(load, 0, 0, 0),
        step(at_least, len(refused) + 1, 0, 0x40000000),
        *(step(equal, len(refused) - place, 0, number) for place, number in enumerate(refused)),
        step(end, 0, 0, 0x7FFF0000),
        step(end, 0, 0, 0x00050000 | 1),
    ]
    filters = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(filters))
    _check(libc.prctl(22, 2, program, 0, 0), "seccomp")


def _check(result: int, what: str) -> None:
    if result < 0:
        sys.exit(f"{what} is refused: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    main()
