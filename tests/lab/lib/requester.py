#!/usr/bin/python3
"""Sends one HTTP request after the other, each on a connection of its own, and writes a JSON line about each.

    requester.py ADDRESS PORT SECONDS_BETWEEN TIMEOUT PATH

Lines: {"begin": s, "end": s, "answer": "web1"} or {..., "error": "timed out"}; clock of day. Runs until it is stopped.
"""

import json
import socket
import sys
import time


def ask(address, port, timeout, path):
    with socket.create_connection((address, port), timeout=timeout) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
        raise OSError(head.split(b"\r\n")[0].decode(errors="replace") or "closed without an answer")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), None)
    if length is not None and length != len(body):
        raise OSError(f"{len(body)} of {length} bytes")
    return body


def main(address, port, pause, timeout, path):
    while True:
        line = {"begin": time.time()}
        try:
            line["answer"] = ask(address, int(port), float(timeout), path)[:80].decode(errors="replace").strip()
        except OSError as error:
            line["error"] = str(error) or type(error).__name__
        line["end"] = time.time()
        print(json.dumps(line), flush=True)
        time.sleep(float(pause))


if __name__ == "__main__":
    main(*sys.argv[1:])
