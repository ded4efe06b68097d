// SPDX-License-Identifier: Apache-2.0
//
// A lane and its self-test, as in gcm_channel.
module selftest_tb
  import gcm_pkg::*;
#(
  parameter int unsigned SLOTS = 4,
  parameter sbox_e       SBOX  = SBOX_TABLE
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic fault_i,
  input  logic stuck_i,      // the lane puts nothing out
  output logic done_o,
  output logic ok_o,
  output logic out_valid_o
);
  logic         start, done, ok, key_valid, key_ready, key_clear, key_done, req_valid, req_ready, in_valid, in_ready, res_valid;
  key_size_e    key_size;
  logic [255:0] key;
  gcm_req_t     req;
  gcm_in_t      blk;
  gcm_out_t     out;
  gcm_res_t     res;
  selftest #(.ENGINES(1), .LIMIT(8191)) u_all (.clk_i, .rst_ni, .start_o(start), .done_i(done), .ok_i(ok), .done_o, .ok_o);
  gcm_selftest u_test (
    .clk_i, .rst_ni, .start_i(start), .done_o(done), .ok_o(ok), .fault_i,
    .key_valid_o(key_valid), .key_ready_i(key_ready), .key_clear_o(key_clear), .key_size_o(key_size), .key_o(key), .key_done_i(key_done),
    .req_valid_o(req_valid), .req_ready_i(req_ready), .req_o(req),
    .in_valid_o(in_valid), .in_ready_i(in_ready), .in_o(blk),
    .out_valid_i(out_valid_o && !stuck_i), .out_i(out), .res_valid_i(res_valid), .res_i(res)
  );
  gcm_lane #(.SLOTS(SLOTS), .SBOX(SBOX)) u_lane (
    .clk_i, .rst_ni, .wipe_i(1'b0),
    .key_valid_i(key_valid), .key_ready_o(key_ready), .key_clear_i(key_clear), .key_slot_i('0), .key_size_i(key_size), .key_i(key),
    .key_done_o(key_done),
    .req_valid_i(req_valid), .req_ready_o(req_ready), .req_i(req),
    .in_valid_i(in_valid), .in_ready_o(in_ready), .in_i(blk),
    .out_valid_o, .out_ready_i(1'b1), .out_o(out),
    .res_valid_o(res_valid), .res_ready_i(1'b1), .res_o(res),
    /* verilator lint_off PINCONNECTEMPTY */
    .busy_o(), .stall_in_o(), .stall_out_o()
    /* verilator lint_on PINCONNECTEMPTY */
  );
endmodule
