"""What kernel IPVS holds in a node, as ipvsadm tells it."""

import shlex


def table(node):
    """{service: {"scheduler": ..., "servers": {server: (forward, weight)}}}, from `ipvsadm -Sn`."""
    services = {}
    for line in node.run("ipvsadm -Sn").splitlines():
        words = shlex.split(line)
        option = {name: value for name, value in zip(words, words[1:]) if name.startswith("-")}
        service = option.get("-t") or option.get("-u") or "mark " + option.get("-f", "?")
        if words[0] == "-A":
            services[service] = {"scheduler": option["-s"], "servers": {}}
            if "-p" in option:
                services[service]["persistent"] = int(option["-p"])
        else:
            forward = next(word for word in words if word in ("-m", "-g", "-i"))
            services[service]["servers"][option["-r"]] = (forward, int(option["-w"]))
    return services

