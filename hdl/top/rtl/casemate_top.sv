// SPDX-License-Identifier: Apache-2.0
//
// The device: registers (AXI4-Lite), memory (AXI4 master, INCR bursts of full-width beats, 64-bit addresses), interrupts as pulses of
// one cycle, one a queue and the last for errors. All of it on one clock, whose gates change no cycle; reset synchronous and active low.
module casemate_top
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned AXI_DW  = 256,        // 128, 256 or 512
  parameter  int unsigned LANES   = 1,          // 1 to 8
  parameter  int unsigned SLOTS   = 64,         // 2 to 256, a power of two
  parameter  int unsigned QUEUES  = 8,          // 2 to 64
  parameter  sbox_e       SBOX    = SBOX_TABLE,
  parameter  int unsigned RD_TAGS = 64,         // data reads in flight a lane: 4 to 128, a power of two
  parameter  bit          CLOCK_GATES = 1'b0,   // the clocks of the key unit and the generator stop while they are idle: clock_gate
  parameter  int unsigned EC_ENGINES = 1,       // for elliptic curves: 0 to 4
  localparam int unsigned BYTES   = AXI_DW / 8
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                s_axil_awvalid_i,
  output logic                s_axil_awready_o,
  input  logic [19:0]         s_axil_awaddr_i,
  input  logic                s_axil_wvalid_i,
  output logic                s_axil_wready_o,
  input  logic [31:0]         s_axil_wdata_i,
  input  logic [3:0]          s_axil_wstrb_i,
  output logic                s_axil_bvalid_o,
  input  logic                s_axil_bready_i,
  output logic [1:0]          s_axil_bresp_o,
  input  logic                s_axil_arvalid_i,
  output logic                s_axil_arready_o,
  input  logic [19:0]         s_axil_araddr_i,
  output logic                s_axil_rvalid_o,
  input  logic                s_axil_rready_i,
  output logic [31:0]         s_axil_rdata_o,
  output logic [1:0]          s_axil_rresp_o,

  output logic                m_axi_awvalid_o,
  input  logic                m_axi_awready_i,
  output logic [AXI_ID_W-1:0] m_axi_awid_o,
  output logic [63:0]         m_axi_awaddr_o,
  output logic [7:0]          m_axi_awlen_o,
  output logic [2:0]          m_axi_awsize_o,
  output logic [1:0]          m_axi_awburst_o,
  output logic                m_axi_wvalid_o,
  input  logic                m_axi_wready_i,
  output logic [AXI_DW-1:0]   m_axi_wdata_o,
  output logic [BYTES-1:0]    m_axi_wstrb_o,
  output logic                m_axi_wlast_o,
  input  logic                m_axi_bvalid_i,
  output logic                m_axi_bready_o,
  input  logic [AXI_ID_W-1:0] m_axi_bid_i,
  input  logic [1:0]          m_axi_bresp_i,
  output logic                m_axi_arvalid_o,
  input  logic                m_axi_arready_i,
  output logic [AXI_ID_W-1:0] m_axi_arid_o,
  output logic [63:0]         m_axi_araddr_o,
  output logic [7:0]          m_axi_arlen_o,
  output logic [2:0]          m_axi_arsize_o,
  output logic [1:0]          m_axi_arburst_o,
  input  logic                m_axi_rvalid_i,
  output logic                m_axi_rready_o,
  input  logic [AXI_ID_W-1:0] m_axi_rid_i,
  input  logic [AXI_DW-1:0]   m_axi_rdata_i,
  input  logic [1:0]          m_axi_rresp_i,
  input  logic                m_axi_rlast_i,

  output logic [QUEUES:0]     irq_o,
  input  logic                entropy_valid_i,
  output logic                entropy_ready_o,
  input  logic [31:0]         entropy_i,     // raw, of the noise source
  input  logic [255:0]        root_i,        // the platform's root secret, byte i in [8*i +: 8]; steady
  input  logic                tamper_i,      // zeroizes the device
  input  logic                selftest_fault_i, // tied to 0, but in tests: makes the self-tests fail
  input  logic                ec_fault_i        // tied to 0, but in tests: a wrong bit within the elliptic-curve engines
);
  localparam int unsigned QW    = $clog2(QUEUES);
  localparam int unsigned PORTS = LANES + 2 + EC_ENGINES;     // the rings, the lanes, the key unit, the engines for elliptic curves
  localparam int unsigned EC_PORT = LANES + 2;                // the first of those
  localparam int unsigned EC_SOME = EC_ENGINES == 0 ? 1 : EC_ENGINES;

  assign m_axi_awsize_o  = 3'($clog2(BYTES));
  assign m_axi_arsize_o  = 3'($clog2(BYTES));
  assign m_axi_awburst_o = 2'b01;
  assign m_axi_arburst_o = 2'b01;

  // ------------------------------------------------------------------ memory
  logic [PORTS-1:0]     ar_valid, ar_ready, r_valid, aw_valid, aw_ready, w_valid, w_ready, b_valid;
  axi_ar_t              ar[PORTS];
  axi_aw_t              aw[PORTS];
  logic [AXI_DW-1:0]    w_data[PORTS];
  logic [BYTES-1:0]     w_strb[PORTS];
  logic [AXI_TAG_W-1:0] r_tag;
  logic [AXI_DW-1:0]    r_data;
  logic                 r_err, r_last, b_err;
  axi_rd_arb #(.DW(AXI_DW), .PORTS(PORTS)) u_rd (
    .clk_i, .rst_ni,
    .ar_valid_i(ar_valid), .ar_ready_o(ar_ready), .ar_i(ar),
    .r_valid_o(r_valid), .r_tag_o(r_tag), .r_data_o(r_data), .r_err_o(r_err), .r_last_o(r_last),
    .m_arvalid_o(m_axi_arvalid_o), .m_arready_i(m_axi_arready_i), .m_arid_o(m_axi_arid_o),
    .m_araddr_o(m_axi_araddr_o), .m_arlen_o(m_axi_arlen_o),
    .m_rvalid_i(m_axi_rvalid_i), .m_rready_o(m_axi_rready_o), .m_rid_i(m_axi_rid_i), .m_rdata_i(m_axi_rdata_i),
    .m_rerr_i(m_axi_rresp_i != 2'b00), .m_rlast_i(m_axi_rlast_i)
  );
  axi_wr_arb #(.DW(AXI_DW), .PORTS(PORTS)) u_wr (
    .clk_i, .rst_ni,
    .aw_valid_i(aw_valid), .aw_ready_o(aw_ready), .aw_i(aw),
    .w_valid_i(w_valid), .w_ready_o(w_ready), .w_data_i(w_data), .w_strb_i(w_strb),
    .b_valid_o(b_valid), .b_err_o(b_err),
    .m_awvalid_o(m_axi_awvalid_o), .m_awready_i(m_axi_awready_i), .m_awid_o(m_axi_awid_o),
    .m_awaddr_o(m_axi_awaddr_o), .m_awlen_o(m_axi_awlen_o),
    .m_wvalid_o(m_axi_wvalid_o), .m_wready_i(m_axi_wready_i), .m_wdata_o(m_axi_wdata_o), .m_wstrb_o(m_axi_wstrb_o),
    .m_wlast_o(m_axi_wlast_o),
    .m_bvalid_i(m_axi_bvalid_i), .m_bready_o(m_axi_bready_o), .m_bid_i(m_axi_bid_i), .m_berr_i(m_axi_bresp_i != 2'b00)
  );

  // --------------------------------------------------------------- registers
  logic              reg_valid, reg_bind, reg_write, reg_err, clear_counters, window_clear, any_error, any_busy, sealed, entropy_error;
  logic              wipe, wiped, keys_wiped, tested, test_ok;
  logic              test_start, window_hold, ec_wiped, ec_failed;
  logic [LANES-1:0]  lane_wiped, lane_tested, lane_test_ok;
  logic [2:0]        unit_tested, unit_test_ok;   // HMAC, key wrap, generator
  assign wiped   = keys_wiped && lane_wiped == '1 && ec_wiped;
  selftest #(.ENGINES(LANES + 3)) u_selftest (
    .clk_i, .rst_ni, .start_o(test_start), .done_i({unit_tested, lane_tested}), .ok_i({unit_test_ok, lane_test_ok}),
    .done_o(tested), .ok_o(test_ok)
  );
  logic [QW-1:0]     reg_queue;
  logic [11:0]       reg_off;
  logic [31:0]       reg_wdata, reg_rdata;
  logic [63:0]       window;
  logic [2:0]        window_at;
  logic [15:0]       window_words;
  logic              deliver, posted, posted_ok;
  logic [8:0]        bytes_in[LANES], bytes_out[LANES];
  logic [LANES-1:0]  busy, stall_in, stall_out;
  csr #(.DW(AXI_DW), .LANES(LANES), .SLOTS(SLOTS), .QUEUES(QUEUES), .RD_TAGS(RD_TAGS), .SBOX(SBOX), .EC_ENGINES(EC_ENGINES)) u_csr (
    .clk_i, .rst_ni,
    .s_axil_awvalid_i, .s_axil_awready_o, .s_axil_awaddr_i, .s_axil_wvalid_i, .s_axil_wready_o, .s_axil_wdata_i,
    .s_axil_wstrb_i, .s_axil_bvalid_o, .s_axil_bready_i, .s_axil_bresp_o, .s_axil_arvalid_i, .s_axil_arready_o,
    .s_axil_araddr_i, .s_axil_rvalid_o, .s_axil_rready_i, .s_axil_rdata_o, .s_axil_rresp_o,
    .reg_valid_o(reg_valid), .reg_bind_o(reg_bind), .reg_write_o(reg_write), .reg_queue_o(reg_queue),
    .reg_off_o(reg_off), .reg_wdata_o(reg_wdata), .reg_rdata_i(reg_rdata), .reg_err_i(reg_err),
    .clear_counters_o(clear_counters), .sealed_o(sealed),
    .wipe_o(wipe), .wiped_i(wiped), .selftest_done_i(tested), .selftest_ok_i(test_ok && !ec_failed),
    .window_hold_i(window_hold), .window_at_i(window_at), .window_o(window), .window_words_o(window_words), .window_clear_i(window_clear),
    .tamper_i, .entropy_error_i(entropy_error), .any_error_i(any_error), .any_busy_i(any_busy),
    .req_in_i(deliver), .req_out_i(posted), .req_err_i(posted && !posted_ok),
    .bytes_in_i(bytes_in), .bytes_out_i(bytes_out), .busy_i(busy), .stall_in_i(stall_in), .stall_out_i(stall_out)
  );

  // ------------------------------------------------------------------- rings
  logic [QUEUES-1:0] fetchable, resetting;
  logic [QW-1:0]     ask, fetched_queue, sub_queue, cpl_queue, posted_queue;
  logic [63:0]       ask_addr, cpl_addr;
  logic [12:0]       ask_count;
  logic [3:0]        ask_weight;
  logic              fetch, fetched, fetched_err, deliver_ok, cpl_phase, cpl_dead, cpl_alloc, posted_err;
  logic [2:0]        fetch_count;
  logic [15:0]       cpl_sq_head;
  logic [7:0]        domain[QUEUES];
  queues #(.QUEUES(QUEUES)) u_queues (
    .clk_i, .rst_ni,
    .reg_valid_i(reg_valid), .reg_bind_i(reg_bind), .reg_write_i(reg_write), .reg_queue_i(reg_queue),
    .reg_off_i(reg_off), .reg_wdata_i(reg_wdata), .reg_rdata_o(reg_rdata), .reg_err_o(reg_err),
    .clear_counters_i(clear_counters),
    .fetchable_o(fetchable), .ask_i(ask), .ask_addr_o(ask_addr), .ask_count_o(ask_count), .ask_weight_o(ask_weight),
    .fetch_i(fetch), .fetch_count_i(fetch_count), .fetched_i(fetched), .fetched_err_i(fetched_err),
    .fetched_queue_i(fetched_queue),
    .deliver_queue_i(sub_queue), .deliver_ok_o(deliver_ok), .deliver_i(deliver),
    .cpl_queue_i(cpl_queue), .cpl_addr_o(cpl_addr), .cpl_phase_o(cpl_phase), .cpl_sq_head_o(cpl_sq_head),
    .cpl_dead_o(cpl_dead), .cpl_alloc_i(cpl_alloc), .cpl_posted_i(posted), .cpl_posted_queue_i(posted_queue),
    .cpl_posted_err_i(posted_err), .cpl_posted_ok_i(posted_ok),
    .domain_o(domain), .resetting_o(resetting), .any_error_o(any_error), .any_busy_o(any_busy), .irq_o
  );
  logic        sub_valid, sub_ready, guard_ready;
  logic [QUEUES-1:0] ec_waits;
  submission_t sub;
  sq_fetch #(.DW(AXI_DW), .QUEUES(QUEUES)) u_fetch (
    .clk_i, .rst_ni,
    .fetchable_i(fetchable & {QUEUES{tested || wipe}} & ~ec_waits), .ask_o(ask), .ask_addr_i(ask_addr), .ask_count_i(ask_count), .ask_weight_i(ask_weight),
    .fetch_o(fetch), .fetch_count_o(fetch_count), .fetched_o(fetched), .fetched_err_o(fetched_err),
    .fetched_queue_o(fetched_queue),
    .sub_valid_o(sub_valid), .sub_ready_i(sub_ready), .sub_queue_o(sub_queue), .sub_o(sub),
    .ar_valid_o(ar_valid[0]), .ar_ready_i(ar_ready[0]), .ar_o(ar[0]),
    .r_valid_i(r_valid[0]), .r_tag_i(r_tag), .r_data_i(r_data), .r_err_i(r_err), .r_last_i(r_last)
  );
  // What a stopped queue had fetched ahead is dropped: its head does not move.
  assign sub_ready = guard_ready || !deliver_ok;
  assign deliver   = sub_valid && guard_ready && deliver_ok;

  // ---------------------------------------------------------- guard and keys
  logic [15:0]      look_slot;
  slot_meta_t       look_meta;
  logic [31:0]      look_used;
  logic             look_busy, seal_counts, chan_valid, chan_ready, key_req_valid, key_req_ready;
  logic             ec_req_valid, ec_req_ready;
  chan_req_t        chan_req;
  key_req_t         key_req;
  localparam int unsigned SOURCES = PORTS;       // of completions: guard, key unit, lanes, engines
  logic [SOURCES-1:0] cpl_valid, cpl_ready;
  cpl_t             cpl[SOURCES];
  guard #(.SLOTS(SLOTS), .QUEUES(QUEUES), .EC(EC_ENGINES != 0)) u_guard (
    .clk_i, .rst_ni, .wipe_i(wipe),
    .sub_valid_i(sub_valid && deliver_ok), .sub_ready_o(guard_ready), .sub_queue_i(sub_queue), .sub_i(sub),
    .domain_i(domain), .resetting_i(resetting),
    .slot_o(look_slot), .meta_i(look_meta), .used_i(look_used), .busy_o(look_busy), .count_o(seal_counts),
    .chan_valid_o(chan_valid), .chan_ready_i(chan_ready), .chan_o(chan_req),
    .key_valid_o(key_req_valid), .key_ready_i(key_req_ready), .ec_valid_o(ec_req_valid), .ec_ready_i(ec_req_ready), .key_o(key_req),
    .cpl_valid_o(cpl_valid[0]), .cpl_ready_i(cpl_ready[0]), .cpl_o(cpl[0])
  );

  // Noise that passes its tests seeds the generator; a source that fails stops it until reset.
  logic         noise_valid, noise_alarm, drbg_ask, drbg_ready, drbg_valid, drbg_take;
  logic [1:0]   rnd_ask, rnd_ready, rnd_valid, rnd_take;   // key unit, engines
  logic [31:0]  noise;
  logic [7:0]   drbg_blocks, rnd_blocks[2];
  logic [63:0]  rnd;
  /* verilator lint_off PINCONNECTEMPTY */
  entropy_health u_health (
    .clk_i, .rst_ni, .clear_i(1'b0),
    .raw_valid_i(entropy_valid_i), .raw_ready_o(entropy_ready_o), .raw_i(entropy_i),
    .out_valid_o(noise_valid), .out_o(noise), .ready_o(), .alarm_o(noise_alarm), .cause_o()
  );
  drbg #(.CLOCK_GATES(CLOCK_GATES)) u_drbg (
    .clk_i, .rst_ni, .clear_i(wipe),
    .ent_valid_i(noise_valid), .ent_ready_o(), .ent_i(noise), .alarm_i(noise_alarm),
    .test_start_i(test_start), .test_done_o(unit_tested[2]), .test_ok_o(unit_test_ok[2]), .test_fault_i(selftest_fault_i),
    .reseed_i(1'b0), .req_valid_i(drbg_ask), .req_ready_o(drbg_ready), .req_blocks_i(drbg_blocks),
    .out_valid_o(drbg_valid), .out_ready_i(drbg_take), .out_o(rnd), .out_last_o(), .seeded_o(), .error_o(entropy_error)
  );
  /* verilator lint_on PINCONNECTEMPTY */
  drbg_arb u_random (
    .clk_i, .rst_ni, .clear_i(wipe || entropy_error),
    .ask_i(rnd_ask), .ready_o(rnd_ready), .blocks_i(rnd_blocks), .valid_o(rnd_valid), .take_i(rnd_take),
    .req_valid_o(drbg_ask), .req_ready_i(drbg_ready), .req_blocks_o(drbg_blocks), .out_valid_i(drbg_valid), .out_ready_o(drbg_take)
  );
  assign rnd_blocks[1] = 8'd1;

  ec_ask_t            ec_ask;
  ec_answer_t         ec_answer;
  logic [EC_SOME-1:0] ec_held;
  logic [15:0]        ec_held_slot[EC_SOME];
  logic               ec_key_valid, ec_key_ready;
  key_req_t           ec_key;
  logic [2:0]         ec_secret_at;
  logic [63:0]        ec_secret;

  logic [LANES-1:0]      lane_ready, lane_take, key_valid, key_ready, key_done;
  logic                  key_clear;
  logic [SLOT_IDX_W-1:0] key_slot;
  key_size_e             key_size;
  logic [255:0]          key;
  key_unit #(.DW(AXI_DW), .SLOTS(SLOTS), .QUEUES(QUEUES), .LANES(LANES), .SBOX(SBOX), .EC(EC_ENGINES), .CLOCK_GATES(CLOCK_GATES)) u_keys (
    .clk_i, .rst_ni, .wipe_i(wipe), .wiped_o(keys_wiped),
    .test_start_i(test_start), .test_done_o(unit_tested[1:0]), .test_ok_o(unit_test_ok[1:0]), .test_fault_i(selftest_fault_i),
    .req_valid_i(key_req_valid), .req_ready_o(key_req_ready), .req_i(key_req),
    .look_slot_i(look_slot), .look_meta_o(look_meta), .look_used_o(look_used), .look_busy_i(look_busy), .count_i(seal_counts),
    .resetting_i(resetting), .sealed_i(sealed), .window_hold_o(window_hold), .window_at_o(window_at), .window_i(window),
    .window_words_i(window_words), .window_clear_o(window_clear),
    .root_i,
    .rnd_ask_o(rnd_ask[0]), .rnd_ready_i(rnd_ready[0]), .rnd_blocks_o(rnd_blocks[0]), .rnd_valid_i(rnd_valid[0]), .rnd_take_o(rnd_take[0]),
    .rnd_i(rnd), .rnd_error_i(entropy_error),
    .lane_given_i(lane_take), .lane_answered_i(cpl_valid[LANES+1:2] & cpl_ready[LANES+1:2]),
    .ec_ask_i(ec_ask), .ec_answer_o(ec_answer), .ec_held_i(ec_held), .ec_held_slot_i(ec_held_slot),
    .ec_valid_i(ec_key_valid), .ec_ready_o(ec_key_ready), .ec_i(ec_key), .secret_at_o(ec_secret_at), .secret_i(ec_secret),
    .key_valid_o(key_valid), .key_ready_i(key_ready), .key_clear_o(key_clear), .key_slot_o(key_slot),
    .key_size_o(key_size), .key_o(key), .key_done_i(key_done),
    .ar_valid_o(ar_valid[LANES+1]), .ar_ready_i(ar_ready[LANES+1]), .ar_o(ar[LANES+1]),
    .r_valid_i(r_valid[LANES+1]), .r_data_i(r_data), .r_err_i(r_err), .r_last_i(r_last),
    .aw_valid_o(aw_valid[LANES+1]), .aw_ready_i(aw_ready[LANES+1]), .aw_o(aw[LANES+1]),
    .w_valid_o(w_valid[LANES+1]), .w_ready_i(w_ready[LANES+1]), .w_data_o(w_data[LANES+1]), .w_strb_o(w_strb[LANES+1]),
    .b_valid_i(b_valid[LANES+1]), .b_err_i(b_err),
    .cpl_valid_o(cpl_valid[1]), .cpl_ready_i(cpl_ready[1]), .cpl_o(cpl[1])
  );

  // ------------------------------------------------------- elliptic curves
  if (EC_ENGINES != 0) begin : g_ec
    logic              full;
    logic [QUEUES-1:0] asked_q;    // queues whose last operation was for the engines
    ec_unit #(.DW(AXI_DW), .SLOTS(SLOTS), .QUEUES(QUEUES), .ENGINES(EC_ENGINES), .CLOCK_GATES(CLOCK_GATES)) u_ec (
      .clk_i, .rst_ni, .wipe_i(wipe), .wiped_o(ec_wiped), .test_failed_o(ec_failed), .test_fault_i(selftest_fault_i), .ec_fault_i,
      .req_valid_i(ec_req_valid), .req_ready_o(ec_req_ready), .req_i(key_req), .full_o(full), .resetting_i(resetting),
      .ask_o(ec_ask), .answer_i(ec_answer), .held_o(ec_held), .held_slot_o(ec_held_slot),
      .rnd_ask_o(rnd_ask[1]), .rnd_ready_i(rnd_ready[1]), .rnd_valid_i(rnd_valid[1]), .rnd_take_o(rnd_take[1]),
      .rnd_i(rnd), .rnd_error_i(entropy_error),
      .key_valid_o(ec_key_valid), .key_ready_i(ec_key_ready), .key_o(ec_key), .secret_at_i(ec_secret_at), .secret_o(ec_secret),
      .ar_valid_o(ar_valid[PORTS-1:EC_PORT]), .ar_ready_i(ar_ready[PORTS-1:EC_PORT]), .ar_o(ar[EC_PORT:PORTS-1]),
      .r_valid_i(r_valid[PORTS-1:EC_PORT]), .r_data_i(r_data), .r_err_i(r_err), .r_last_i(r_last),
      .aw_valid_o(aw_valid[PORTS-1:EC_PORT]), .aw_ready_i(aw_ready[PORTS-1:EC_PORT]), .aw_o(aw[EC_PORT:PORTS-1]),
      .w_valid_o(w_valid[PORTS-1:EC_PORT]), .w_ready_i(w_ready[PORTS-1:EC_PORT]),
      .w_data_o(w_data[EC_PORT:PORTS-1]), .w_strb_o(w_strb[EC_PORT:PORTS-1]),
      .b_valid_i(b_valid[PORTS-1:EC_PORT]), .b_err_i(b_err),
      .cpl_valid_o(cpl_valid[PORTS-1:EC_PORT]), .cpl_ready_i(cpl_ready[PORTS-1:EC_PORT]), .cpl_o(cpl[EC_PORT:PORTS-1])
    );
    // Of those queues none is fetched while many operations wait: the FIFO never fills up and stops the others.
    always_ff @(posedge clk_i) begin
      if (chan_valid && chan_ready) asked_q[chan_req.queue_idx[QW-1:0]] <= 1'b0;
      if (ec_req_valid) asked_q[key_req.queue_idx[QW-1:0]] <= 1'b1;
      if (!rst_ni) asked_q <= '0;
    end
    assign ec_waits = asked_q & {QUEUES{full}};
  end else begin : g_no_ec
    /* verilator lint_off UNUSEDSIGNAL */
    logic unused;
    assign unused = &{1'b0, ec_fault_i, ec_req_valid, ec_key_ready, ec_secret_at, ec_answer, rnd_ready[1], rnd_valid[1]};
    /* verilator lint_on UNUSEDSIGNAL */
    assign {ec_req_ready, ec_key_valid, ec_failed, rnd_ask[1], rnd_take[1]} = '0;
    assign ec_wiped        = 1'b1;
    assign ec_ask          = '0;
    assign ec_held         = '0;
    assign ec_held_slot[0] = '0;
    assign ec_key          = '0;
    assign ec_secret       = '0;
    assign ec_waits        = '0;
  end

  // ------------------------------------------------------------------- lanes
  // Each request goes to the next lane that has room.
  logic [3:0] turn_q, lane;
  always_comb begin
    lane = turn_q;
    for (int l = int'(LANES) - 1; l >= 0; l--) if (lane_ready[l]) lane = 4'(l);
    for (int l = int'(LANES) - 1; l >= 0; l--) if (lane_ready[l] && 4'(l) >= turn_q) lane = 4'(l);
    for (int l = 0; l < int'(LANES); l++) lane_take[l] = chan_valid && lane_ready[l] && lane == 4'(l);
  end
  assign chan_ready = lane_ready != '0;
  always_ff @(posedge clk_i) begin
    if (chan_valid && chan_ready) turn_q <= lane == 4'(LANES - 1) ? '0 : lane + 4'd1;
    if (!rst_ni) turn_q <= '0;
  end
  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    gcm_channel #(.DW(AXI_DW), .SLOTS(SLOTS), .QUEUES(QUEUES), .RD_TAGS(RD_TAGS), .SBOX(SBOX)) u_channel (
      .clk_i, .rst_ni, .wipe_i(wipe), .wiped_o(lane_wiped[l]),
      .test_start_i(test_start), .test_done_o(lane_tested[l]), .test_ok_o(lane_test_ok[l]), .test_fault_i(selftest_fault_i),
      .req_valid_i(lane_take[l]), .req_ready_o(lane_ready[l]), .req_i(chan_req), .resetting_i(resetting),
      .cpl_valid_o(cpl_valid[2+l]), .cpl_ready_i(cpl_ready[2+l]), .cpl_o(cpl[2+l]),
      .key_valid_i(key_valid[l]), .key_ready_o(key_ready[l]), .key_clear_i(key_clear), .key_slot_i(key_slot),
      .key_size_i(key_size), .key_i(key), .key_done_o(key_done[l]),
      .ar_valid_o(ar_valid[1+l]), .ar_ready_i(ar_ready[1+l]), .ar_o(ar[1+l]),
      .r_valid_i(r_valid[1+l]), .r_tag_i(r_tag), .r_data_i(r_data), .r_err_i(r_err), .r_last_i(r_last),
      .aw_valid_o(aw_valid[1+l]), .aw_ready_i(aw_ready[1+l]), .aw_o(aw[1+l]),
      .w_valid_o(w_valid[1+l]), .w_ready_i(w_ready[1+l]), .w_data_o(w_data[1+l]), .w_strb_o(w_strb[1+l]),
      .b_valid_i(b_valid[1+l]), .b_err_i(b_err),
      .busy_o(busy[l]), .stall_in_o(stall_in[l]), .stall_out_o(stall_out[l]),
      .bytes_in_o(bytes_in[l]), .bytes_out_o(bytes_out[l])
    );
  end

  // ------------------------------------------------------------- completions
  logic [3:0] last_q, pick;
  logic       cpl_any, write_ready;
  cpl_t       picked;
  always_comb begin
    pick    = '0;
    cpl_any = cpl_valid != '0;
    for (int s = int'(SOURCES) - 1; s >= 0; s--) if (cpl_valid[s]) pick = 4'(s);
    for (int s = int'(SOURCES) - 1; s >= 0; s--) if (cpl_valid[s] && 4'(s) > last_q) pick = 4'(s);
    picked = cpl[0];
    for (int s = 1; s < int'(SOURCES); s++) if (pick == 4'(s)) picked = cpl[s];
    for (int s = 0; s < int'(SOURCES); s++) cpl_ready[s] = write_ready && cpl_valid[s] && pick == 4'(s);
  end
  always_ff @(posedge clk_i) begin
    if (cpl_any && write_ready) last_q <= pick;
    if (!rst_ni) last_q <= '0;
  end
  cq_write #(.DW(AXI_DW), .QUEUES(QUEUES)) u_cq (
    .clk_i, .rst_ni,
    .cpl_valid_i(cpl_any), .cpl_ready_o(write_ready), .cpl_i(picked),
    .queue_o(cpl_queue), .addr_i(cpl_addr), .phase_i(cpl_phase), .sq_head_i(cpl_sq_head), .dead_i(cpl_dead),
    .resetting_i(resetting), .alloc_o(cpl_alloc),
    .posted_o(posted), .posted_queue_o(posted_queue), .posted_err_o(posted_err), .posted_ok_o(posted_ok),
    .aw_valid_o(aw_valid[0]), .aw_ready_i(aw_ready[0]), .aw_o(aw[0]),
    .w_valid_o(w_valid[0]), .w_ready_i(w_ready[0]), .w_data_o(w_data[0]), .w_strb_o(w_strb[0]),
    .b_valid_i(b_valid[0]), .b_err_i(b_err)
  );
endmodule
