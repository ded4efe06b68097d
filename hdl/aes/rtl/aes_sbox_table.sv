// SPDX-License-Identifier: Apache-2.0
//
// AES S-box (FIPS 197, 5.1.1) as a constant array in logic. Latency 3; the other registers only keep step.
module aes_sbox_table (
  input  logic       clk_i,
  input  logic       zero_i,  // put out zero one cycle later
  input  logic [7:0] data_i,
  output logic [7:0] data_o
);
  logic [7:0] sub_q, sub_qq;
  always_ff @(posedge clk_i) begin
    sub_q  <= aes_pkg::SBOX_VALUES[data_i];
    sub_qq <= sub_q;
    data_o <= zero_i ? '0 : sub_qq;
  end
endmodule
