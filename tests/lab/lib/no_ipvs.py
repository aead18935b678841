"""keepalived where the kernel has no IPVS. Its checkers do not start there; with this library before libnl its commands to IPVS are
answered with "done" and go nowhere, and everything else is as it is.
"""

SOURCE = """
typedef int callback(void *message, void *argument);
static callback *functions[16];
static void *arguments[16];
int genl_connect(void *sock) { return 0; }
int genl_ctrl_resolve(void *sock, const char *name) { return 42; }
int nl_socket_modify_cb(void *sock, int type, int kind, callback *function, void *argument) {
  functions[type] = function;
  arguments[type] = argument;
  return 0;
}
int nl_send_auto(void *sock, void *message) { return 1; }
int nl_recvmsgs_default(void *sock) {
  enum { finish = 1, ack = 4 };
  if (functions[ack]) functions[ack](0, arguments[ack]);
  if (functions[finish]) functions[finish](0, arguments[finish]);
  return 0;
}
"""


def environment(node):
    """For Daemon(node, ..., program=KEEPALIVED, environment=...)."""
    source, library = node.directory / "no_ipvs.c", node.directory / "no_ipvs.so"
    source.write_text(SOURCE)
    node.run(["cc", "-shared", "-fPIC", "-o", library, source])
    return {"LD_PRELOAD": str(library)}
