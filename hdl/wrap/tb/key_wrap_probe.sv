// SPDX-License-Identifier: Apache-2.0
//
// key_wrap with a window on every register that may hold something of a command. A bit is set while its register holds anything:
// `work_o` of what is worked on, `ram_o` of the round keys and the AAD, `result_o` of what is kept for the caller.
// That the list is complete is checked in key_wrap.rs.
module key_wrap_probe
  import gcm_pkg::*, wrap_pkg::*;
#(
  parameter sbox_e SBOX = SBOX_TABLE
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         clean_o,
  input  logic         valid_i,
  output logic         ready_o,
  input  wrap_op_e     op_i,
  input  key_size_e    key_size_i,
  input  logic [6:0]   aad_len_i,
  input  logic [6:0]   payload_len_i,
  input  logic         in_valid_i,
  input  logic [31:0]  in_i,
  output logic         out_valid_o,
  output logic [31:0]  out_o,
  output logic         done_o,
  input  logic         ack_i,
  output logic         ok_o,
  output logic [6:0]   payload_len_o,
  output logic [29:0]  work_o,
  output logic         ram_o,
  output logic [2:0]   result_o
);
  key_wrap #(.SBOX(SBOX)) dut (.*);

  logic window, state, sub;
  always_comb begin
    ram_o = dut.u_aes.read_q != '0;
    for (int i = 0; i < 64; i++) ram_o |= dut.u_aes.round_keys[i] != '0;
    for (int i = 0; i < 16; i++) ram_o |= dut.aad[i] != '0;
    window = 1'b0;
    for (int i = 0; i < 8; i++) window |= dut.u_aes.win_q[i] != '0;
    state = 1'b0;
    for (int i = 0; i < 4; i++) state |= dut.u_aes.column_q[i] != '0;
  end
  logic [3:0] subs;
  for (genvar i = 0; i < 4; i++) begin : g_sub
    // The forward S-box has no reset: it rests at S(0).
    assign subs[i] = dut.u_aes.g_sub[i].u_sbox.pre_q != '0 || dut.u_aes.g_sub[i].u_sbox.sub != 8'h63;
  end
  assign sub = subs != '0;
  assign work_o = {
    dut.in_word_q != '0, dut.into_q != '0, dut.aad_head_q != '0, dut.iv_q != '0, dut.a_q != '0, dut.diff_q != '0, dut.differs_q, dut.stray_q != '0, dut.icv_bad_q, dut.icv_part_q != '0,
    dut.pad_bad_q, dut.pay_rem_q != '0, dut.pay_mask_q != '0, window, dut.u_aes.next_q != '0, dut.u_aes.key_q != '0,
    state, dut.u_aes.in_q != '0, dut.u_aes.keyed_q != '0, dut.u_aes.halfway_q != '0, dut.u_aes.mixed_q != '0, sub,
    dut.u_ghash.data_q != '0, dut.u_ghash.h_q != '0, dut.u_ghash.y_q != '0, dut.u_ghash.z_q != '0, dut.u_ghash.product_q != '0, dut.aad_rem_q != '0,
    dut.aad_mask_q != '0, dut.u_aes.data_o != '0
  };
  assign result_o = {dut.pay_q != '0, dut.tag_q != '0, dut.out_len_q != '0};
endmodule
