// SPDX-License-Identifier: Apache-2.0
//
// One AES-GCM lane with the DMA around it. Requests are answered in order.
//
// Wipe: from wipe_i on the lane and every buffer here are overwritten with zeros until the next reset; wiped_o says that nothing is
// left. The requests that were here get ZEROIZED, whenever memory answers.
module gcm_channel
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW      = 256,
  parameter  int unsigned SLOTS   = 64,
  parameter  int unsigned QUEUES  = 8,
  parameter  int unsigned RD_TAGS = 64,
  parameter  sbox_e       SBOX    = SBOX_TABLE,
  localparam int unsigned BYTES   = DW / 8
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,       // stays until reset
  output logic                  wiped_o,
  input  logic                  req_valid_i,
  output logic                  req_ready_o,
  input  chan_req_t             req_i,
  input  logic [QUEUES-1:0]     resetting_i,
  output logic                  cpl_valid_o,
  input  logic                  cpl_ready_i,
  output cpl_t                  cpl_o,
  // The lane's copies of keys.
  input  logic                  key_valid_i,
  output logic                  key_ready_o,
  input  logic                  key_clear_i,
  input  logic [SLOT_IDX_W-1:0] key_slot_i,
  input  key_size_e             key_size_i,
  input  logic [255:0]          key_i,
  output logic                  key_done_o,
  // Memory.
  output logic                  ar_valid_o,
  input  logic                  ar_ready_i,
  output axi_ar_t               ar_o,
  input  logic                  r_valid_i,
  input  logic [AXI_TAG_W-1:0]  r_tag_i,
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
  // For counters.
  output logic                  busy_o,
  output logic                  stall_in_o,
  output logic                  stall_out_o,
  output logic [8:0]            bytes_in_o,
  output logic [8:0]            bytes_out_o
);
  localparam int unsigned REQUESTS = 64;

  // ------------------------------------------------------------------- wipe
  // All powers of all slots; through the lane and its FIFOs; the hold FIFO.
  localparam int unsigned WIPE_CYCLES = 5 * SLOTS + 256 + 2 * HOLD_BYTES / 16 + 32;
  localparam int unsigned WW          = $clog2(WIPE_CYCLES + 1);
  logic          wipe_q, lane_rst_nq;
  logic [WW-1:0] wipe_left_q;
  always_ff @(posedge clk_i) begin
    wipe_q      <= rst_ni && wipe_i;
    lane_rst_nq <= rst_ni && !wipe_i;
    wiped_o     <= wipe_q && wipe_left_q == '0;
    wipe_left_q <= !wipe_q ? WW'(WIPE_CYCLES) : wipe_left_q - WW'(wipe_left_q != '0);
  end

  // A request goes to the reader, the lane and the writer at once.
  logic     read_ready, head_ready, write_ready, take;
  gcm_req_t head_d, head;
  logic     head_valid, head_pop;
  assign req_ready_o = read_ready && head_ready && write_ready;
  assign take        = req_valid_i && req_ready_o;
  assign head_d = '{
    decrypt: req_i.sub.opcode == OPCODE_GCM_OPEN, slot: req_i.sub.slot[SLOT_IDX_W-1:0], key_size: req_i.key_size,
    iv_len: req_i.sub.iv_len, iv: {req_i.sub.iv2, req_i.sub.iv1, req_i.sub.iv0},
    aad_len: req_i.sub.aad_len, pay_len: req_i.sub.pay_len, tag_len: req_i.sub.tag_len
  };
  fifo #(.WIDTH($bits(gcm_req_t)), .DEPTH(REQUESTS)) u_head (
    .clk_i, .rst_ni,
    .in_valid_i(take), .in_ready_o(head_ready), .in_i(head_d),
    .out_valid_o(head_valid), .out_ready_i(head_pop), .out_o(head)
  );

  logic     blk_valid, blk_ready, made_valid, made_ready, out_valid, out_ready, res_valid, res_ready;
  gcm_in_t  blk;
  gcm_out_t made, out;
  gcm_res_t res;
  logic     err_push, err_valid, err_pop;
  dma_err_t err_d, err;
  logic     rd_ar_valid, rd_ar_ready, wr_ar_valid, wr_ar_ready;
  axi_ar_t  rd_ar, wr_ar;
  dma_read #(.DW(DW), .RD_TAGS(RD_TAGS), .QUEUES(QUEUES)) u_read (
    .clk_i, .rst_ni, .wipe_i(wipe_q),
    .req_valid_i(take), .req_ready_o(read_ready), .req_i, .resetting_i,
    .blk_valid_o(blk_valid), .blk_ready_i(blk_ready), .blk_o(blk),
    .err_valid_o(err_push), .err_o(err_d),
    .ar_valid_o(rd_ar_valid), .ar_ready_i(rd_ar_ready), .ar_o(rd_ar),
    .r_valid_i(r_valid_i && r_tag_i != 8'd129), .r_tag_i, .r_data_i, .r_err_i, .r_last_i,
    .bytes_o(bytes_in_o)
  );
  // At most as many causes as requests that the writer has not begun, and one.
  gcm_fifo #(.WIDTH($bits(dma_err_t)), .DEPTH(2 * REQUESTS)) u_err (
    .clk_i, .rst_ni,
    .in_valid_i(err_push), .in_i(err_d),
    .out_valid_o(err_valid), .out_ready_i(err_pop), .out_o(err)
  );
  assign err_pop = res_valid && res_ready && res.aborted;

  gcm_lane #(.SLOTS(SLOTS), .SBOX(SBOX)) u_lane (
    .clk_i, .rst_ni(lane_rst_nq), .wipe_i(wipe_q),
    .key_valid_i(key_valid_i && !wipe_q), .key_ready_o, .key_clear_i, .key_slot_i, .key_size_i, .key_i, .key_done_o,
    .req_valid_i(head_valid), .req_ready_o(head_pop), .req_i(head),
    .in_valid_i(blk_valid), .in_ready_o(blk_ready), .in_i(blk),
    .out_valid_o(made_valid), .out_ready_i(made_ready), .out_o(made),
    .res_valid_o(res_valid), .res_ready_i(res_ready), .res_o(res),
    .busy_o, .stall_in_o, .stall_out_o
  );

  // I6: payloads that dma_write holds until their tag is checked, two of the longest so that one fills while one drains.
  fifo #(.WIDTH($bits(gcm_out_t)), .DEPTH(2 * HOLD_BYTES / 16)) u_hold (
    .clk_i, .rst_ni, .wipe_i(wipe_q),
    .in_valid_i(made_valid), .in_ready_o(made_ready), .in_i(made),
    .out_valid_o(out_valid), .out_ready_i(out_ready), .out_o(out)
  );

  logic [$clog2(BYTES):0] bytes_out;
  assign bytes_out_o = 9'(bytes_out);
  dma_write #(.DW(DW), .REQUESTS(REQUESTS)) u_write (
    .clk_i, .rst_ni, .wipe_i(wipe_q),
    .req_valid_i(take), .req_ready_o(write_ready), .req_i,
    .out_valid_i(out_valid), .out_ready_o(out_ready), .out_i(out),
    .res_valid_i(res_valid), .res_ready_o(res_ready), .res_i(res),
    .err_valid_i(err_valid), .err_i(err),
    .ar_valid_o(wr_ar_valid), .ar_ready_i(wr_ar_ready), .ar_o(wr_ar),
    .r_valid_i, .r_tag_i, .r_data_i, .r_err_i, .r_last_i,
    .aw_valid_o, .aw_ready_i, .aw_o, .w_valid_o, .w_ready_i, .w_data_o, .w_strb_o, .b_valid_i, .b_err_i,
    .cpl_valid_o, .cpl_ready_i, .cpl_o,
    .bytes_o(bytes_out)
  );

  assign ar_valid_o  = wr_ar_valid || rd_ar_valid;
  assign ar_o        = wr_ar_valid ? wr_ar : rd_ar;
  assign wr_ar_ready = ar_ready_i;
  assign rd_ar_ready = ar_ready_i && !wr_ar_valid;
endmodule
