// SPDX-License-Identifier: Apache-2.0
//
// AES S-box (FIPS 197, 5.1.1) in the tower field GF(((2^2)^2)^2): the circuit of J. Boyar and R. Peralta,
// "A small depth-16 circuit for the AES S-box" (2012), 128 gates, cut in three, before and after the inversion in GF(2^4).
// Latency 3. Names are the paper's, which numbers bits from the most significant: u0 is bit 7. Two modules, because a state's long way
// ends in the first, which must be quick, while the second, whose inputs are near, may be small.
module aes_sbox_tower (
  input  logic       clk_i,
  input  logic       zero_i,  // put out zero one cycle later
  input  logic [7:0] data_i,
  output logic [7:0] data_o
);
  logic [17:0] linear;
  logic [3:0]  norm;
  aes_tower_in u_in (.clk_i, .data_i, .linear_o(linear), .norm_o(norm));
  aes_tower_out u_out (.clk_i, .zero_i, .linear_i(linear), .norm_i(norm), .data_o);
endmodule
