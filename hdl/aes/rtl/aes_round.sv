// SPDX-License-Identifier: Apache-2.0
//
// One AES round (FIPS 197, 5.1): SubBytes over three register stages, then ShiftRows, MixColumns and AddRoundKey before a
// fourth. Latency 4. A block may enter the cipher after this round: zero_i makes the round's own part zero, and block_i is added.
// State: byte i of the block in [8*i +: 8], which is row i mod 4, column i / 4.
// zero_i must be there two cycles after state_i, key_i and block_i three.
module aes_round
  import gcm_pkg::*;
#(
  parameter sbox_e       SBOX      = SBOX_TABLE,
  parameter bit          LAST      = 1'b0  // no MixColumns
) (
  input  logic         clk_i,
  input  logic [127:0] state_i,
  input  logic [127:0] key_i,
  input  logic         zero_i,
  input  logic [127:0] block_i,
  output logic [127:0] state_o
);
  logic [127:0] sub, mixed;

  for (genvar i = 0; i < 16; i++) begin : g_sub
    aes_sbox #(.SBOX(SBOX)) u_sbox (.clk_i, .zero_i, .data_i(state_i[8*i+:8]), .data_o(sub[8*i+:8]));
  end

  for (genvar c = 0; c < 4; c++) begin : g_column
    // ShiftRows: row r of column c comes from column c + r.
    logic [7:0] s0, s1, s2, s3;
    assign s0 = sub[8*(4*c)+:8];
    assign s1 = sub[8*(4*((c+1)%4)+1)+:8];
    assign s2 = sub[8*(4*((c+2)%4)+2)+:8];
    assign s3 = sub[8*(4*((c+3)%4)+3)+:8];
    if (LAST) begin : g_last
      assign mixed[32*c+:32] = {s3, s2, s1, s0};
    end else begin : g_mix
      logic [7:0] x0, x1, x2, x3;
      assign x0 = aes_pkg::xtime(s0);
      assign x1 = aes_pkg::xtime(s1);
      assign x2 = aes_pkg::xtime(s2);
      assign x3 = aes_pkg::xtime(s3);
      assign mixed[32*c+:32] = {
        x3 ^ s0 ^ x0 ^ s1 ^ s2, s0 ^ s1 ^ x2 ^ x3 ^ s3, s0 ^ x1 ^ x2 ^ s2 ^ s3, x0 ^ x1 ^ s1 ^ s2 ^ s3
      };
    end
  end

  always_ff @(posedge clk_i) state_o <= mixed ^ key_i ^ block_i;
endmodule
