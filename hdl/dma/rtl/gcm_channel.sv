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
  // The lane's power-up self-test; nothing else is served before it is over.
  input  logic                  test_start_i,
  output logic                  test_done_o,
  output logic                  test_ok_o,
  input  logic                  test_fault_i,
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

  // The lane is the self-test's until that is over.
  logic         lane_key_valid, lane_key_ready, lane_key_done, lane_req_ready, lane_in_ready, lane_out_valid, lane_res_valid;
  logic         test_key_valid, test_key_clear, test_req_valid, test_in_valid, lane_busy, lane_stall_in, lane_stall_out;
  key_size_e    test_key_size;
  logic [255:0] test_key;
  gcm_req_t     test_req;
  gcm_in_t      test_in;
  logic         tested;
  assign tested = test_done_o;
  gcm_selftest u_test (
    .clk_i, .rst_ni,
    .start_i(test_start_i), .done_o(test_done_o), .ok_o(test_ok_o), .fault_i(test_fault_i),
    .key_valid_o(test_key_valid), .key_ready_i(lane_key_ready), .key_clear_o(test_key_clear), .key_size_o(test_key_size),
    .key_o(test_key), .key_done_i(lane_key_done),
    .req_valid_o(test_req_valid), .req_ready_i(lane_req_ready), .req_o(test_req),
    .in_valid_o(test_in_valid), .in_ready_i(lane_in_ready), .in_o(test_in),
    .out_valid_i(lane_out_valid && !tested), .out_i(made), .res_valid_i(lane_res_valid && !tested), .res_i(res)
  );
  assign lane_key_valid = tested ? key_valid_i : test_key_valid;
  assign key_ready_o    = lane_key_ready && tested;
  assign key_done_o     = lane_key_done && tested;
  assign head_pop       = lane_req_ready && tested;
  assign blk_ready      = lane_in_ready && tested;
  assign made_valid     = lane_out_valid && tested;
  assign res_valid      = lane_res_valid && tested;
  assign busy_o         = lane_busy && tested;
  assign stall_in_o     = lane_stall_in && tested;
  assign stall_out_o    = lane_stall_out && tested;
  gcm_lane #(.SLOTS(SLOTS), .SBOX(SBOX)) u_lane (
    .clk_i, .rst_ni(lane_rst_nq), .wipe_i(wipe_q),
    .key_valid_i(lane_key_valid && !wipe_q), .key_ready_o(lane_key_ready), .key_clear_i(tested ? key_clear_i : test_key_clear),
    .key_slot_i(tested ? key_slot_i : '0), .key_size_i(tested ? key_size_i : test_key_size), .key_i(tested ? key_i : test_key),
    .key_done_o(lane_key_done),
    .req_valid_i(tested ? head_valid : test_req_valid), .req_ready_o(lane_req_ready), .req_i(tested ? head : test_req),
    .in_valid_i(tested ? blk_valid : test_in_valid), .in_ready_o(lane_in_ready), .in_i(tested ? blk : test_in),
    .out_valid_o(lane_out_valid), .out_ready_i(made_ready || !tested), .out_o(made),
    .res_valid_o(lane_res_valid), .res_ready_i(res_ready || !tested), .res_o(res),
    .busy_o(lane_busy), .stall_in_o(lane_stall_in), .stall_out_o(lane_stall_out)
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
