// SPDX-License-Identifier: Apache-2.0
//
// hmac with plain ports and more outputs: what its registers hold is zero.
module hmac_tb
  import sha2_pkg::*;
  import hmac_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  logic [1:0]   alg_i,
  input  logic         verify_i,
  input  logic [6:0]   key_len_i,
  input  logic [6:0]   mac_len_i,
  input  logic [511:0] key_i,
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,
  input  logic [3:0]   in_bytes_i,
  input  logic         in_last_i,
  input  logic [511:0] expect_i,
  output logic         res_valid_o,
  input  logic         res_ready_i,
  output logic         res_ok_o,
  output logic [511:0] res_mac_o,
  output logic         key_zero_o,   // the key register
  output logic         hash_zero_o,  // all of sha2, which holds what is derived from the key
  output logic         zero_o        // everything
);
  hmac dut (
    .*,
    .req_i('{alg: alg_e'(alg_i), verify: verify_i, key_len: key_len_i, mac_len: mac_len_i})
  );
  assign key_zero_o  = dut.key_q == '0;
  assign hash_zero_o = dut.u_sha2.u_core.u_zero.zero_o && dut.u_sha2.u_pad.u_zero.zero_o;
  assign zero_o      = key_zero_o && hash_zero_o && dut.u_zero.zero_o;
endmodule
