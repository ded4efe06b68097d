// SPDX-License-Identifier: Apache-2.0
//
// AES S-box and its inverse (FIPS 197, 5.1.1 and 5.3.2) over one forward S-box of any architecture. With A the matrix of the affine
// map, S(x) = A(1/x) + 63, so the inverse S-box is L(S(L(y))) where L(y) = A^-1(y + 63): L before and L after.
// Latency 4; inverse_i must be steady while a byte is inside. flush_i holds the register of this module at zero; those of the forward
// S-box then follow with S(0) in three cycles.
module aes_sbox_both
  import gcm_pkg::*;
#(
  parameter sbox_e SBOX = SBOX_TABLE
) (
  input  logic       clk_i,
  input  logic       flush_i,
  input  logic       inverse_i,
  input  logic [7:0] data_i,
  output logic [7:0] data_o
);
  // FIPS 197, 5.3.2: bit i of A^-1(b) is b(i+2) + b(i+5) + b(i+7); A^-1(63) is 05.
  function automatic logic [7:0] inverse_affine(logic [7:0] b);
    return {b[1:0], b[7:2]} ^ {b[4:0], b[7:5]} ^ {b[6:0], b[7]} ^ 8'h05;
  endfunction

  logic [7:0] pre_q, sub;
  aes_sbox #(.SBOX(SBOX)) u_sbox (.clk_i, .zero_i(1'b0), .data_i(pre_q), .data_o(sub));
  always_ff @(posedge clk_i) begin
    pre_q <= inverse_i ? inverse_affine(data_i) : data_i;
    if (flush_i) pre_q <= '0;
  end
  assign data_o = inverse_i ? inverse_affine(sub) : sub;
endmodule
