"""A mail server that takes everything and writes each mail's envelope and text to a file, one JSON object a line.

    python3 mail_sink.py ADDRESS PORT FILE
"""

import json
import socketserver
import sys


class Conversation(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        mail = {"helo": "", "from": "", "to": [], "text": ""}
        self.say("220 sink")
        for line in iter(self.rfile.readline, b""):
            words = line.decode().strip()
            verb = words.split(" ")[0].upper()
            if verb == "EHLO":
                self.say("502 only HELO here")
            elif verb == "HELO":
                mail["helo"] = words[5:]
                self.say("250 sink")
            elif verb in ("MAIL", "RCPT"):
                address = words.split(":", 1)[1].strip()
                mail["from"] = address if verb == "MAIL" else mail["from"]
                mail["to"] += [address] if verb == "RCPT" else []
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                text = []
                for part in iter(self.rfile.readline, b".\r\n"):
                    if not part:
                        return
                    text.append(part.decode())
                mail["text"] = "".join(text)
                with open(sys.argv[3], "a", encoding="utf-8") as out:
                    out.write(json.dumps(mail) + "\n")
                mail = {"helo": mail["helo"], "from": "", "to": [], "text": ""}
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


if __name__ == "__main__":
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer((sys.argv[1], int(sys.argv[2])), Conversation) as server:
        server.daemon_threads = True
        server.serve_forever()
