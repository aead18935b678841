/* From the frame's first byte to the transport header. Each step proves its bytes right before it reads them. */
#ifndef XD_BPF_PARSE_BPF_H
#define XD_BPF_PARSE_BPF_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#ifndef IPPROTO_VRRP
#define IPPROTO_VRRP 112
#endif
#define XD_PARSED XD_REASON_COUNT /* no verdict yet */

enum tcp_flag { TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_ACK = 0x10 };

struct packet {
  struct ethhdr *eth;
  struct iphdr *ip;
  void *l4; /* TCP or UDP header, proved as far as its checksum */
  void *data_end;
  __u32 vlans;         /* as in xd_hop */
  __u32 length;        /* of the IP datagram: frames may be padded */
  __u8 tcp_flags;      /* 0 for UDP */
  __u32 maybe_partial; /* some interface gives us partial checksums, see checksum.bpf.h */
  struct xd_flow_key key;
};

struct vlan_tag {
  __be16 tci;
  __be16 type;
};

static __always_inline int is_vlan(__be16 type) { return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD); }

static __always_inline enum xd_reason parse_ip(struct xdp_md *ctx, struct packet *packet) {
  void *data = (void *)(long)ctx->data;
  void *end = (void *)(long)ctx->data_end;

  packet->data_end = end;
  packet->eth = data;
  if ((void *)(packet->eth + 1) > end) return XD_TRUNCATED;
  __be16 type = packet->eth->h_proto;
  struct iphdr *ip = (void *)(packet->eth + 1);
  packet->vlans = 0;

  if (is_vlan(type)) {
    struct vlan_tag *tag = (void *)ip;
    if ((void *)(tag + 1) > end) return XD_TRUNCATED;
    packet->vlans = (bpf_ntohs(tag->tci) & 0xfff) << 16;
    type = tag->type;
    ip = (void *)(tag + 1);
    if (is_vlan(type)) {
      tag = (void *)ip;
      if ((void *)(tag + 1) > end) return XD_TRUNCATED;
      packet->vlans |= bpf_ntohs(tag->tci) & 0xfff;
      type = tag->type;
      ip = (void *)(tag + 1);
    }
  }
  if (type == bpf_htons(ETH_P_IPV6)) return XD_IPV6;
  if (type != bpf_htons(ETH_P_IP)) return XD_NOT_IP;
  if ((void *)(ip + 1) > end) return XD_TRUNCATED;
  packet->ip = ip;
  packet->length = bpf_ntohs(ip->tot_len);
  return XD_PARSED;
}

/* What only a packet of ours must satisfy. */
static __always_inline enum xd_reason parse_transport(struct packet *packet) {
  struct iphdr *ip = packet->ip;

  if (ip->ihl != 5 || ip->version != 4) return ip->version == 4 && ip->ihl > 5 ? XD_IP_OPTIONS : XD_TRUNCATED;
  if (ip->frag_off & bpf_htons(0x3fff)) return XD_FRAGMENT; /* more fragments, or an offset */
  if ((void *)ip + packet->length > packet->data_end) return XD_TRUNCATED;

  packet->l4 = ip + 1;
  packet->tcp_flags = 0;
  if (ip->protocol == IPPROTO_TCP) {
    struct tcphdr *tcp = packet->l4;
    if ((void *)(tcp + 1) > packet->data_end || packet->length < sizeof(*ip) + sizeof(*tcp)) return XD_TRUNCATED;
    packet->tcp_flags = ((__u8 *)tcp)[13];
  } else if (ip->protocol == IPPROTO_UDP) {
    struct udphdr *udp = packet->l4;
    if ((void *)(udp + 1) > packet->data_end || packet->length < sizeof(*ip) + sizeof(*udp)) return XD_TRUNCATED;
  } else {
    return ip->protocol == IPPROTO_ICMP ? XD_ICMP : XD_PROTOCOL;
  }
  struct udphdr *ports = packet->l4; /* TCP's ports stand in the same place */
  packet->key.saddr = ip->saddr;
  packet->key.daddr = ip->daddr;
  packet->key.sport = ports->source;
  packet->key.dport = ports->dest;
  packet->key.proto = ip->protocol;
  return XD_PARSED;
}

#endif
