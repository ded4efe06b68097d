// SPDX-License-Identifier: Apache-2.0
//
// key_unit with more outputs: the slots' counts; left_o, a bit for each place in which something of a key is left.
module key_unit_tb
  import gcm_pkg::*;
  import casemate_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned SLOTS  = 8,
  parameter  int unsigned QUEUES = 8,
  parameter  int unsigned LANES  = 2,
  parameter  int unsigned DEPTH  = 8,
  localparam int unsigned BYTES  = DW / 8
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,
  output logic                  wiped_o,
  output logic [32*SLOTS-1:0]   used_o,        // the slots' counts
  input  logic                  test_start_i,
  output logic [1:0]            test_done_o,
  output logic [1:0]            test_ok_o,
  input  logic                  test_fault_i,
  // From the guard: operations, and its look at the slots.
  input  logic                  req_valid_i,
  output logic                  req_ready_o,
  input  key_req_t              req_i,
  input  logic [15:0]           look_slot_i,
  output slot_meta_t            look_meta_o,
  output logic [31:0]           look_used_o,
  input  logic                  look_busy_i,
  input  logic                  count_i,
  // Device.
  input  logic [QUEUES-1:0]     resetting_i,
  input  logic                  sealed_i,
  output logic                  window_hold_o,
  output logic [2:0]            window_at_o,
  input  logic [63:0]           window_i,
  input  logic [15:0]           window_words_i,
  output logic                  window_clear_o,
  input  logic [255:0]          root_i,
  // Random blocks: a request for so many; all of them are taken.
  output logic                  rnd_ask_o,
  input  logic                  rnd_ready_i,
  output logic [7:0]            rnd_blocks_o,
  input  logic                  rnd_valid_i,
  output logic                  rnd_take_o,
  input  logic [63:0]           rnd_i,
  input  logic                  rnd_error_i,   // final
  // One engine for elliptic curves.
  input  ec_ask_t               ec_ask_i,
  output ec_answer_t            ec_answer_o,
  input  logic [0:0]            ec_held_i,
  input  logic [15:0]           ec_held_slot_i[1],
  input  logic                  ec_valid_i,
  output logic                  ec_ready_o,
  input  key_req_t              ec_i,
  output logic [2:0]            secret_at_o,
  input  logic [63:0]           secret_i,
  // Lanes: requests given and answered; their copies of keys.
  input  logic [LANES-1:0]      lane_given_i,
  input  logic [LANES-1:0]      lane_answered_i,
  output logic [LANES-1:0]      key_valid_o,
  input  logic [LANES-1:0]      key_ready_i,
  output logic                  key_clear_o,
  output logic [SLOT_IDX_W-1:0] key_slot_o,
  output key_size_e             key_size_o,
  output logic [255:0]          key_o,
  input  logic [LANES-1:0]      key_done_i,
  // Memory.
  output logic                  ar_valid_o,
  input  logic                  ar_ready_i,
  output axi_ar_t               ar_o,
  input  logic                  r_valid_i,
  input  logic [DW-1:0]         r_data_i,
  input  logic                  r_err_i,
  input  logic                  r_last_i,
  output logic                  aw_valid_o,
  input  logic                  aw_ready_i,
  output axi_aw_t               aw_o,
  output logic                  w_valid_o,
  input  logic                  w_ready_i,
  output logic [DW-1:0]         w_data_o,
  output logic [BYTES-1:0]      w_strb_o,
  input  logic                  b_valid_i,
  input  logic                  b_err_i,
  output logic                  cpl_valid_o,
  input  logic                  cpl_ready_i,
  output cpl_t                  cpl_o,
  output logic [23:0]           left_o
);
  key_unit #(.DW(DW), .SLOTS(SLOTS), .QUEUES(QUEUES), .LANES(LANES), .DEPTH(DEPTH), .CLOCK_GATES(1'b1)) dut (.*);
  for (genvar i = 0; i < int'(SLOTS); i++) begin : g_used
    assign used_o[32*i+:32] = dut.u_slots.used[i];
  end
  // What key_data holds but for info, and the round keys of the wrapping engine.
  logic words, round_keys, aad;
  always_comb begin
    words      = 1'b0;
    round_keys = 1'b0;
    aad        = 1'b0;
    for (int i = 0; i < 32; i++) words |= dut.u_data.words[i] != '0;
    for (int i = 0; i < 64; i++) round_keys |= dut.u_wrap.u_aes.round_keys[i] != '0;
    for (int i = 0; i < 16; i++) aad |= dut.u_wrap.aad[i] != '0;
  end
  assign left_o = {
    words, dut.u_data.put_q != '0, dut.u_data.first_q != '0, dut.word != '0, dut.out_word_q != '0, dut.put_word_q != '0,
    dut.in_half_q != '0, dut.given_q != '0, dut.head_q != '0, dut.came_word != '0, dut.rnd_put_q != '0 || dut.secret_put_q != '0 || dut.mac_put_q != '0, dut.head_word_q != '0,
    dut.byte_q != '0, dut.u_slots.key_q != '0, dut.u_mac.word_q != '0, dut.u_mac.root_word_q != '0, dut.u_mac.source_q != '0,
    !(dut.u_mac.u_hmac.u_zero.zero_o && dut.u_mac.u_hmac.u_zero.words_zero_o),
    !(dut.u_mac.u_hmac.u_sha2.u_core.u_zero.zero_o && dut.u_mac.u_hmac.u_sha2.u_pad.u_zero.zero_o),
    round_keys, aad, dut.u_wrap.pay_q != '0 || dut.u_wrap.tag_q != '0 || dut.u_wrap.iv_q != '0 || dut.u_wrap.in_word_q != '0,
    dut.u_wrap.u_aes.key_q != '0, dut.u_wrap.u_ghash.h_q != '0
  };
endmodule
