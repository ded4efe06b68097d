// SPDX-License-Identifier: Apache-2.0
//
// AES S-box, the architecture chosen by a parameter; all have a latency of 3 and are proved equal in tb/aes.rs.
module aes_sbox
  import gcm_pkg::*;
#(
  parameter sbox_e SBOX = SBOX_TABLE
) (
  input  logic       clk_i,
  input  logic       zero_i,  // put out zero one cycle later
  input  logic [7:0] data_i,
  output logic [7:0] data_o
);
  if (SBOX == SBOX_TOWER) begin : g_tower
    aes_sbox_tower u_sbox (.clk_i, .zero_i, .data_i, .data_o);
  end else if (SBOX == SBOX_BRAM) begin : g_bram
    aes_sbox_bram u_sbox (.clk_i, .zero_i, .data_i, .data_o);
  end else begin : g_table
    aes_sbox_table u_sbox (.clk_i, .zero_i, .data_i, .data_o);
  end
endmodule
