/* States of TCP and SCTP as kernel IPVS keeps them (net/netfilter/ipvs/ip_vs_proto_tcp.c; observed for DR packet by packet).
 *
 * DR and TUN see the client's packets only and guess the rest; NAT sees both directions. States and inputs are those of
 * IPVS: SYN before FIN before ACK, RST before all, and a segment without any of them closes.
 */
#ifndef XD_BPF_STATE_BPF_H
#define XD_BPF_STATE_BPF_H

enum tcp_side { FROM_CLIENT, FROM_SERVER, CLIENT_ONLY };
enum tcp_input { IN_SYN, IN_FIN, IN_ACK, IN_RST, IN_NOTHING };

#define NO XD_STATE_NONE
#define ES XD_STATE_ESTABLISHED
#define SS XD_STATE_SYN_SENT
#define SR XD_STATE_SYN_RECV
#define FW XD_STATE_FIN_WAIT
#define TW XD_STATE_TIME_WAIT
#define CL XD_STATE_CLOSE
#define CW XD_STATE_CLOSE_WAIT
#define LA XD_STATE_LAST_ACK
/* [side * 8 + input][state]; rows of 16 so that a mask proves the index. */
static const __u8 tcp_next[32][16] = {
    /*                               NO  ES  SS  SR  FW  TW  CL  CW  LA */
    [FROM_CLIENT * 8 + IN_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR},
    [FROM_CLIENT * 8 + IN_FIN] = {CL, CW, SS, TW, TW, TW, CL, CW, LA},
    [FROM_CLIENT * 8 + IN_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, CL},
    [FROM_CLIENT * 8 + IN_RST] = {CL, CL, CL, SR, CL, CL, CL, CL, LA},
    [FROM_CLIENT * 8 + IN_NOTHING] = {CL, CL, CL, CL, CL, CL, CL, CL, CL},
    [FROM_SERVER * 8 + IN_SYN] = {SS, ES, SS, SR, SS, SS, SS, SS, SS},
    [FROM_SERVER * 8 + IN_FIN] = {TW, FW, SS, TW, FW, TW, CL, TW, LA},
    [FROM_SERVER * 8 + IN_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, LA},
    [FROM_SERVER * 8 + IN_RST] = {CL, CL, SS, CL, CL, TW, CL, CL, CL},
    [FROM_SERVER * 8 + IN_NOTHING] = {CL, CL, CL, CL, CL, CL, CL, CL, CL},
    [CLIENT_ONLY * 8 + IN_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR},
    [CLIENT_ONLY * 8 + IN_FIN] = {CL, FW, SS, TW, FW, TW, CL, CW, LA},
    [CLIENT_ONLY * 8 + IN_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, CL},
    [CLIENT_ONLY * 8 + IN_RST] = {CL, CL, CL, SR, CL, CL, CL, CL, LA},
    [CLIENT_ONLY * 8 + IN_NOTHING] = {CL, CL, CL, CL, CL, CL, CL, CL, CL},
};
#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA

static __always_inline enum tcp_input tcp_input(__u8 flags) {
  if (flags & TCP_RST) return IN_RST;
  if (flags & TCP_SYN) return IN_SYN;
  if (flags & TCP_FIN) return IN_FIN;
  return flags & TCP_ACK ? IN_ACK : IN_NOTHING;
}

/* SCTP, in the same way (ip_vs_proto_sctp.c), by the kind of chunk: the handshake is INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, and the end
 * SHUTDOWN, SHUTDOWN ACK, SHUTDOWN COMPLETE. Data, SACK, HEARTBEAT and what has no name here are alike. */
enum sctp_input {
  IN_DATA,
  IN_INIT,
  IN_INIT_ACK,
  IN_COOKIE_ECHO,
  IN_COOKIE_ACK,
  IN_SHUTDOWN,
  IN_SHUTDOWN_ACK,
  IN_SHUTDOWN_COMPLETE,
  IN_ERROR,
  IN_ABORT
};
/* One longer than it need be: clang keeps what is 16 bytes long where libbpf does not find it. */
static const __u8 sctp_inputs[17] = {
    [1] = IN_INIT,  [2] = IN_INIT_ACK,     [6] = IN_ABORT,       [7] = IN_SHUTDOWN,           [8] = IN_SHUTDOWN_ACK,
    [9] = IN_ERROR, [10] = IN_COOKIE_ECHO, [11] = IN_COOKIE_ACK, [14] = IN_SHUTDOWN_COMPLETE,
};

