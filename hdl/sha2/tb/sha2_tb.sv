// SPDX-License-Identifier: Apache-2.0
//
// sha2 with one more output: all its registers are zero.
module sha2_tb
  import sha2_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  logic [1:0]   req_alg_i,
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,
  input  logic [3:0]   in_bytes_i,
  input  logic         in_last_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [511:0] out_digest_o,
  output logic         zero_o
);
  sha2 dut (.*, .req_alg_i(alg_e'(req_alg_i)));
  assign zero_o = dut.u_core.u_zero.zero_o && dut.u_pad.u_zero.zero_o && !dut.start_q;
endmodule
