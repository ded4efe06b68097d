// SPDX-License-Identifier: Apache-2.0
//
// The registers of the device: csr, and the queues whose pages it serves, wired as in casemate_top. The rest is played by the test.
module csr_tb
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW      = 256,
  parameter  int unsigned LANES   = 8,
  parameter  int unsigned SLOTS   = 64,
  parameter  int unsigned QUEUES  = 4,
  parameter  int unsigned RD_TAGS = 64,
  localparam int unsigned QW      = $clog2(QUEUES)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             s_axil_awvalid_i,
  output logic             s_axil_awready_o,
  input  logic [19:0]      s_axil_awaddr_i,
  input  logic             s_axil_wvalid_i,
  output logic             s_axil_wready_o,
  input  logic [31:0]      s_axil_wdata_i,
  input  logic [3:0]       s_axil_wstrb_i,
  output logic             s_axil_bvalid_o,
  input  logic             s_axil_bready_i,
  output logic [1:0]       s_axil_bresp_o,
  input  logic             s_axil_arvalid_i,
  output logic             s_axil_arready_o,
  input  logic [19:0]      s_axil_araddr_i,
  output logic             s_axil_rvalid_o,
  input  logic             s_axil_rready_i,
  output logic [31:0]      s_axil_rdata_o,
  output logic [1:0]       s_axil_rresp_o,
  output logic             sealed_o,
  output logic             wipe_o,
  input  logic             wiped_i,
  input  logic             selftest_done_i,
  input  logic             selftest_ok_i,
  input  logic             window_hold_i,
  input  logic [2:0]       window_at_i,
  output logic [63:0]      window_o,
  output logic [15:0]      window_words_o,
  input  logic             window_clear_i,
  input  logic             tamper_i,
  input  logic             entropy_error_i,
  input  logic             any_busy_i,
  input  logic             req_in_i,
  input  logic             req_out_i,
  input  logic             req_err_i,
  input  logic [8:0]       bytes_in_i[LANES],
  input  logic [8:0]       bytes_out_i[LANES],
  input  logic [LANES-1:0] busy_i,
  input  logic [LANES-1:0] stall_in_i,
  input  logic [LANES-1:0] stall_out_i
);
  logic          reg_valid, reg_bind, reg_write, reg_err, clear_counters, any_error;
  logic [QW-1:0] reg_queue;
  logic [11:0]   reg_off;
  logic [31:0]   reg_wdata, reg_rdata;
  csr #(.DW(DW), .LANES(LANES), .SLOTS(SLOTS), .QUEUES(QUEUES), .RD_TAGS(RD_TAGS)) u_csr (
    .reg_valid_o(reg_valid), .reg_bind_o(reg_bind), .reg_write_o(reg_write), .reg_queue_o(reg_queue),
    .reg_off_o(reg_off), .reg_wdata_o(reg_wdata), .reg_rdata_i(reg_rdata), .reg_err_i(reg_err),
    .clear_counters_o(clear_counters), .any_error_i(any_error),
    .*
  );
  queues #(.QUEUES(QUEUES)) u_queues (
    .clk_i, .rst_ni,
    .reg_valid_i(reg_valid), .reg_bind_i(reg_bind), .reg_write_i(reg_write), .reg_queue_i(reg_queue),
    .reg_off_i(reg_off), .reg_wdata_i(reg_wdata), .reg_rdata_o(reg_rdata), .reg_err_o(reg_err),
    .clear_counters_i(clear_counters), .any_error_o(any_error),
    // Nothing is fetched or completed.
    .ask_i('0), .fetch_i('0), .fetch_count_i('0), .fetched_i('0), .fetched_err_i('0), .fetched_queue_i('0),
    .deliver_queue_i('0), .deliver_i('0), .cpl_queue_i('0), .cpl_alloc_i('0), .cpl_posted_i('0),
    .cpl_posted_queue_i('0), .cpl_posted_err_i('0), .cpl_posted_ok_i('0),
    /* verilator lint_off PINCONNECTEMPTY */
    .fetchable_o(), .ask_addr_o(), .ask_count_o(), .ask_weight_o(), .deliver_ok_o(), .cpl_addr_o(), .cpl_phase_o(),
    .cpl_sq_head_o(), .cpl_dead_o(), .domain_o(), .resetting_o(), .any_busy_o(), .irq_o()
    /* verilator lint_on PINCONNECTEMPTY */
  );
endmodule
