"""Servers that answer as a list says: answers.py CASES.json HEARD

CASES is a list of {"name", "address", "port", "udp", "turns"}. The nth connection (or datagram) gets the nth turn, all further ones
the last. A turn is a list of words and texts: ["until", end] reads up to it, ["send", text], ["wait", seconds], "close", "reset"; without either of
these the connection stays open until the client ends it. A datagram is answered by ["send", text] and by ["echo", third, fourth byte].
HEARD gets a line of JSON for each: {"name", "heard"}. A case without turns has nobody who listens.
"""

import json
import socket
import struct
import sys
import threading
import time

LINGER_ZERO = struct.pack("ii", 1, 0)


def family(case):
    return socket.AF_INET6 if ":" in case["address"] else socket.AF_INET


def talk(connection, turn):
    heard = b""
    connection.settimeout(20)
    try:
        for word, *arguments in turn:
            if word == "until":
                while arguments[0].encode() not in heard:
                    piece = connection.recv(65536)
                    if not piece:
                        return heard
                    heard += piece
            elif word == "send":
                connection.sendall(arguments[0].encode("latin-1"))
            elif word == "wait":
                time.sleep(arguments[0])
            elif word == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
                return heard
            elif word == "close":
                return heard
        while piece := connection.recv(65536):
            heard += piece
    except OSError:
        pass
    finally:
        connection.close()
    return heard


def serve_tcp(case, tell):
    listener = socket.create_server((case["address"], case["port"]), family=family(case))

    def one(connection, turn, number):
        tell(case, number, talk(connection, turn))

    number = 0
    while True:
        connection, _ = listener.accept()
        turn = case["turns"][min(number, len(case["turns"]) - 1)]
        threading.Thread(target=one, args=(connection, turn, number), daemon=True).start()
        number += 1


def serve_udp(case, tell):
    server = socket.socket(family(case), socket.SOCK_DGRAM)
    server.bind((case["address"], case["port"]))
    number = 0
    while True:
        heard, sender = server.recvfrom(65536)
        tell(case, number, heard)
        for word, *arguments in case["turns"][min(number, len(case["turns"]) - 1)]:
            answer = bytearray(heard)
            if word == "echo":
                answer[2:4] = bytes(arguments)
            server.sendto(arguments[0].encode("latin-1") if word == "send" else bytes(answer), sender)
        number += 1


def main():
    cases, out = json.load(open(sys.argv[1])), open(sys.argv[2], "a", buffering=1)
    lock = threading.Lock()

    def tell(case, number, heard):
        with lock:
            out.write(json.dumps({"name": case["name"], "number": number, "heard": heard.decode("latin-1")}) + "\n")

    for case in cases:
        if "turns" in case:
            threading.Thread(target=serve_udp if case.get("udp") else serve_tcp, args=(case, tell), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
