"""What two daemons' adverts must have in common."""


def same_but_for_priority(first, second, pseudo_header, ttl=True):
    """Byte for byte the same message but for the priority, and the checksum that follows from it and, with a pseudo-header, from the
    addresses. What the IP header says is the same as well; without `ttl`, but for that."""
    strip = [2, 6, 7]  # priority, checksum
    bytes_of = [bytes(b for i, b in enumerate(advert.message) if i not in strip) for advert in (first, second)]
    assert bytes_of[0] == bytes_of[1], f"{first.message.hex()} and {second.message.hex()}"
    for field in ("tos", *(["ttl"] if ttl else []), *([] if pseudo_header else ["auth_type", "password"])):
        assert getattr(first, field) == getattr(second, field), f"the two daemons differ in {field}"
    assert first.faults == second.faults == ()
