/* SCTP's checksum, changed by what changed.
 *
 * It is a CRC32c of the whole packet without any address, so by NAT only a port that changes touches it. A CRC is linear: the difference of the
 * old and new ports, moved on by the packet's length, is the difference of the checksums, whatever lies between. Polynomials of 32 bits
 * have their lowest power in the highest bit, as the checksum has it.
 */
#ifndef XD_BPF_CRC32C_BPF_H
#define XD_BPF_CRC32C_BPF_H

#define CRC32C 0x82f63b78u

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LITTLE_ENDIAN_32(word) (word)
#else
#define LITTLE_ENDIAN_32(word) __builtin_bswap32(word)
#endif

/* x to the power of 8 * d * 16^n, by n and d: what moves a difference on by d * 16^n bytes. */
static const __u32 crc32c_moves[4][16] = {
    {0x80000000, 0x00800000, 0x00008000, 0x00000080, 0x82f63b78, 0xfbc3faf9, 0x8b277743, 0x52a0c93f, 0x6ea2d55c, 0x1c08b7d6, 0xf56e0ef4,
     0x34019664, 0xa66805eb, 0x7a1f6b24, 0xe75d06aa, 0xc94ec098},
    {0x80000000, 0x18b8ea18, 0x510ac59a, 0xb2dea967, 0xb82be955, 0x36c41f1c, 0x19b29a35, 0xc9e90b9e, 0xb8fdb1e7, 0xe55ef1f3, 0x1fe0b5c3,
     0xe0553f1e, 0x18e4a304, 0x2b830011, 0x56993a31, 0x0246e2e6},
    {0x80000000, 0x88e56f72, 0x74c360a4, 0x631bb273, 0xe4172b16, 0x71892b1b, 0x835305c9, 0x196b1eae, 0x0d65762a, 0xafc81338, 0xb5a50ab7,
     0xf373c3ac, 0x5f60970f, 0xd46d3063, 0x3a5275ea, 0x02331c01},
    {0x80000000, 0x35d73a62, 0x28461564, 0x43eefc9f, 0xbf455269, 0x5edcdeb9, 0x65059450, 0x4e6f41a4, 0xe2ea32dc, 0xf5b95b32, 0x695a4c87,
     0xf204502c, 0x9a4f01b6, 0x941a0916, 0x4303cb97, 0x4c3d3d65},
};

/* Product of two polynomials. Without branches: the verifier walks it once. */
__attribute__((noinline)) __u32 xd_crc32c_product(__u32 a, __u32 b) {
  __u32 product = 0;
#pragma clang loop unroll(disable)
  for (__u32 i = 0; i < 32; i++) {
    product ^= b & -(a >> 31);
    a <<= 1;
    b = b >> 1 ^ (CRC32C & -(b & 1));
  }
  return product;
}

/* The checksum of a packet of so many bytes after its first four, the ports, have changed. */
static __always_inline __u32 crc32c_after(__u32 crc, __u32 ports, __u32 new_ports, __u32 length) {
  __u32 difference = LITTLE_ENDIAN_32(ports ^ new_ports);
#pragma clang loop unroll(full)
  for (__u32 n = 0; n < 4; n++) {
    __u32 digit = length >> (4 * n) & 15;
    if (digit) difference = xd_crc32c_product(difference, crc32c_moves[n][digit]);
  }
  return crc ^ LITTLE_ENDIAN_32(difference);
}

#endif
