"""Being in another network namespace for one call."""

import ctypes
import os
import socket

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def inside(namespace, function):
    """Calls the function in a named network namespace. Only this thread goes there, and it comes back."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if _libc.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {namespace}")
        try:
            return function()
        finally:
            if _libc.setns(here, CLONE_NEWNET) != 0:
                os._exit(70)  # a thread lost in another namespace must not go on
    finally:
        os.close(here)
        os.close(there)


def socket_in(namespace, *arguments):
    """A socket that belongs to a named network namespace."""
    return inside(namespace, lambda: socket.socket(*arguments))
