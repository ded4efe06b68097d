// SPDX-License-Identifier: Apache-2.0
//
// ec_engine with one output that says that something waits at an interface, and one that says whether anything is left.
module ec_engine_tb
  import ec_pkg::*, sha2_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         clean_o,
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  logic [2:0]   req_op_i,
  input  logic         req_p384_i,
  input  logic [1:0]   req_alg_i,
  input  logic         req_deterministic_i,
  input  logic         req_verify_i,
  input  logic         req_blind_i,
  input  logic [4:0]   req_digest_words_i,
  input  logic [511:0] key_i,
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [31:0]  in_i,
  input  logic         random_valid_i,
  output logic         random_ready_o,
  input  logic [255:0] random_i,
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [31:0]  out_o,
  output logic         out_secret_o,
  output logic         done_o,
  input  logic         ack_i,
  output logic [2:0]   status_o,
  input  logic         fault_i,
  output logic         event_o,
  input  logic         look_i,    // for zero_o
  output logic         zero_o
);
  ec_status_e status;
  logic [3:0] key_at, nonce_key_at;
  ec_engine dut (
    .*,
    .key_at_o       (key_at),
    .key_i          (key_i[9'(key_at)*32+:32]),
    .nonce_key_at_o (nonce_key_at),
    .nonce_key_i    (key_i[9'(nonce_key_at)*32+:32]),
    .req_op_i  (ec_op_e'(req_op_i)),
    .req_alg_i (alg_e'(req_alg_i)),
    .status_o  (status)
  );
  assign status_o = status;
  assign event_o  = in_ready_o || random_ready_o || out_valid_o || done_o;

  // Rows, windows, and every register that holds an operand or what is derived from one.
  logic [DIGITS-1:0] rows;
  for (genvar j = 0; j < DIGITS; j++) begin : g_column
    always_comb begin
      rows[j] = 1'b0;
      if (look_i) for (int i = 0; i < 2**VAR_W; i++) rows[j] |= dut.u_core.u_mem.g_column[j].u_column.mem[i] != '0;
    end
  end
  logic windows, work, macs;
  always_comb begin
    windows = 1'b0;
    if (look_i) for (int i = 0; i < 256; i++) windows |= dut.u_core.windows[i] != '0;
  end
  always_comb begin
    macs = 1'b0;
    for (int i = 0; i < 16; i++) macs |= dut.u_nonce.u_hmac.words[i] != '0;
  end
  assign work = |{dut.u_core.u_mul.a_q, dut.u_core.u_mul.b_q, dut.u_core.u_mul.m_q, dut.u_core.u_mul.p_q, dut.u_core.u_mul.r_q,
    dut.u_core.u_mul.top_q, dut.u_core.u_mul.w_q, dut.u_core.u_mul.z_q, dut.u_core.u_mul.x_q, dut.u_core.u_mul.digit_q,
    dut.u_core.u_mul.s_q, dut.u_core.u_mul.low_q, dut.u_core.u_acc.sum_q, dut.u_core.wdata, dut.u_core.u_serial.last_q,
    dut.u_core.u_serial.word_q, dut.u_core.u_serial.window_q, dut.u_core.u_seq.digit_q, dut.random_q, dut.u_nonce.k_q,
    dut.u_nonce.v_q, dut.u_nonce.t_q, dut.u_nonce.digest_q, dut.u_nonce.random_q, dut.u_nonce.mac_q, dut.u_nonce.u_hmac.word_q,
    dut.u_nonce.u_hmac.data_q, dut.u_nonce.u_hmac.put_word_q, macs};
  assign zero_o = !(|rows || windows || work);
endmodule
