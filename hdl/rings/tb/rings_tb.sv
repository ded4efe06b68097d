// SPDX-License-Identifier: Apache-2.0
//
// Queues, fetcher and completion writer, wired as in casemate_top; guard and engines are played by the test.
module rings_tb
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned QUEUES = 4,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,
  input  logic                 reg_valid_i,
  input  logic                 reg_bind_i,
  input  logic                 reg_write_i,
  input  logic [QW-1:0]        reg_queue_i,
  input  logic [11:0]          reg_off_i,
  input  logic [31:0]          reg_wdata_i,
  output logic [31:0]          reg_rdata_o,
  output logic                 reg_err_o,
  input  logic                 clear_counters_i,
  // Descriptors of queues that are served.
  output logic                 sub_valid_o,
  input  logic                 sub_ready_i,
  output logic [QW-1:0]        sub_queue_o,
  output submission_t          sub_o,
  input  logic                 cpl_valid_i,
  output logic                 cpl_ready_o,
  input  cpl_t                 cpl_i,
  output logic                 ar_valid_o,
  input  logic                 ar_ready_i,
  output axi_ar_t              ar_o,
  input  logic                 r_valid_i,
  input  logic [AXI_TAG_W-1:0] r_tag_i,
  input  logic [DW-1:0]        r_data_i,
  input  logic                 r_err_i,
  input  logic                 r_last_i,
  output logic                 aw_valid_o,
  input  logic                 aw_ready_i,
  output axi_aw_t              aw_o,
  output logic                 w_valid_o,
  input  logic                 w_ready_i,
  output logic [DW-1:0]        w_data_o,
  output logic [DW/8-1:0]      w_strb_o,
  input  logic                 b_valid_i,
  input  logic                 b_err_i,
  output logic [7:0]           domain_o[QUEUES],
  output logic                 any_error_o,
  output logic                 any_busy_o,
  output logic [QUEUES:0]      irq_o
);
  logic [QUEUES-1:0] fetchable, resetting;
  logic [QW-1:0]     ask, fetched_queue, cpl_queue, posted_queue;
  logic [63:0]       ask_addr, cpl_addr;
  logic [12:0]       ask_count;
  logic [3:0]        ask_weight;
  logic              fetch, fetched, fetched_err, deliver_ok, cpl_phase, cpl_dead, cpl_alloc, posted, posted_err, posted_ok;
  logic [2:0]        fetch_count;
  logic [15:0]       cpl_sq_head;
  logic              sub_valid;
  queues #(.QUEUES(QUEUES)) u_queues (
    .clk_i, .rst_ni,
    .reg_valid_i, .reg_bind_i, .reg_write_i, .reg_queue_i, .reg_off_i, .reg_wdata_i, .reg_rdata_o, .reg_err_o,
    .clear_counters_i,
    .fetchable_o(fetchable), .ask_i(ask), .ask_addr_o(ask_addr), .ask_count_o(ask_count), .ask_weight_o(ask_weight),
    .fetch_i(fetch), .fetch_count_i(fetch_count), .fetched_i(fetched), .fetched_err_i(fetched_err),
    .fetched_queue_i(fetched_queue),
    .deliver_queue_i(sub_queue_o), .deliver_ok_o(deliver_ok), .deliver_i(sub_valid_o && sub_ready_i),
    .cpl_queue_i(cpl_queue), .cpl_addr_o(cpl_addr), .cpl_phase_o(cpl_phase), .cpl_sq_head_o(cpl_sq_head),
    .cpl_dead_o(cpl_dead), .cpl_alloc_i(cpl_alloc), .cpl_posted_i(posted), .cpl_posted_queue_i(posted_queue),
    .cpl_posted_err_i(posted_err), .cpl_posted_ok_i(posted_ok),
    .domain_o, .resetting_o(resetting), .any_error_o, .any_busy_o, .irq_o
  );
  assign sub_valid_o = sub_valid && deliver_ok;
  sq_fetch #(.DW(DW), .QUEUES(QUEUES)) u_fetch (
    .clk_i, .rst_ni,
    .fetchable_i(fetchable), .ask_o(ask), .ask_addr_i(ask_addr), .ask_count_i(ask_count), .ask_weight_i(ask_weight),
    .fetch_o(fetch), .fetch_count_o(fetch_count), .fetched_o(fetched), .fetched_err_o(fetched_err),
    .fetched_queue_o(fetched_queue),
    .sub_valid_o(sub_valid), .sub_ready_i(sub_ready_i || !deliver_ok), .sub_queue_o, .sub_o,
    .ar_valid_o, .ar_ready_i, .ar_o, .r_valid_i, .r_tag_i, .r_data_i, .r_err_i, .r_last_i
  );
  cq_write #(.DW(DW), .QUEUES(QUEUES)) u_cq (
    .clk_i, .rst_ni,
    .cpl_valid_i, .cpl_ready_o, .cpl_i,
    .queue_o(cpl_queue), .addr_i(cpl_addr), .phase_i(cpl_phase), .sq_head_i(cpl_sq_head), .dead_i(cpl_dead),
    .resetting_i(resetting), .alloc_o(cpl_alloc),
    .posted_o(posted), .posted_queue_o(posted_queue), .posted_err_o(posted_err), .posted_ok_o(posted_ok),
    .aw_valid_o, .aw_ready_i, .aw_o, .w_valid_o, .w_ready_i, .w_data_o, .w_strb_o, .b_valid_i, .b_err_i
  );
endmodule
