"""Waiting for conditions. Nothing in the lab sleeps for a number of seconds and hopes."""

import time


class Timeout(AssertionError):
    pass


def wait_for(condition, what, timeout=15.0, step=0.02):
    """Calls `condition` until it returns something true, and returns that. `what` names it in the failure."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise Timeout(f"not within {timeout:g} s: {what} (last seen: {result!r})")
        time.sleep(step)


def stays(condition, what, seconds, step=0.02):
    """The opposite: `condition` holds during all of `seconds`. For "nothing happens", which has no end to wait for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = condition()
        assert result, f"no longer true: {what} (seen: {result!r})"
        time.sleep(step)
