// SPDX-License-Identifier: Apache-2.0
//
// GF(2^128) of GHASH (SP 800-38D, 6.3) as polynomials: bit k of a poly_t is the coefficient of x^k. NIST writes x^0 as the
// leftmost bit of the string, the most significant bit of byte 0: to_poly reverses the bits of each byte of a block in memory order.
package ghash_pkg;
  localparam int unsigned WAYS = 5;  // interleaved accumulators = the feedback loop's registers

  typedef logic [127:0] poly_t;

  // What the result of a string is for.
  typedef enum logic [1:0] {
    USE_TAG     = 2'd0,
    USE_J0      = 2'd1,
    USE_PRODUCT = 2'd2  // a single block times H: touches no accumulator and no sum
  } ghash_use_e;

  // How a block takes part in its string.
  typedef struct packed {
    ghash_use_e used_as;
    logic       chain;      // not among the first WAYS: adds its way's accumulator
    logic [2:0] way;        // number in the string modulo WAYS
    logic [2:0] power;      // min(WAYS, blocks left), this one included
    logic       tail;       // among the last WAYS
    logic       sum_start;  // first of the tail
    logic       last;
  } ghash_ctl_t;

  function automatic poly_t to_poly(logic [127:0] block);
    poly_t p;
    for (int i = 0; i < 16; i++) for (int j = 0; j < 8; j++) p[8*i+j] = block[8*i+7-j];
    return p;
  endfunction

  // Carry-less 16 x 16.
  function automatic logic [30:0] clmul16(logic [15:0] a, logic [15:0] b);
    logic [30:0] r;
    r = '0;
    for (int i = 0; i < 16; i++) r ^= 31'(b & {16{a[i]}}) << i;
    return r;
  endfunction

  // Modulo x^128 + x^7 + x^2 + x + 1.
  function automatic poly_t reduce(logic [254:0] c);
    logic [126:0] h;
    logic [133:0] t;
    h = c[254:128];
    t = 134'(h) ^ (134'(h) << 1) ^ (134'(h) << 2) ^ (134'(h) << 7);
    return c[127:0] ^ t[127:0] ^ 128'(t[133:128]) ^ (128'(t[133:128]) << 1) ^ (128'(t[133:128]) << 2)
        ^ (128'(t[133:128]) << 7);
  endfunction
endpackage
