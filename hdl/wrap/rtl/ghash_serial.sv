// SPDX-License-Identifier: Apache-2.0
//
// GHASH (SP 800-38D, 6.4), DIGIT bits of a block a cycle: 128 / DIGIT + 2 cycles a block and 4 for its words (Horner's rule, highest powers first).
//
// Data format: words of 32 bits of a block in memory order, word 0 first, byte i of a word in bits [8*i +: 8]. Inside, bit k is
// the coefficient of x^k (as in ghash_pkg): the bits of each byte turn round at this boundary.
module ghash_serial #(
  parameter int unsigned DIGIT = 8  // bits a cycle: 1, 2, 4, 8 or 16
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,   // zeroes all in a cycle
  input  logic [31:0] data_i,
  input  logic        key_i,     // data_i is a word of H; four set it
  input  logic        add_i,     // data_i is a word of a block; the fourth starts the multiplication. Not while busy_o
  input  logic        out_i,     // the next word of the hash. Not while busy_o
  output logic [31:0] data_o,    // a word of the hash
  output logic        busy_o
);
  if (DIGIT == 0 || 128 % DIGIT != 0 || DIGIT > 16) begin : g_check
    $error("DIGIT must divide 128 and be at most 16");
  end
  localparam int unsigned STEPS = 128 / DIGIT;
  typedef logic [127:0] poly_t;

  function automatic logic [31:0] turn(logic [31:0] w);
    logic [31:0] r;
    for (int i = 0; i < 4; i++) for (int j = 0; j < 8; j++) r[8*i+j] = w[8*i+7-j];
    return r;
  endfunction
  // x^128 times t, modulo x^128 + x^7 + x^2 + x + 1.
  function automatic poly_t fold(logic [DIGIT-1:0] t);
    poly_t w;
    w = 128'(t);
    return w ^ (w << 1) ^ (w << 2) ^ (w << 7);
  endfunction

  logic [31:0] data_q;
  logic        key_q, add_q, last_q;
  poly_t h_q, y_q, z_q;                 // H, the block yet to be multiplied, the hash
  logic [127+DIGIT:0] product, product_q;  // a digit times H
  logic [1:0] word_q;
  logic [$clog2(STEPS+1)-1:0] left_q;
  logic step_q;                         // product_q holds a digit's product

  always_comb begin
    product = '0;
    for (int i = 0; i < int'(DIGIT); i++) product ^= (128+DIGIT)'(h_q & {128{y_q[128-DIGIT+i]}}) << i;
  end
  assign data_o = turn(z_q[31:0]);

  always_ff @(posedge clk_i) begin
    data_q <= data_i;
    key_q  <= key_i;
    add_q  <= add_i;
    last_q <= add_i && word_q == 2'd3;
    if (key_q) h_q <= {turn(data_q), h_q[127:32]};
    // The hash moves over as the block is added to it, and leaves zero behind.
    if (add_q) y_q <= {z_q[31:0] ^ turn(data_q), y_q[127:32]};
    else y_q <= y_q << DIGIT;
    if (add_q || out_i) z_q <= z_q >> 32;
    else if (step_q) begin
      z_q <= (z_q << DIGIT) ^ fold(z_q[127-:DIGIT]) ^ product_q[127:0] ^ fold(product_q[127+DIGIT-:DIGIT]);
    end
    product_q <= product;
    step_q    <= left_q != '0;
    if (add_i) word_q <= word_q + 2'd1;
    if (last_q) left_q <= ($bits(left_q))'(STEPS);
    else if (left_q != '0) left_q <= left_q - 1'b1;
    if (add_i && word_q == 2'd3) busy_o <= 1'b1;
    else if (!last_q && left_q == '0) busy_o <= 1'b0;
    if (clear_i || !rst_ni) begin
      data_q    <= '0;
      key_q     <= 1'b0;
      add_q     <= 1'b0;
      last_q    <= 1'b0;
      h_q       <= '0;
      y_q       <= '0;
      z_q       <= '0;
      product_q <= '0;
      word_q    <= '0;
      left_q    <= '0;
      step_q    <= 1'b0;
      busy_o    <= 1'b0;
    end
  end
endmodule
