// SPDX-License-Identifier: Apache-2.0
//
// sha2 with its digest collected, and two more outputs: all its registers are zero; something is on the digest's port that is not given.
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
  output logic         zero_o,
  output logic         stray_o
);
  logic [1:0]   we;
  logic [2:0]   at;
  logic [63:0]  word;
  logic [511:0] digest, digest_q;
  sha2 dut (
    .clk_i, .rst_ni, .clear_i, .req_valid_i, .req_ready_o, .req_alg_i(alg_e'(req_alg_i)),
    .in_valid_i, .in_ready_o, .in_data_i, .in_bytes_i, .in_last_i,
    .digest_we_o(we), .digest_at_o(at), .digest_o(word), .out_valid_o, .out_ready_i
  );
  always_comb begin
    digest = digest_q;
    for (int h = 0; h < 2; h++) if (we[h]) digest[{at, 1'(h), 5'd0}+:32] = word[32*h+:32];
  end
  always_ff @(posedge clk_i) digest_q <= !rst_ni || clear_i || (out_valid_o && out_ready_i) ? '0 : digest;
  assign out_digest_o = out_valid_o ? digest : '0;
  assign stray_o      = we == '0 && word != '0;
  assign zero_o       = dut.u_core.u_zero.zero_o && dut.u_pad.u_zero.zero_o && !dut.start_q;
endmodule
