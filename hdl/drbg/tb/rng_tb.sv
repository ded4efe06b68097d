// SPDX-License-Identifier: Apache-2.0
//
// Health tests and generator together, as a device has them.
module rng_tb (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  input  logic         raw_valid_i,
  output logic         raw_ready_o,
  input  logic [31:0]  raw_i,
  input  logic         reseed_i,
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  logic [7:0]   req_blocks_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [63:0]  out_o,
  output logic         out_last_o,
  input  logic         test_start_i,
  output logic         test_done_o,
  output logic         test_ok_o,
  input  logic         test_fault_i,
  output logic         seeded_o,
  output logic         error_o,
  output logic         regs_zero_o,
  output logic         zero_o
);
  logic valid, alarm;
  logic [31:0] word;
  entropy_health u_health (.*, .out_valid_o(valid), .out_o(word), .ready_o(), .alarm_o(alarm), .cause_o());
  drbg dut (.*, .ent_valid_i(valid), .ent_ready_o(), .ent_i(word), .alarm_i(alarm));
  assign regs_zero_o = dut.u_zero.zero_o && dut.u_core.u_zero.zero_o && dut.u_core.u_hmac.u_zero.zero_o &&
                  dut.u_core.u_hmac.u_sha2.u_core.u_zero.zero_o && dut.u_core.u_hmac.u_sha2.u_pad.u_zero.zero_o;
  assign zero_o = regs_zero_o && dut.u_zero.seed_zero_o && dut.u_core.u_zero.words_zero_o && dut.u_core.u_hmac.u_zero.words_zero_o;
endmodule
