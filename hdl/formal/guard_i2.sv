// SPDX-License-Identifier: Apache-2.0
//
// I2: an engine starts on slot s for queue q only if s is valid, owned by q's domain, of the generation the descriptor names, and
// its usage bits allow the operation. I4, on one device: of two seals under a key of policy COUNTER none has the other's IV.
//
// Of engines for elliptic curves, whose decisions are key_guard's (key_guard_i2): no change to a slot begins while one decides on it, and
// none goes on while one holds its key.
//
// The real guard and slots, with every input free; one slot of the solver's choice is followed by a model of what its owner was
// promised. The key unit is left out: its commands to the slots are free, but held until done.
module guard_i2
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
  import slots_pkg::*;
  import ecunit_pkg::*;
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
  input logic                  chan_ready_i,
  input logic                  key_ready_i,
  input logic                  ec_ready_i,
  input logic                  cpl_ready_i,
  input ec_ask_t               ec_ask_i,
  input logic                  ec_held_i,
  input logic [15:0]           ec_held_slot_i,
  input logic                  put_valid_i,
  input slot_op_e              put_op_i,
  input logic [15:0]           put_slot_i,
  input slot_meta_t            put_meta_i,
  input logic [31:0]           put_used_i,
  input logic                  put_word_valid_i,
  input logic [LANES-1:0]      answered_i,
  input logic [LANES-1:0]      lane_key_ready_i,
  input logic [LANES-1:0]      lane_key_done_i
);
  // In reset in the first cycle, never again.
  logic rst_n = 1'b0;
  always_ff @(posedge clk_i) rst_n <= 1'b1;

  // The slot that is looked at: any.
  (* keep *) logic [15:0] s_q;
  always_ff @(posedge clk_i) s_q <= s_q;

  logic         wiped, sub_ready, chan_valid, key_valid, cpl_valid, busy, count, done;
  logic [15:0]  look_slot;
  slot_meta_t   look_meta, read_meta;
  logic [31:0]  look_used, read_used;
  chan_req_t    chan;
  key_req_t     key;
  cpl_t         cpl;
  logic         grant, read_valid, ec_valid;
  logic [63:0]  words;
  ec_answer_t   ec_answer;
  logic         put_ask;
  logic [LANES-1:0]      lane_key_valid;
  logic                  lane_clear;
  logic [SLOT_IDX_W-1:0] lane_slot;
  key_size_e             lane_size;
  logic [255:0]          lane_key;
  guard #(.SLOTS(SLOTS), .QUEUES(QUEUES), .EC(1'b1)) u_guard (
    .clk_i, .rst_ni(rst_n), .wipe_i,
    .sub_valid_i, .sub_ready_o(sub_ready), .sub_queue_i, .sub_i, .domain_i, .resetting_i,
    .slot_o(look_slot), .meta_i(look_meta), .used_i(look_used), .busy_o(busy), .count_o(count),
    .chan_valid_o(chan_valid), .chan_ready_i, .chan_o(chan),
    .key_valid_o(key_valid), .key_ready_i, .ec_valid_o(ec_valid), .ec_ready_i, .key_o(key),
    .cpl_valid_o(cpl_valid), .cpl_ready_i, .cpl_o(cpl)
  );
  slots #(.SLOTS(SLOTS), .LANES(LANES)) u_slots (
    .clk_i, .rst_ni(rst_n), .wipe_i, .wiped_o(wiped),
    .look_slot_i(look_slot), .look_meta_o(look_meta), .look_used_o(look_used), .look_busy_i(busy), .count_i(count),
    .read_ask_i('0), .read_grant_o(grant), .read_slot_i(s_q), .read_meta_o(read_meta), .read_used_o(read_used),
    .read_fetch_i('0), .read_valid_o(read_valid), .read_word_o(words),
    .ec_ask_i, .ec_answer_o(ec_answer), .ec_held_i, .ec_held_slot_i('{ec_held_slot_i}),
    .put_valid_i, .put_op_i, .put_slot_i, .put_meta_i, .put_used_i, .put_ask_o(put_ask), .put_word_valid_i, .put_word_i('0), .done_o(done),
    .lane_given_i(LANES'(chan_valid && chan_ready_i)), .lane_answered_i(answered_i),
    .key_valid_o(lane_key_valid), .key_ready_i(lane_key_ready_i), .key_clear_o(lane_clear), .key_slot_o(lane_slot),
    .key_size_o(lane_size), .key_o(lane_key), .key_done_i(lane_key_done_i)
  );

  localparam logic [2:0] GUARD_IDLE = 3'd0, GUARD_LOOK = 3'd1, GUARD_WAIT = 3'd2, GUARD_DECIDE = 3'd3;   // guard.state_e
  localparam logic [2:0] SLOTS_IDLE = 3'd0, SLOTS_DRAIN = 3'd1, SLOTS_DONE = 3'd6, SLOTS_SETTLE = 3'd7;   // slots.state_e

  // ---------------------------------------------------------- what was promised
  // The slot holds what it was last filled with, until a command takes it; KEY_LOCK changes its rights; seals count.
  logic        p_valid_q = 1'b0;
  slot_meta_t  p_q, looked_q;
  logic [31:0] p_used_q;
  logic        mine;
  assign mine = put_slot_i == s_q;
  always_ff @(posedge clk_i) begin
    if (u_guard.state_q == GUARD_LOOK) looked_q <= p_q;
    if (count && look_slot == s_q) p_used_q <= p_used_q + 32'd1;
    if (mine && u_slots.take) p_valid_q <= 1'b0;
    if (mine && u_slots.now_meta) begin
      p_q <= put_meta_i;
      if (put_op_i != SLOT_RIGHTS) p_q.generation <= put_meta_i.generation;
      else p_q.generation <= p_q.generation;
    end
    if (mine && u_slots.state_q == SLOTS_SETTLE && put_op_i inside {SLOT_FILL, SLOT_EMPTY}) begin
      p_valid_q <= put_op_i == SLOT_FILL;
      p_used_q  <= put_used_i;
    end
    if (!rst_n || wipe_i) p_valid_q <= 1'b0;
  end

  // Zeroized, until the next reset: nothing starts at all.
  logic wiped_q = 1'b0;
  always_ff @(posedge clk_i) wiped_q <= rst_n && wipe_i;

  // The queue's domain when the guard decided: it changes only while a queue is disabled, that is with nothing in flight.
  logic [7:0] domain_q[QUEUES];
  always_ff @(posedge clk_i) domain_q <= domain_i;
  // The key unit's command.
  logic        held_q = 1'b0;
  slot_op_e    op_q;
  logic [15:0] slot_q;
  slot_meta_t  meta_q;
  logic [31:0] used_q;
  always_ff @(posedge clk_i) begin
    held_q <= rst_n && put_valid_i && !done;
    op_q   <= put_op_i;
    slot_q <= put_slot_i;
    meta_q <= put_meta_i;
    used_q <= put_used_i;
  end

  // -------------------------------------------------- what holds in between
  // Invariants that make the property inductive.
  logic        in_range, working, past;
  slot_meta_t  now;
  logic [31:0] now_used;
  assign in_range = 32'(s_q) < SLOTS;
  // The slot's key is being changed; the guard has decided on it, or is about to.
  assign working  = mine && u_slots.state_q != SLOTS_IDLE && u_slots.state_q != SLOTS_DONE && put_op_i != SLOT_RIGHTS;
  assign past     = look_slot == s_q && busy && (u_guard.state_q == GUARD_DECIDE || chan_valid);
  always_comb begin
    now      = '0;
    now_used = '0;
    for (int i = 0; i < int'(SLOTS); i++) begin
      if (s_q == 16'(i)) begin
        now            = u_slots.meta[i];
        now.valid      = u_slots.valid_q[i];
        now.generation = u_slots.used_once_q[i] ? u_slots.generation[i] : '0;
        // Or on its way there.
        now_used       = u_slots.used_we_q && 16'(u_slots.used_at_q) == s_q ? u_slots.used_word_q : u_slots.used[i];
      end
    end
  end
  // What the guard will see in the next cycle.
  slot_meta_t  first;
  logic [1:0]  first_flags;
  assign first_flags = u_slots.u_look.rows_q[u_slots.u_look.row_q];
  always_comb begin
    first            = u_slots.look_first_q.meta;
    first.valid      = first_flags[1];
    first.generation = first_flags[0] ? u_slots.look_first_q.generation : '0;
  end
  logic waits;
  assign waits = u_guard.state_q == GUARD_WAIT && busy && look_slot == s_q && in_range && first.valid;
  function automatic logic same(slot_meta_t a, slot_meta_t b);
    return a.domain == b.domain && a.usage_bits == b.usage_bits && a.generation == b.generation && a.iv_policy == b.iv_policy
        && a.limit == b.limit;
  endfunction

  // A change went on in the last cycle; a key that it changes was held in the one before.
  logic stores_q = 1'b0, held_before_q = 1'b0, held_now_q = 1'b0;
  always_ff @(posedge clk_i) begin
    held_now_q    <= ec_held_i && ec_held_slot_i[$clog2(SLOTS)-1:0] == put_slot_i[$clog2(SLOTS)-1:0];
    held_before_q <= held_now_q;
    stores_q      <= rst_n && u_slots.state_q == SLOTS_DRAIN && u_slots.state_d != SLOTS_DRAIN && !wipe_i;
  end

  logic seal, starts;
  assign seal   = chan.sub.opcode == OPCODE_GCM_SEAL;
  assign starts = rst_n && chan_valid && chan.sub.slot == s_q;

  always_comb begin
    for (int q = 0; q < int'(QUEUES); q++) begin
      assume (!rst_n || u_guard.queue_q != QW'(q) || u_guard.state_q == GUARD_IDLE || domain_i[q] == domain_q[q]);
    end
    assume (!wiped_q || wipe_i);
    if (wiped_q) assert (!chan_valid && ((!key_valid && !ec_valid) || key.status != STATUS_OK));
    assume (!put_valid_i || 32'(put_slot_i) < SLOTS);
    // KEY_LOCK changes no domain: key_guard_i2.
    assume (!put_valid_i || put_op_i != SLOT_RIGHTS || !mine || put_meta_i.domain == p_q.domain);
    // Engines count what may sign on a curve (key_guard_i2), and no type may both do that and seal.
    assume (!ec_ask_i.count || ec_ask_i.key_slot[$clog2(SLOTS)-1:0] != s_q[$clog2(SLOTS)-1:0]);
    // The key unit counts what may wrap (key_guard_i2), and no type may both wrap and seal.
    assume (!put_valid_i || put_op_i != SLOT_COUNT || !mine);
    assume (!held_q || (put_valid_i && put_op_i == op_q && put_slot_i == slot_q && put_meta_i == meta_q && put_used_i == used_q));
    if (rst_n && !wiped_q) begin
      // The slot's public half is what was promised.
      assert (u_slots.state_q == SLOTS_IDLE || (held_q && 32'(put_slot_i) < SLOTS));
      assert (u_slots.state_q inside {SLOTS_IDLE, SLOTS_SETTLE, SLOTS_DONE} || put_op_i != SLOT_RIGHTS);
      assert (!in_range || now.valid == p_valid_q);
      assert (!in_range || !now.valid || (same(now, p_q) && now_used == p_used_q));
      assert (in_range || !p_valid_q);
      assert (!working || !p_valid_q);
      assert (u_slots.this_q == SLOTS'(1) << slot_q[$clog2(SLOTS)-1:0]);
      assert (!u_slots.may_q || (held_q && op_q inside {SLOT_FILL, SLOT_EMPTY} && u_slots.state_q == SLOTS_IDLE));
      assert (!u_slots.asked_q || held_q);
      assert (!u_slots.rights_q || (held_q && op_q == SLOT_RIGHTS && u_slots.state_q == SLOTS_IDLE));
      assert (!u_slots.count_q || (held_q && op_q == SLOT_COUNT && u_slots.state_q == SLOTS_IDLE));
      assert (u_slots.used_next_q == u_slots.look_q.used + 32'd1);
      assert (!held_q || u_slots.place_q[$clog2(SLOTS)+2:3] == slot_q[$clog2(SLOTS)-1:0]);
      assert (u_slots.state_q != SLOTS_SETTLE || !(put_op_i inside {SLOT_FILL, SLOT_EMPTY})
              || (u_slots.used_we_q && u_slots.used_at_q == put_slot_i[$clog2(SLOTS)-1:0] && u_slots.used_word_q == put_used_i));
      // No count is on its way while the guard reads it.
      assert (!(u_guard.state_q inside {GUARD_LOOK, GUARD_WAIT}) || !now.valid || !u_slots.used_we_q || 16'(u_slots.used_at_q) != s_q);
      assert (!waits || (p_valid_q && same(first, looked_q) && u_slots.look_first_q.used == p_used_q));
      assert (!waits || (looked_q.domain == p_q.domain && looked_q.generation == p_q.generation));
      assert (!(past && u_guard.state_q == GUARD_DECIDE && in_range && look_meta.valid)
              || (p_valid_q && same(look_meta, looked_q) && look_used == p_used_q));
      assert (!(past && u_guard.state_q == GUARD_DECIDE && in_range && look_meta.valid)
              || (looked_q.domain == p_q.domain && looked_q.generation == p_q.generation));

      // I2.
      assert (!u_slots.take || !ec_ask_i.busy || ec_ask_i.key_slot[$clog2(SLOTS)-1:0] != put_slot_i[$clog2(SLOTS)-1:0]);
      assert (held_now_q == u_slots.held_q);
      assert (!stores_q || !held_before_q);
      assert (!chan_valid || 32'(chan.sub.slot) < SLOTS);
      assert (!starts || seal || chan.sub.opcode == OPCODE_GCM_OPEN);
      assert (!starts || p_valid_q);
      assert (!starts || looked_q.domain == domain_i[chan.queue_idx[QW-1:0]]);
      assert (!starts || looked_q.generation == chan.sub.generation);
      assert (!starts || looked_q.usage_bits[seal ? USAGE_ENCRYPT : USAGE_DECRYPT]);
      // Nobody touches a lane's copy of the slot meanwhile.
      assert (!starts || !working);

      // I4.
      assert (!starts || chan.counter == (seal && looked_q.iv_policy == IV_POLICY_COUNTER[1:0]));
      assert (!starts || !seal || p_used_q != '0);
      assert (!starts || !seal || p_used_q - 32'd1 < looked_q.limit);
      assert (!starts || !chan.counter
              || {chan.sub.iv2[7:0], chan.sub.iv2[15:8], chan.sub.iv2[23:16], chan.sub.iv2[31:24]} == p_used_q - 32'd1);
      assert (!starts || !chan.counter || (chan.sub.iv_len == 10'd12 && {chan.sub.iv1, chan.sub.iv0} == '0));
      assert (!starts || !seal || u_guard.count_q == p_used_q - 32'd1);
    end
  end
endmodule
