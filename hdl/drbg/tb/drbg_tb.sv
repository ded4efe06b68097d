// SPDX-License-Identifier: Apache-2.0
//
// drbg with more outputs: its registers are zero.
module drbg_tb #(
  parameter int unsigned H_MILLI = 500
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  input  logic         ent_valid_i,
  output logic         ent_ready_o,
  input  logic [31:0]  ent_i,
  input  logic         alarm_i,
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
  output logic         seed_zero_o,  // the seed material's registers
  output logic         regs_zero_o,  // every register
  output logic         zero_o        // everything, memories too
);
  drbg #(.H_MILLI(H_MILLI), .RESEED_INTERVAL(48'd4), .CLOCK_GATES(1'b1)) dut (.*);
  assign seed_zero_o = dut.u_zero.seed_zero_o;
  assign regs_zero_o = dut.u_zero.zero_o && dut.u_core.u_zero.zero_o && dut.u_core.u_hmac.u_zero.zero_o &&
                  dut.u_core.u_hmac.u_sha2.u_core.u_zero.zero_o && dut.u_core.u_hmac.u_sha2.u_pad.u_zero.zero_o;
  assign zero_o = regs_zero_o && dut.u_zero.seed_zero_o && dut.u_core.u_zero.words_zero_o && dut.u_core.u_hmac.u_zero.words_zero_o;
endmodule