enum sctp_state { NO, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL };
#define SCTP_BASE (XD_STATE_SCTP_INIT1 - I1)
/* [side * 16 + input][state]: what a state becomes. It stays where nothing stands, which is NO, for no state becomes that. */
static const __u8 sctp_next[64][16] = {
    [FROM_CLIENT * 16 + IN_DATA] = {[NO] = ES},
    [FROM_CLIENT * 16 + IN_INIT] = {[NO] = I1, [I1... IN] = IN, [RJ... CL] = IN},
    [FROM_CLIENT * 16 + IN_INIT_ACK] = {[NO... IN] = CW, [CW... CO] = CO},
    [FROM_CLIENT * 16 + IN_COOKIE_ECHO] = {[NO] = CR, [I1... IN] = IN, [CS... CR] = CR},
    [FROM_CLIENT * 16 + IN_COOKIE_ACK] = {[NO] = ES, [CE... ES] = ES},
    [FROM_CLIENT * 16 + IN_SHUTDOWN] = {[NO] = SR, [ES] = SR},
    [FROM_CLIENT * 16 + IN_SHUTDOWN_ACK] = {[NO] = CL, [I1... IN] = IN, [SS] = CL, [SA] = CL},
    [FROM_CLIENT * 16 + IN_SHUTDOWN_COMPLETE] = {[NO... IN] = CL, [SA] = CL},
    [FROM_CLIENT * 16 + IN_ERROR] = {[NO] = CL, [CE] = CL},
    [FROM_CLIENT * 16 + IN_ABORT] = {[NO... CR] = CL, [CW] = RJ, [CO... CL] = CL},
    [FROM_SERVER * 16 + IN_DATA] = {[NO] = ES},
    [FROM_SERVER * 16 + IN_INIT] = {[NO... CE] = CW, [SS... CL] = CW},
    [FROM_SERVER * 16 + IN_INIT_ACK] = {[NO... CS] = CS},
    [FROM_SERVER * 16 + IN_COOKIE_ECHO] = {[NO... CE] = CE},
    [FROM_SERVER * 16 + IN_COOKIE_ACK] = {[NO... ES] = ES},
    [FROM_SERVER * 16 + IN_SHUTDOWN] = {[NO... SS] = SS},
    [FROM_SERVER * 16 + IN_SHUTDOWN_ACK] = {[NO... CR] = SA, [SS... SA] = SA},
    [FROM_SERVER * 16 + IN_SHUTDOWN_COMPLETE] = {[NO] = CL},
    [FROM_SERVER * 16 + IN_ERROR] = {[NO... CR] = CL},
    [FROM_SERVER * 16 + IN_ABORT] = {[NO] = CL, [I1] = RJ, [IN... CL] = CL},
    [CLIENT_ONLY * 16 + IN_DATA] = {[NO] = ES, [CW] = ES},
    [CLIENT_ONLY * 16 + IN_INIT] = {[NO] = I1, [I1... CW] = IN, [RJ... CL] = IN},
    [CLIENT_ONLY * 16 + IN_INIT_ACK] = {[NO... CW] = CE},
    [CLIENT_ONLY * 16 + IN_COOKIE_ECHO] = {[NO... CW] = ES},
    [CLIENT_ONLY * 16 + IN_COOKIE_ACK] = {[NO] = ES, [CS... CR] = ES, [CO... ES] = ES},
    [CLIENT_ONLY * 16 + IN_SHUTDOWN] = {[NO] = SR, [ES] = SR},
    [CLIENT_ONLY * 16 + IN_SHUTDOWN_ACK] = {[NO] = CL, [I1... IN] = IN, [ES... SS] = CL, [SA] = CL},
    [CLIENT_ONLY * 16 + IN_SHUTDOWN_COMPLETE] = {[NO... CR] = CL, [SR... SA] = CL},
    [CLIENT_ONLY * 16 + IN_ERROR] = {[NO] = CL},
    [CLIENT_ONLY * 16 + IN_ABORT] = {[NO... CR] = CL, [CW] = RJ, [CO... CL] = CL},
};

