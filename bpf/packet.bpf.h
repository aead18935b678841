/* What is known of a packet. */
#ifndef XD_BPF_PACKET_BPF_H
#define XD_BPF_PACKET_BPF_H

/* Where a key's flow stands, or would stand: see table.bpf.h. */
struct spot {
  __u32 first; /* bucket */
  __u32 tag;
};

struct packet {
  struct xd_flow_key key;
  struct spot spot;
  __u32 roles; /* of its addresses: enum xd_role */
  __u32 vlans;
  __u32 length; /* of the IP datagram: frames may be padded */
  __u16 l3;     /* offsets of the IP header */
  __u16 l4;     /* and of the transport header, whose bytes are there as far as the ports and flags */
  __u8 v6;
  __u8 ttl;
  __u8 tcp_flags; /* 0 for UDP; SCTP's INIT is TCP_SYN */
  __u8 fragment;  /* enum fragment */
  __u8 chunk;     /* SCTP: the type that the state goes by */
  __u8 version;   /* of IP, as it says itself */
  __u8 zero;
  __u32 fragment_id;
};

/* See fragment.bpf.h. */
enum fragment { WHOLE, FIRST_FRAGMENT, LATER_FRAGMENT };

#endif
