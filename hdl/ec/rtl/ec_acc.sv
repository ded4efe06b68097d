// SPDX-License-Identifier: Apache-2.0
//
// Sums of rows, digit by digit, and the pass of carries that every row takes on its way to the memory: a digit keeps its low 17 bits and
// takes what its neighbour has above them, at most 7.
//
// A term is added or subtracted, or left out with no difference in time. To subtract, the sum is inverted before the term is added, and stays
// so: ~s + r = ~(s - r); before the next term that is added it is inverted again. A digit below zero must not remain: microcode adds a
// multiple of the modulus that covers what it subtracts, and adds it last. Digits written one by one go through the same pass, while the
// sum is zero.
module ec_acc
  import ec_pkg::*;
(
  input  logic       clk_i,
  input  logic       clear_i,
  // Term
  input  logic       zero_i,      // the sum is zero
  input  logic       add_i,
  input  logic       first_i,     // of a sum
  input  logic       invert_i,    // the sum so far
  input  row_t       row_i,
  // What passes
  input  logic       product_valid_i,
  input  sum_t       product_i,
  input  logic [K-1:0] digit_i,   // zero but when a single digit is written
  output row_t       row_o        // one cycle later
);
  sum_t sum_q, passing;
  always_comb begin
    for (int j = 0; j < DIGITS; j++) passing[j] = (product_valid_i ? product_i[j] : sum_q[j]) | 20'(digit_i);
  end
  always_ff @(posedge clk_i) begin
    // Zero rather than a choice among the adder's inputs: the registers' own reset.
    if (zero_i) sum_q <= '0;
    else if (add_i) begin
      for (int j = 0; j < DIGITS; j++) sum_q[j] <= (first_i ? {20{invert_i}} : sum_q[j] ^ {20{invert_i}}) + 20'(row_i[j]);
    end
    row_o[0] <= 18'(passing[0][K-1:0]);
    for (int j = 1; j < DIGITS - 1; j++) row_o[j] <= 18'(passing[j][K-1:0]) + 18'(passing[j-1][K+2:K]);
    // The carry out of a comparison stays in the top digit.
    row_o[DIGITS-1] <= passing[DIGITS-1][K:0] + 18'(passing[DIGITS-2][K+2:K]);
    if (clear_i) row_o <= '0;
  end
endmodule
