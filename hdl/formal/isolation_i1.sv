// SPDX-License-Identifier: Apache-2.0
//
// I1 on registers, guard and slots: two copies of each, given the same in everything but the bytes of keys, show the same in
// everything but the lanes' key port, the key window on its way to the key unit, and the words of material on their way to a reader.
//
// The real csr, guard and slots, every input free. Keys come in by writes to the key window, which may carry other data in either copy,
// and by the key unit's words to the slots. The key unit's engines are left out: what it commands but for the key is the same.
module isolation_i1
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
  import slots_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned SLOTS  = 2,
  parameter  int unsigned QUEUES = 2,
  localparam int unsigned LANES  = 1,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input logic              clk_i,
  input logic              awvalid_i,
  input logic [19:0]       awaddr_i,
  input logic              wvalid_i,
  input logic [31:0]       wdata_i[2],
  input logic [3:0]        wstrb_i,
  input logic              bready_i,
  input logic              arvalid_i,
  input logic [19:0]       araddr_i,
  input logic              rready_i,
  input logic [31:0]       reg_rdata_i,
  input logic              reg_err_i,
  input logic              wiped_i,
  input logic              selftest_done_i,
  input logic              selftest_ok_i,
  input logic              window_hold_i,
  input logic [2:0]        window_at_i,
  input logic              window_clear_i,
  input logic [6:0]        events_i,
  input logic [8:0]        bytes_in_i[LANES],
  input logic [8:0]        bytes_out_i[LANES],
  input logic [2:0]        lane_i,
  input logic              sub_valid_i,
  input logic [QW-1:0]     sub_queue_i,
  input submission_t       sub_i,
  input logic [7:0]        domain_i[QUEUES],
  input logic [QUEUES-1:0] resetting_i,
  input logic              chan_ready_i,
  input logic              key_ready_i,
  input logic              cpl_ready_i,
  input logic              read_ask_i,
  input logic [15:0]       read_slot_i,
  input logic              read_fetch_i,
  input ec_ask_t           ec_ask_i,
  input logic              ec_held_i,
  input logic [15:0]       ec_held_slot_i,
  input logic              ec_ready_i,
  input logic              put_valid_i,
  input slot_op_e          put_op_i,
  input logic [15:0]       put_slot_i,
  input slot_meta_t        put_meta_i,
  input logic [31:0]       put_used_i,
  input logic              put_word_valid_i,
  input logic [63:0]       put_word_i[2],
  input logic [LANES-1:0]  lane_given_i,
  input logic [LANES-1:0]  lane_answered_i,
  input logic [LANES-1:0]  lane_key_ready_i,
  input logic [LANES-1:0]  lane_key_done_i
);
  // In reset in the first cycle, never again.
  logic rst_n = 1'b0;
  always_ff @(posedge clk_i) rst_n <= 1'b1;

  localparam logic [2:0] CSR_ACCESS = 3'd1;   // csr.state_e

  // What each copy shows.
  typedef struct packed {
    logic             awready, wready, bvalid, arready, rvalid;
    logic [1:0]       bresp, rresp;
    logic [31:0]      rdata;
    logic             reg_valid, reg_bind, reg_write;
    logic [QW-1:0]    reg_queue;
    logic [11:0]      reg_off;
    logic [31:0]      reg_wdata;   // with reg_valid
    logic             clear_counters, sealed, wipe;
    logic [15:0]      window_words;
    logic             sub_ready, chan_valid, key_valid, cpl_valid;
    chan_req_t        chan;
    key_req_t         key;
    cpl_t             cpl;
    slot_meta_t       look_meta, read_meta;
    logic [31:0]      look_used, read_used;
    logic [1:0]       read_grant, read_valid;
    logic             ec_valid, ec_counted;
    logic             put_ask, put_done, slots_wiped;
    logic [LANES-1:0] lane_valid;
    logic             lane_clear;
    logic [SLOT_IDX_W-1:0] lane_slot;
    key_size_e        lane_size;
  } shown_t;
  // Everything that remembers, but for keys.
  typedef struct packed {
    logic [2:0]              csr_state;
    logic                    write, bad, tamper, sealed, wipe;
    logic [19:0]             addr;
    logic [31:0]             wdata, own, high, rdata;
    logic [1:0]              bresp, rresp;
    logic [15:0]             written;
    logic [8:0][63:0]        counts;
    logic [2:0]              guard_state;
    status_e                 fixed;
    submission_t             sub;
    logic [QW-1:0]           queue;
    status_e                 verdict;
    key_size_e               size;
    logic                    counter;
    logic [31:0]             count;
    logic [2:0]              slots_state;
    logic [SLOTS-1:0]        valid, used_once, this_slot;
    logic                    asked;
    logic                    may, rights, count_op, aes, filled, fill, put_ask, show, forget;
    logic [2:0]              put_at, window_at;
    logic                    held;
    logic [1:0]              grant, fetch_to, fetch_first, fetch_second, came;
    logic                    turn;
    logic [3:0]              fetch_left;
    logic [2:0]              fetch_at;
    logic [7:0]              read_slot, fetch_slot;
    logic [255:0]            look_first, look, read_first, read;
    logic [2*SLOTS-1:0]      look_rows, read_rows;
    logic [7:0]              look_row, read_row;
    logic [1:0]              look_flags, read_flags;
    logic [SLOTS-1:0][15:0]  generation;
    slot_meta_t [SLOTS-1:0]  meta;
    logic [SLOTS-1:0][31:0]  used;
    logic [31:0]             used_next, used_word;
    logic                    used_we;
    logic [7:0]              used_at;
    logic [LANES-1:0]        sent, finished;
    logic [9:0]              lane_out, lane_old;
    logic [$clog2(SLOTS)+2:0] sweep, place;
    logic [$clog2(SLOTS)+3:0] wipe_left;
  } state_t;
  shown_t shown[2];
  state_t state[2];
  logic   on_port[2], stray[2];
  logic [255:0] key_port[2];
  for (genvar c = 0; c < 2; c++) begin : g_copy
    logic         look_busy, count;
    logic [15:0]  look_slot;
    logic [63:0]  window;
    logic [1:0][63:0] words;
    ec_answer_t       ec_answer;
    assign shown[c].read_grant[1] = ec_answer.grant;
    assign shown[c].read_valid[1] = ec_answer.valid;
    assign shown[c].ec_counted    = ec_answer.counted;
    assign words[1]               = ec_answer.word;
    csr #(.LANES(LANES), .SLOTS(SLOTS), .QUEUES(QUEUES)) u_csr (
      .clk_i, .rst_ni(rst_n),
      .s_axil_awvalid_i(awvalid_i), .s_axil_awready_o(shown[c].awready), .s_axil_awaddr_i(awaddr_i),
      .s_axil_wvalid_i(wvalid_i), .s_axil_wready_o(shown[c].wready), .s_axil_wdata_i(wdata_i[c]), .s_axil_wstrb_i(wstrb_i),
      .s_axil_bvalid_o(shown[c].bvalid), .s_axil_bready_i(bready_i), .s_axil_bresp_o(shown[c].bresp),
      .s_axil_arvalid_i(arvalid_i), .s_axil_arready_o(shown[c].arready), .s_axil_araddr_i(araddr_i),
      .s_axil_rvalid_o(shown[c].rvalid), .s_axil_rready_i(rready_i), .s_axil_rdata_o(shown[c].rdata), .s_axil_rresp_o(shown[c].rresp),
      .reg_valid_o(shown[c].reg_valid), .reg_bind_o(shown[c].reg_bind), .reg_write_o(shown[c].reg_write),
      .reg_queue_o(shown[c].reg_queue), .reg_off_o(shown[c].reg_off), .reg_wdata_o(shown[c].reg_wdata),
      .reg_rdata_i, .reg_err_i,
      .clear_counters_o(shown[c].clear_counters), .sealed_o(shown[c].sealed),
      .wipe_o(shown[c].wipe), .wiped_i, .selftest_done_i, .selftest_ok_i,
      .window_hold_i, .window_at_i, .window_o(window), .window_words_o(shown[c].window_words), .window_clear_i,
      .tamper_i(events_i[0]), .entropy_error_i(events_i[1]), .any_error_i(events_i[2]), .any_busy_i(events_i[3]),
      .req_in_i(events_i[4]), .req_out_i(events_i[5]), .req_err_i(events_i[6]),
      .bytes_in_i, .bytes_out_i, .busy_i(lane_i[0]), .stall_in_i(lane_i[1]), .stall_out_i(lane_i[2])
    );
    guard #(.SLOTS(SLOTS), .QUEUES(QUEUES), .EC(1'b1)) u_guard (
      .clk_i, .rst_ni(rst_n), .wipe_i(shown[c].wipe),
      .sub_valid_i, .sub_ready_o(shown[c].sub_ready), .sub_queue_i, .sub_i, .domain_i, .resetting_i,
      .slot_o(look_slot), .meta_i(shown[c].look_meta), .used_i(shown[c].look_used), .busy_o(look_busy), .count_o(count),
      .chan_valid_o(shown[c].chan_valid), .chan_ready_i, .chan_o(shown[c].chan),
      .key_valid_o(shown[c].key_valid), .key_ready_i, .ec_valid_o(shown[c].ec_valid), .ec_ready_i, .key_o(shown[c].key),
      .cpl_valid_o(shown[c].cpl_valid), .cpl_ready_i, .cpl_o(shown[c].cpl)
    );
    slots #(.SLOTS(SLOTS), .LANES(LANES)) u_slots (
      .clk_i, .rst_ni(rst_n), .wipe_i(shown[c].wipe), .wiped_o(shown[c].slots_wiped),
      .look_slot_i(look_slot), .look_meta_o(shown[c].look_meta), .look_used_o(shown[c].look_used), .look_busy_i(look_busy), .count_i(count),
      .read_ask_i, .read_grant_o(shown[c].read_grant[0]), .read_slot_i, .read_meta_o(shown[c].read_meta), .read_used_o(shown[c].read_used),
      .read_fetch_i, .read_valid_o(shown[c].read_valid[0]), .read_word_o(words[0]),
      .ec_ask_i, .ec_answer_o(ec_answer), .ec_held_i, .ec_held_slot_i('{ec_held_slot_i}),
      .put_valid_i, .put_op_i, .put_slot_i, .put_meta_i, .put_used_i, .put_ask_o(shown[c].put_ask), .put_word_valid_i,
      .put_word_i(put_word_i[c]), .done_o(shown[c].put_done),
      .lane_given_i, .lane_answered_i,
      .key_valid_o(shown[c].lane_valid), .key_ready_i(lane_key_ready_i), .key_clear_o(shown[c].lane_clear),
      .key_slot_o(shown[c].lane_slot), .key_size_o(shown[c].lane_size), .key_o(key_port[c]), .key_done_i(lane_key_done_i)
    );
    // Words of material go to who fetched them, and to nobody else.
    assign stray[c] = (words[0] != '0 && !shown[c].read_valid[0]) || (words[1] != '0 && !shown[c].read_valid[1]) || shown[c].read_valid == '1;
    assign on_port[c] = shown[c].lane_valid != '0 && !shown[c].lane_clear;
    always_comb begin
      state[c] = '0;
      state[c].csr_state   = u_csr.state_q;
      state[c].write       = u_csr.write_q;
      state[c].bad         = u_csr.bad_q;
      state[c].tamper      = u_csr.tamper_q;
      state[c].sealed      = u_csr.sealed_o;
      state[c].wipe        = u_csr.wipe_o;
      state[c].addr        = u_csr.addr_q;
      state[c].wdata       = u_csr.wdata_q;
      state[c].own         = u_csr.own_q;
      state[c].high        = u_csr.high_q;
      state[c].rdata       = u_csr.s_axil_rdata_o;
      state[c].bresp       = u_csr.s_axil_bresp_o;
      state[c].rresp       = u_csr.s_axil_rresp_o;
      state[c].written     = u_csr.written_q;
      for (int i = 0; i < 9; i++) state[c].counts[i] = u_csr.count_q[i];
      state[c].guard_state = u_guard.state_q;
      state[c].fixed       = u_guard.fixed_q;
      state[c].sub         = u_guard.sub_q;
      state[c].queue       = u_guard.queue_q;
      state[c].verdict     = u_guard.verdict_q;
      state[c].size        = u_guard.size_q;
      state[c].counter     = u_guard.counter_q;
      state[c].count       = u_guard.count_q;
      state[c].slots_state = u_slots.state_q;
      state[c].valid       = u_slots.valid_q;
      state[c].used_once   = u_slots.used_once_q;
      state[c].this_slot   = u_slots.this_q;
      state[c].asked       = u_slots.asked_q;
      state[c].may         = u_slots.may_q;
      state[c].rights      = u_slots.rights_q;
      state[c].count_op    = u_slots.count_q;
      state[c].aes         = u_slots.aes_q;
      state[c].filled      = u_slots.filled_q;
      state[c].fill        = u_slots.fill_q;
      state[c].put_ask     = u_slots.put_ask_o;
      state[c].put_at      = u_slots.put_at_q;
      state[c].show        = u_slots.show_q;
      state[c].forget      = u_slots.forget_q;
      state[c].window_at   = u_csr.window_at_q;
      state[c].grant       = u_slots.grant_q;
      state[c].held        = u_slots.held_q;
      state[c].turn        = u_slots.turn_q;
      state[c].fetch_left  = u_slots.fetch_left_q;
      state[c].fetch_at    = u_slots.fetch_at_q;
      state[c].fetch_to    = u_slots.fetch_to_q;
      state[c].fetch_first  = u_slots.fetch_first_q;
      state[c].fetch_second = u_slots.fetch_second_q;
      state[c].came        = u_slots.valid_word_q;
      state[c].read_slot   = 8'(u_slots.read_q);
      state[c].fetch_slot  = 8'(u_slots.fetch_slot_q);
      state[c].look_first  = 256'(u_slots.look_first_q);
      state[c].look        = 256'(u_slots.look_q);
      state[c].read_first  = 256'(u_slots.read_first_q);
      state[c].read        = 256'(u_slots.read_public_q);
      state[c].look_rows   = (2*SLOTS)'(u_slots.u_look.rows_q);
      state[c].read_rows   = (2*SLOTS)'(u_slots.u_read.rows_q);
      state[c].look_row    = 8'(u_slots.u_look.row_q);
      state[c].read_row    = 8'(u_slots.u_read.row_q);
      state[c].look_flags  = u_slots.u_look.flags_o;
      state[c].read_flags  = u_slots.u_read.flags_o;
      for (int i = 0; i < int'(SLOTS); i++) begin
        state[c].generation[i] = u_slots.generation[i];
        state[c].meta[i]       = u_slots.meta[i];
        state[c].used[i]       = u_slots.used[i];
      end
      state[c].used_next   = u_slots.used_next_q;
      state[c].used_word   = u_slots.used_word_q;
      state[c].used_we     = u_slots.used_we_q;
      state[c].used_at     = 8'(u_slots.used_at_q);
      state[c].sent        = u_slots.sent_q;
      state[c].finished    = u_slots.finished_q;
      state[c].lane_out    = u_slots.g_lane[0].out_q;
      state[c].lane_old    = u_slots.g_lane[0].old_q;
      state[c].sweep       = u_slots.sweep_q;
      state[c].place       = u_slots.place_q;
      state[c].wipe_left   = u_slots.wipe_left_q;
      // A word of a key between the bus and the window.
      if (u_csr.state_q == CSR_ACCESS && u_csr.write_q && u_csr.is_window) state[c].wdata = '0;
    end
  end

  logic to_window;
  shown_t a, b;
  assign to_window = awvalid_i && wvalid_i && awaddr_i >= REG_KEY_WINDOW && awaddr_i < REG_KEY_WINDOW + 20'h40;
  always_comb begin
    a = shown[0];
    b = shown[1];
    if (!a.reg_valid) a.reg_wdata = '0;
    if (!b.reg_valid) b.reg_wdata = '0;
    // The same at power-up, keys apart; the same data on the bus, keys apart.
    assume (rst_n || state[0] == state[1]);
    assume (wdata_i[0] == wdata_i[1] || (to_window && rst_n));
    // What makes it inductive, and I1.
    assert (state[0] == state[1]);
    if (rst_n) begin
      assert (a == b);
      // A key is on the lanes' port only while one is handed over.
      for (int c = 0; c < 2; c++) begin
        assert (on_port[c] || key_port[c] == '0);
        assert (!stray[c]);
        // What makes it inductive.
        assert (!state[c].show || on_port[c]);
        assert (state[c].grant != '1 && (state[c].fetch_left == '0 || state[c].fetch_to != '1));
        assert (state[c].fetch_first != '1 && state[c].fetch_second != '1);
      end
    end
  end
endmodule
