// SPDX-License-Identifier: Apache-2.0
//
// I2: an engine starts on slot s for queue q only if s is valid, owned by q's domain, of the generation the descriptor names, and
// its usage bits allow the operation. The real guard and the real slots, with every input free; one slot of the solver's choice
// is followed by a model of what its owner was promised.
module guard_i2
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned SLOTS  = 4,
  parameter  int unsigned QUEUES = 4,
  localparam int unsigned LANES  = 1,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input logic                  clk_i,
  input logic                  wipe_i,
  input logic                  sub_valid_i,
  input logic [QW-1:0]         sub_queue_i,
  input submission_t           sub_i,
  input logic [7:0]            domain_i[QUEUES],
  input logic [QUEUES-1:0]     resetting_i,
  input logic [7:0]            window_words_i,
  input logic                  sealed_i,
  input logic [511:0]          window_i,
  input logic                  chan_ready_i,
  input logic [LANES-1:0]      answered_i,
  input logic [LANES-1:0]      key_ready_i,
  input logic [LANES-1:0]      key_done_i,
  input logic                  cpl_ready_i,
  input logic                  slot_cpl_ready_i
);
  // In reset in the first cycle, never again.
  logic rst_n = 1'b0;
  always_ff @(posedge clk_i) rst_n <= 1'b1;

  // The slot and the queue that are looked at: any.
  (* keep *) logic [15:0] s_q;
  always_ff @(posedge clk_i) s_q <= s_q;

  logic         wiped, sub_ready, chan_valid, key_valid, key_ready, cpl_valid, window_clear, slot_cpl_valid;
  logic [15:0]  look_slot;
  slot_meta_t   look_meta;
  chan_req_t    chan;
  key_req_t     key;
  cpl_t         cpl, slot_cpl;
  logic [LANES-1:0] key_lane_valid;
  logic         key_clear;
  logic [SLOT_IDX_W-1:0] key_slot;
  key_size_e    key_size;
  logic [255:0] key_bytes;
  guard #(.SLOTS(SLOTS), .QUEUES(QUEUES)) u_guard (
    .clk_i, .rst_ni(rst_n), .wipe_i,
    .sub_valid_i, .sub_ready_o(sub_ready), .sub_queue_i, .sub_i, .domain_i, .resetting_i,
    .slot_o(look_slot), .meta_i(look_meta), .window_i(window_words_i), .sealed_i, .window_clear_o(window_clear),
    .chan_valid_o(chan_valid), .chan_ready_i, .chan_o(chan),
    .key_valid_o(key_valid), .key_ready_i(key_ready), .key_o(key),
    .cpl_valid_o(cpl_valid), .cpl_ready_i, .cpl_o(cpl)
  );
  slots #(.SLOTS(SLOTS), .LANES(LANES)) u_slots (
    .clk_i, .rst_ni(rst_n), .wipe_i, .wiped_o(wiped),
    .look_slot_i(look_slot), .look_meta_o(look_meta),
    .req_valid_i(key_valid), .req_ready_o(key_ready), .req_i(key), .window_i,
    .lane_given_i(LANES'(chan_valid && chan_ready_i)), .lane_answered_i(answered_i),
    .key_valid_o(key_lane_valid), .key_ready_i, .key_clear_o(key_clear), .key_slot_o(key_slot), .key_size_o(key_size),
    .key_o(key_bytes), .key_done_i,
    .cpl_valid_o(slot_cpl_valid), .cpl_ready_i(slot_cpl_ready_i), .cpl_o(slot_cpl)
  );

  // ---------------------------------------------------------- what was promised
  // The slot's owner was told it is loaded; nobody was let through to load or destroy it since.
  logic       p_valid_q = 1'b0, pending_q = 1'b0;
  slot_meta_t p_q, coming_q;
  always_ff @(posedge clk_i) begin
    if (slot_cpl_valid && pending_q) begin
      pending_q <= 1'b0;
      if (!coming_q.valid) p_valid_q <= 1'b0;
      else begin
        p_valid_q      <= 1'b1;
        p_q            <= coming_q;
        p_q.generation <= slot_cpl.result[15:0];
      end
    end
    if (key_valid && key_ready && key.slot == s_q) begin
      p_valid_q      <= 1'b0;
      pending_q      <= 1'b1;
      coming_q       <= key.meta;
      coming_q.valid <= !key.destroy;
    end
    if (!rst_n) begin
      p_valid_q <= 1'b0;
      pending_q <= 1'b0;
    end
  end

  // Zeroized, until the next reset: nothing starts at all.
  logic wiped_q = 1'b0;
  always_ff @(posedge clk_i) wiped_q <= rst_n && wipe_i;

  // The queue's domain when the guard decided: it changes only while a queue is disabled, that is with nothing in flight.
  logic [7:0] domain_q[QUEUES];
  always_ff @(posedge clk_i) domain_q <= domain_i;

  // -------------------------------------------------- what holds in between
  // Invariants that make the property inductive.
  localparam logic [1:0] GUARD_IDLE = 2'd0, GUARD_DECIDE = 2'd2;   // guard.state_e
  localparam logic [2:0] SLOTS_IDLE = 3'd0, SLOTS_DONE = 3'd5;     // slots.state_e
  logic       in_range, mine, done;
  slot_meta_t now;
  assign in_range = 32'(s_q) < SLOTS;
  assign mine     = u_slots.state_q != SLOTS_IDLE && u_slots.req_q.slot == s_q;
  assign done     = u_slots.state_q == SLOTS_DONE;
  always_comb begin
    now = '0;
    for (int i = 0; i < int'(SLOTS); i++) if (s_q == 16'(i)) now = u_slots.meta[i];
  end
  function automatic logic same(slot_meta_t a, slot_meta_t b);
    return a.domain == b.domain && a.usage_bits == b.usage_bits && a.generation == b.generation;
  endfunction
  slot_meta_t due;
  always_comb begin
    due            = coming_q;
    due.generation = u_slots.generation_q;
  end

  logic seal, starts;
  assign seal   = chan.sub.opcode == OPCODE_GCM_SEAL;
  assign starts = rst_n && chan_valid && chan.sub.slot == s_q;
  always_comb begin
    for (int q = 0; q < int'(QUEUES); q++) begin
      assume (!rst_n || u_guard.queue_q != QW'(q) || u_guard.state_q == GUARD_IDLE || domain_i[q] == domain_q[q]);
    end
    assume (!wiped_q || wipe_i);
    if (wiped_q) assert (!chan_valid && !key_valid);
    if (rst_n && !wiped_q) begin
      // The slot's operation in progress, here and there.
      assert (u_slots.state_q == SLOTS_IDLE || 32'(u_slots.req_q.slot) < SLOTS);
      assert (!pending_q || mine);
      assert (!mine || pending_q || done);
      assert (!pending_q || (coming_q.valid == !u_slots.req_q.destroy && coming_q.domain == u_slots.req_q.meta.domain
              && coming_q.usage_bits == u_slots.req_q.meta.usage_bits));
      assert (!pending_q || !p_valid_q);
      assert (!pending_q || done || !now.valid);
      // The slot's public half is what was promised, or in the one cycle before the promise what it will be.
      assert (!in_range || !now.valid || (p_valid_q && same(now, p_q)) || (pending_q && done && coming_q.valid && same(now, due)));
      assert (u_guard.state_q != GUARD_DECIDE || u_guard.sub_q.slot != s_q || !in_range || !look_meta.valid
              || (p_valid_q && same(look_meta, p_q)));
      assert (!key_valid || 32'(key.slot) < SLOTS);

      // The property.
      assert (!chan_valid || 32'(chan.sub.slot) < SLOTS);
      assert (!starts || seal || chan.sub.opcode == OPCODE_GCM_OPEN);
      assert (!starts || p_valid_q);
      assert (!starts || p_q.domain == domain_i[chan.queue_idx[QW-1:0]]);
      assert (!starts || p_q.generation == chan.sub.generation);
      assert (!starts || p_q.usage_bits[seal ? USAGE_ENCRYPT : USAGE_DECRYPT]);
    end
  end
endmodule
