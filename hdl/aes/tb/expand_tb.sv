// SPDX-License-Identifier: Apache-2.0
//
// aes_key_expand, and whether its registers are free of the key.
module expand_tb
  import gcm_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  input  key_size_e    size_i,
  input  logic [255:0] key_i,
  output logic         write_o,
  output logic [3:0]   ram_o,
  output logic [127:0] key_o,
  output logic         done_o,
  output logic         clean_o
);
  aes_key_expand u_expand (.valid_i(start_i), .*);
  always_comb begin
    clean_o = u_expand.key_q == '0 && u_expand.part_q == '0;
    for (int i = 0; i < 8; i++) clean_o &= u_expand.win_q[i] == '0;
  end
endmodule
