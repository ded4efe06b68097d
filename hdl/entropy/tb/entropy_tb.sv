// SPDX-License-Identifier: Apache-2.0
//
// entropy_health with one more output: the registers that a raw word passes through are zero.
module entropy_tb #(
  parameter int unsigned BIT_RCT_CUTOFF  = 61,
  parameter int unsigned BIT_APT_CUTOFF  = 810,
  parameter int unsigned WORD_RCT_CUTOFF = 3,
  parameter int unsigned WORD_APT_CUTOFF = 4
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,
  input  logic        raw_valid_i,
  output logic        raw_ready_o,
  input  logic [31:0] raw_i,
  output logic        out_valid_o,
  output logic [31:0] out_o,
  output logic        ready_o,
  output logic        alarm_o,
  output logic [3:0]  cause_o,
  output logic        zero_o
);
  entropy_health #(
    .BIT_RCT_CUTOFF  (BIT_RCT_CUTOFF),
    .BIT_APT_CUTOFF  (BIT_APT_CUTOFF),
    .WORD_RCT_CUTOFF (WORD_RCT_CUTOFF),
    .WORD_APT_CUTOFF (WORD_APT_CUTOFF)
  ) dut (.*);
  assign zero_o = ~|{dut.word_q, dut.word_last_q, dut.word_first_q, dut.bit_last_q, dut.bit_first_q};
endmodule
