// SPDX-License-Identifier: Apache-2.0
//
// hmac_drbg_core with plain ports, so that vectors choose entropy, nonce, personalization and additional input; and two
// more outputs: its registers are zero; its memories are too.
module drbg_core_tb
  import drbg_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  input  logic         cmd_valid_i,
  output logic         cmd_ready_o,
  input  logic [1:0]   cmd_op_i,
  input  logic         cmd_data_i,
  input  logic [7:0]   cmd_blocks_i,
  input  logic         data_valid_i,
  output logic         data_ready_o,
  input  logic [63:0]  data_i,
  input  logic [3:0]   data_bytes_i,
  input  logic         data_last_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [63:0]  out_o,
  output logic         out_last_o,
  output logic         idle_o,
  output logic         seeded_o,
  output logic         due_o,
  output logic         regs_zero_o,
  output logic         zero_o
);
  hmac_drbg_core #(.RESEED_INTERVAL(48'd5)) dut (.*, .cmd_op_i(op_e'(cmd_op_i)));
  assign regs_zero_o = dut.u_zero.zero_o && dut.u_hmac.u_zero.zero_o &&
                  dut.u_hmac.u_sha2.u_core.u_zero.zero_o && dut.u_hmac.u_sha2.u_pad.u_zero.zero_o;
  assign zero_o = regs_zero_o && dut.u_zero.words_zero_o && dut.u_hmac.u_zero.words_zero_o;
endmodule