static __always_inline __u32 next_sctp_state(const struct packet *packet, __u32 state, enum tcp_side side) {
  __u32 input = packet->chunk < 16 ? sctp_inputs[packet->chunk & 15] : IN_DATA;
  __u64 at = (side * 16 + input) * 16 + ((state ? state - SCTP_BASE : 0) & 15);
  asm volatile("" : "+r"(at));
  __u32 next = ((const __u8 *)sctp_next)[at & 1023];
  return next ? next + SCTP_BASE : state;
}

static __always_inline __u32 next_state(const struct packet *packet, __u32 state, enum tcp_side side) {
  if (packet->key.proto == IPPROTO_SCTP) return next_sctp_state(packet, state, side);
  if (packet->key.proto != IPPROTO_TCP) return XD_STATE_UDP;
  __u64 at = (side * 8 + tcp_input(packet->tcp_flags)) * 16 + (state & 15);
  asm volatile("" : "+r"(at)); /* the mask last: kernel 6.1 loses sight of bounds that it has been shown before */
  return ((const __u8 *)tcp_next)[at & 511];
}

/* UDP never is, in IPVS. */
static __always_inline int is_active(__u32 state) {
  return state == XD_STATE_ESTABLISHED || state == XD_STATE_SYN_SENT || state == XD_STATE_SYN_RECV || state == XD_STATE_SCTP_ESTABLISHED;
}

/* Connection thresholds: overloaded from `upper` connections on, until they are fewer than `lower` (without one: than 3/4 of `upper`). */
static __always_inline void judge_load(struct xd_dest *dest, int grew) {
  if (!dest->upper && !dest->overloaded) return;
  __u32 total = dest->active + dest->inactive;
  if (grew) {
    if (dest->upper && total >= dest->upper) dest->overloaded = 1;
  } else if (dest->lower ? total < dest->lower : total * 4 < dest->upper * 3) {
    dest->overloaded = 0;
  }
}

/* Counts of a destination's flows. Whoever changes a flow's state, and nobody else, moves its count; making a flow moves it
 * from NONE, forgetting one back to NONE. */
static __always_inline void move_count(struct xd_dest *dest, __u32 from, __u32 to) {
  if (from != XD_STATE_NONE) __sync_fetch_and_add(is_active(from) ? &dest->active : &dest->inactive, -1);
  if (to != XD_STATE_NONE) __sync_fetch_and_add(is_active(to) ? &dest->active : &dest->inactive, 1);
  if (from == XD_STATE_NONE) judge_load(dest, 1);
  if (to == XD_STATE_NONE) judge_load(dest, 0);
  if (dest->group) { /* who carries least there is to be found out anew */
    __u32 group = dest->group;
    struct xd_slot *slot = bpf_map_lookup_elem(&xd_rings, &group);
    if (slot && !slot->cursor) slot->cursor = 1;
  }
}

/* The same, unless the place of the destination is another one's by now. */
static __always_inline void count_state(__u32 dest_index, __u32 generation, __u32 from, __u32 to) {
  struct xd_dest *dest = bpf_map_lookup_elem(&xd_dests, &dest_index);
  if (dest && (__u16)dest->generation == (__u16)generation) move_count(dest, from, to);
}

/* Nearly all packets: a connection that is established stays so. */
static __always_inline int is_steady(const struct packet *packet, __u32 state) {
  return state == XD_STATE_ESTABLISHED && (packet->tcp_flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) == TCP_ACK;
}

static __always_inline int is_established(__u32 state) { return state == XD_STATE_ESTABLISHED || state == XD_STATE_SCTP_ESTABLISHED; }

/* The template that placed a connection keeps its client from now on, see is_dispensable(). */
__attribute__((noinline)) int xd_assure(__u32 place) {
  struct xd_flow *template = flow_at(place);
  if (template && template->flags & XD_FLOW_TEMPLATE && template->state != XD_STATE_ESTABLISHED) template->state = XD_STATE_ESTABLISHED;
  return 0;
}

static __always_inline void assure(const struct xd_flow *flow) {
  if (flow->flags & XD_FLOW_PERSISTENT) xd_assure(flow->control);
}

static __always_inline void change_state(struct xd_flow *flow, __u32 from, __u32 to) {
  if (from == to || __sync_val_compare_and_swap(&flow->state, from, to) != from) return;
  if (is_established(to)) assure(flow);
  if (to == XD_STATE_NONE || is_active(from) != is_active(to)) count_state(flow->dest, flow->generation, from, to);
}

#endif
