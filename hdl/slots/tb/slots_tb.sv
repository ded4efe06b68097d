// SPDX-License-Identifier: Apache-2.0
//
// slots with one more output: left_o, a bit for each place in which something of a key is left.
module slots_tb
  import gcm_pkg::*;
  import casemate_pkg::*;
  import slots_pkg::*;
  import ecunit_pkg::*;
#(
  parameter int unsigned SLOTS = 8,
  parameter int unsigned LANES = 2,
  parameter int unsigned EC    = 2
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,
  output logic                  wiped_o,
  input  logic [15:0]           look_slot_i,
  output slot_meta_t            look_meta_o,
  output logic [31:0]           look_used_o,
  input  logic                  look_busy_i,
  input  logic                  count_i,
  input  logic                  read_ask_i,
  output logic                  read_grant_o,
  input  logic [15:0]           read_slot_i,
  output slot_meta_t            read_meta_o,
  output logic [31:0]           read_used_o,
  input  logic                  read_fetch_i,
  output logic                  read_valid_o,
  output logic [63:0]           read_word_o,
  input  ec_ask_t               ec_ask_i,
  output ec_answer_t            ec_answer_o,
  input  logic [EC-1:0]         ec_held_i,
  input  logic [15:0]           ec_held_slot_i[EC],
  input  logic                  put_valid_i,
  input  slot_op_e              put_op_i,
  input  logic [15:0]           put_slot_i,
  input  slot_meta_t            put_meta_i,
  input  logic [31:0]           put_used_i,
  output logic                  put_ask_o,
  input  logic                  put_word_valid_i,
  input  logic [63:0]           put_word_i,
  output logic                  done_o,
  input  logic [LANES-1:0]      lane_given_i,
  input  logic [LANES-1:0]      lane_answered_i,
  output logic [LANES-1:0]      key_valid_o,
  input  logic [LANES-1:0]      key_ready_i,
  output logic                  key_clear_o,
  output logic [SLOT_IDX_W-1:0] key_slot_o,
  output key_size_e             key_size_o,
  output logic [255:0]          key_o,
  input  logic [LANES-1:0]      key_done_i,
  output logic [4:0]            left_o
);
  slots #(.SLOTS(SLOTS), .LANES(LANES), .EC(EC)) dut (.*);
  logic material;
  always_comb begin
    material = 1'b0;
    for (int i = 0; i < 8 * int'(SLOTS); i++) material |= dut.material[i] != '0;
  end
  assign left_o = {material, dut.material_first_q != '0, dut.material_q != '0, dut.word_q != '0, dut.key_q != '0};
endmodule
