"""The smallest XDP program, which passes everything, for a switch port: a veth kicks the receiver of frames that its other end
transmits by XDP_TX only when the receiver has an XDP program too. (GRO alone is enough for redirected frames, not for XDP_TX.)"""

import ctypes
import os
import struct

BPF_PROG_LOAD, BPF_LINK_CREATE = 5, 28
BPF_PROG_TYPE_XDP, BPF_XDP = 6, 37
XDP_FLAGS_DRV_MODE = 1 << 2
SYS_BPF = 321 if os.uname().machine == "x86_64" else 280

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    result = _libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def attach(ifindex):
    """Attaches it to an interface of this thread's network namespace. It stays as long as the returned descriptor is open."""
    code = ctypes.create_string_buffer(struct.pack("<BBhi", 0xB7, 0, 0, 2) + struct.pack("<BBhi", 0x95, 0, 0, 0))  # return XDP_PASS
    licence = ctypes.create_string_buffer(b"GPL")
    program = _bpf(BPF_PROG_LOAD, struct.pack("<IIQQ", BPF_PROG_TYPE_XDP, 2, ctypes.addressof(code), ctypes.addressof(licence)))
    try:
        return _bpf(BPF_LINK_CREATE, struct.pack("<IIII", program, ifindex, BPF_XDP, XDP_FLAGS_DRV_MODE))
    finally:
        os.close(program)
