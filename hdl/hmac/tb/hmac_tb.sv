// SPDX-License-Identifier: Apache-2.0
//
// hmac with plain ports, its words taken from and collected in wide ones, and more outputs: what it holds is zero.
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
  output logic         stray_o,       // something is on the MAC's port that is not given
  output logic         key_zero_o,    // the key's words
  output logic         hash_zero_o,   // all of sha2, which holds what is derived from the key
  output logic         words_zero_o,  // the memory
  output logic         regs_zero_o,   // every register
  output logic         zero_o         // everything
);
  // The words of key or expected MAC, from the cycle after each is asked for.
  logic         expect_ask, word_valid, mac_valid;
  logic [3:0]   left_q;
  logic [511:0] words_q;
  logic [63:0]  mac;
  logic [511:0] mac_q;
  logic [3:0]   macs_q;
  assign word_valid = left_q != '0;
  always_ff @(posedge clk_i) begin
    if (req_valid_i && req_ready_o) begin
      words_q <= key_i;
      left_q  <= 4'd8;
      macs_q  <= '0;
    end else if (expect_ask) begin
      words_q <= expect_i;
      left_q  <= 4'd8;
    end else if (word_valid) begin
      words_q <= words_q >> 64;
      left_q  <= left_q - 4'd1;
    end
    if (mac_valid) begin
      mac_q  <= {mac, mac_q[511:64]};
      macs_q <= macs_q + 4'd1;
    end
    if (!rst_ni || clear_i || (res_valid_o && res_ready_i)) begin
      left_q <= '0;
      mac_q  <= '0;
      macs_q <= '0;
    end
  end
  logic clean;
  hmac dut (
    .clk_i, .rst_ni, .clear_i, .clean_o(clean), .req_valid_i, .req_ready_o,
    .req_i('{alg: alg_e'(alg_i), verify: verify_i, key_len: key_len_i, mac_len: mac_len_i}),
    .word_valid_i(word_valid), .word_i(words_q[63:0] & {64{word_valid}}), .expect_o(expect_ask),
    .in_valid_i, .in_ready_o, .in_data_i, .in_bytes_i, .in_last_i,
    .mac_valid_o(mac_valid), .mac_o(mac), .res_valid_o, .res_ready_i, .res_ok_o
  );
  assign res_mac_o   = res_valid_o ? mac_q : '0;
  // All eight words before the result, or none if it verifies.
  assign stray_o     = (!mac_valid && mac != '0) || (clean && !dut.u_zero.words_zero_o && dut.state_q[0] && dut.key_in_q == '0) || (res_valid_o && macs_q != 4'd8 && macs_q != '0);
  assign key_zero_o  = dut.u_zero.key_zero_o;
  assign hash_zero_o = dut.u_sha2.u_core.u_zero.zero_o && dut.u_sha2.u_pad.u_zero.zero_o;
  assign regs_zero_o = hash_zero_o && dut.u_zero.zero_o;
  assign words_zero_o = dut.u_zero.words_zero_o;
  assign zero_o      = regs_zero_o && words_zero_o;
endmodule
