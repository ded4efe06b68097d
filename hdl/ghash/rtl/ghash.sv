// SPDX-License-Identifier: Apache-2.0
//
// GHASH (SP 800-38D, 6.4), a block a cycle. The blocks of a string are spread over WAYS accumulators: with `left` blocks to
// come, this one included, a block is multiplied by H^min(WAYS, left); all but the last WAYS products go back into the accumulator of
// their way, the last WAYS are summed, so interleaving costs nothing at a string's end and strings of different keys follow
// each other without a bubble. The multiplier is a 3-level Karatsuba of 27 16-bit products.
//
// Times, from a block at the input: powers of H read 2, accumulator added 3, Karatsuba sums 4, products 5,
// combined 6, reduced 7: the loop from accumulator to accumulator is WAYS = 5 cycles. Result at 8.
//
// While wipe_i, with rst_ni low, every accumulator takes the product of each cycle, which is zero once the powers are.
module ghash
  import ghash_pkg::*;
#(
  parameter  int unsigned SLOTS = 64,
  localparam int unsigned IW    = $clog2(SLOTS)
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  input  logic          wipe_i,
  // Powers of H of a slot: power 1 to 5.
  input  logic          write_i,
  input  logic [IW-1:0] write_slot_i,
  input  logic [2:0]    write_power_i,
  input  poly_t         write_h_i,
  // A block.
  input  logic          valid_i,
  input  ghash_ctl_t    ctl_i,
  input  logic [IW-1:0] slot_i,
  input  poly_t         block_i,
  // The hash of a string, or a bare product.
  output logic          done_o,
  output ghash_use_e    use_o,
  output poly_t         hash_o
);
  (* ram_style = "block", no_rw_check *) poly_t powers[8*SLOTS];

  logic       valid_q[8];
  ghash_ctl_t ctl_q[8];
  assign valid_q[0] = valid_i;
  assign ctl_q[0]   = ctl_i;
  for (genvar t = 1; t < 8; t++) begin : g_time
    always_ff @(posedge clk_i) begin
      valid_q[t] <= valid_q[t-1] & rst_ni;
      ctl_q[t]   <= ctl_q[t-1];
    end
  end

  poly_t x1_q, x2_q, h1_q, h2_q, h3_q, y3_q, r7_q;
  logic [8:0][47:0] ys_q, hs_q;
  logic [26:0][30:0] p_q;
  logic [8:0][62:0]  m;
  logic [254:0]     c_q;

  // Accumulators, one a way. A block's is chosen a cycle before it is added; the values that are still under way then, of the
  // blocks five and six cycles before, are taken from r7_q.
  poly_t acc_q[WAYS], acc, a2_q;
  logic [WAYS-1:0] from_q;  // the accumulator to add to the block now in x1_q
  logic            fresh_q; // its value is in r7_q only now
  logic [WAYS-1:0] keep_q;  // the accumulator that takes r7_q
  logic            late_q;  // the block five cycles before is of the same way
  /* verilator lint_off UNUSEDSIGNAL */
  function automatic logic feeds(logic valid, ghash_ctl_t older, ghash_ctl_t newer);
    /* verilator lint_on UNUSEDSIGNAL */
    feeds = valid && !older.tail && newer.chain && older.way == newer.way;
  endfunction
  always_comb begin
    acc = '0;
    for (int w = 0; w < int'(WAYS); w++) acc |= acc_q[w] & {128{from_q[w]}};
    if (fresh_q) acc = r7_q;
  end

  function automatic logic [8:0][47:0] sums(poly_t a);
    logic [8:0][31:0] s;
    s[0] = a[31:0];
    s[1] = a[63:32];
    s[2] = a[31:0] ^ a[63:32];
    s[3] = a[95:64];
    s[4] = a[127:96];
    s[5] = a[95:64] ^ a[127:96];
    s[6] = a[31:0] ^ a[95:64];
    s[7] = a[63:32] ^ a[127:96];
    s[8] = s[2] ^ s[5];
    for (int i = 0; i < 9; i++) sums[i] = {s[i][31:16] ^ s[i][15:0], s[i]};
  endfunction

  // Products of halves and of their sums to 63-bit products.
  function automatic logic [8:0][62:0] joined(logic [26:0][30:0] p);
    for (int i = 0; i < 9; i++) begin
      joined[i] = 63'(p[3*i]) ^ ((63'(p[3*i+2]) ^ 63'(p[3*i]) ^ 63'(p[3*i+1])) << 16) ^ (63'(p[3*i+1]) << 32);
    end
  endfunction

  // Three 63-bit products to one of 127 bits.
  function automatic logic [126:0] combine64(logic [62:0] lo, logic [62:0] hi, logic [62:0] mid);
    return 127'(lo) ^ ((127'(lo) ^ 127'(hi) ^ 127'(mid)) << 32) ^ (127'(hi) << 64);
  endfunction

  assign m = joined(p_q);
  logic [126:0] lo, hi, mid;
  assign lo  = combine64(m[0], m[1], m[2]);
  assign hi  = combine64(m[3], m[4], m[5]);
  assign mid = combine64(m[6], m[7], m[8]);

  always_ff @(posedge clk_i) begin
    if (write_i) powers[{write_slot_i, write_power_i}] <= write_h_i;
    h1_q <= powers[{slot_i, ctl_i.power}];
    h2_q <= h1_q;
    x1_q <= block_i;
    x2_q <= x1_q;
    for (int w = 0; w < int'(WAYS); w++) from_q[w] <= ctl_q[0].chain && ctl_q[0].way == 3'(w);
    fresh_q <= feeds(valid_q[6], ctl_q[6], ctl_q[0]);
    a2_q   <= acc;
    late_q <= feeds(valid_q[6], ctl_q[6], ctl_q[1]);
    y3_q <= x2_q ^ (late_q ? r7_q : a2_q);
    h3_q <= h2_q;
    ys_q <= sums(y3_q);
    hs_q <= sums(h3_q);
    for (int i = 0; i < 27; i++) p_q[i] <= clmul16(ys_q[i/3][16*(i%3)+:16], hs_q[i/3][16*(i%3)+:16]);
    c_q  <= 255'(lo) ^ ((255'(lo) ^ 255'(hi) ^ 255'(mid)) << 64) ^ (255'(hi) << 128);
    r7_q <= reduce(c_q);
    for (int w = 0; w < int'(WAYS); w++) begin
      keep_q[w] <= (valid_q[6] && !ctl_q[6].tail && ctl_q[6].way == 3'(w)) || wipe_i;
      if (keep_q[w]) acc_q[w] <= r7_q;
    end
  end

  poly_t sum_q, sum;
  logic  sum_keep_q, sum_start_q, product_q;
  assign sum = (sum_start_q ? '0 : sum_q) ^ r7_q;
  always_ff @(posedge clk_i) begin
    sum_keep_q <= (valid_q[6] && ctl_q[6].tail && ctl_q[6].used_as != USE_PRODUCT) || wipe_i;
    sum_start_q <= ctl_q[6].sum_start || wipe_i;
    product_q  <= ctl_q[6].used_as == USE_PRODUCT;
    if (sum_keep_q) sum_q <= sum;
    done_o <= rst_ni && valid_q[7] && ctl_q[7].last;
    use_o  <= ctl_q[7].used_as;
    hash_o <= product_q ? r7_q : sum;
  end
endmodule
