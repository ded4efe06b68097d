// SPDX-License-Identifier: Apache-2.0
//
// I3 on the slot memory: once wipe_i has been high for 8 * SLOTS + 3 cycles without a break, no key bit is left in slots, and wiped_o is high
// then and never before; one is enough for the ports to be quiet. What was emptied or wiped is zero until it is filled again.
//
// The real slots, every input free at all times, resets included: no command need be held, nobody need stop. One slot and one word of its
// material of the solver's choice stand for all.
module slots_i3
  import casemate_pkg::*;
  import gcm_pkg::*;
  import slots_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned SLOTS  = 64,
  parameter  int unsigned LANES  = 2,
  localparam int unsigned IW     = $clog2(SLOTS),
  localparam int unsigned N      = 8 * SLOTS + 3      // cycles of wipe_i: the promise
) (
  input logic             clk_i,
  input logic             rst_ni,
  input logic             wipe_i,
  input logic [15:0]      look_slot_i,
  input logic             look_busy_i,
  input logic             count_i,
  input logic             read_ask_i,
  input logic [15:0]      read_slot_i,
  input logic             read_fetch_i,
  input ec_ask_t          ec_ask_i,
  input logic             ec_held_i,
  input logic [15:0]      ec_held_slot_i,
  input logic             put_valid_i,
  input slot_op_e         put_op_i,
  input logic [15:0]      put_slot_i,
  input slot_meta_t       put_meta_i,
  input logic [31:0]      put_used_i,
  input logic             put_word_valid_i,
  input logic [63:0]      put_word_i,
  input logic [LANES-1:0] lane_given_i,
  input logic [LANES-1:0] lane_answered_i,
  input logic [LANES-1:0] key_ready_i,
  input logic [LANES-1:0] key_done_i
);
  // In reset in the first cycle, and then whenever the solver likes.
  logic begun_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && begun_q;
  always_ff @(posedge clk_i) begun_q <= 1'b1;

  // The slot that is looked at: any.
  (* keep *) logic [IW-1:0] s_q;
  (* keep *) logic [2:0]    w_q;   // of its material
  always_ff @(posedge clk_i) begin
    s_q <= s_q;
    w_q <= w_q;
  end

  logic                  wiped, done, clear, put_ask;
  logic [1:0]            grant, read_valid;
  logic [1:0][63:0]      words;
  ec_answer_t            ec_answer;
  assign grant[1]      = ec_answer.grant;
  assign read_valid[1] = ec_answer.valid;
  assign words[1]      = ec_answer.word;
  slot_meta_t            look_meta, read_meta;
  logic [31:0]           look_used, read_used;
  logic [LANES-1:0]      key_valid;
  logic [SLOT_IDX_W-1:0] key_slot;
  key_size_e             key_size;
  logic [255:0]          key;
  slots #(.SLOTS(SLOTS), .LANES(LANES)) u_slots (
    .clk_i, .rst_ni(rst_n), .wipe_i, .wiped_o(wiped),
    .look_slot_i, .look_meta_o(look_meta), .look_used_o(look_used), .look_busy_i, .count_i,
    .read_ask_i, .read_grant_o(grant[0]), .read_slot_i, .read_meta_o(read_meta), .read_used_o(read_used),
    .read_fetch_i, .read_valid_o(read_valid[0]), .read_word_o(words[0]),
    .ec_ask_i, .ec_answer_o(ec_answer), .ec_held_i, .ec_held_slot_i('{ec_held_slot_i}),
    .put_valid_i, .put_op_i, .put_slot_i, .put_meta_i, .put_used_i, .put_ask_o(put_ask), .put_word_valid_i, .put_word_i, .done_o(done),
    .lane_given_i, .lane_answered_i,
    .key_valid_o(key_valid), .key_ready_i, .key_clear_o(clear), .key_slot_o(key_slot), .key_size_o(key_size), .key_o(key), .key_done_i
  );

  localparam logic [2:0] IDLE = 3'd0, DRAIN = 3'd1, STORE = 3'd2, CLEAR = 3'd3, LOAD = 3'd4, WRITE = 3'd5, DONE = 3'd6, SETTLE = 3'd7;   // slots.state_e

  // Cycles that wipe_i has been high without a break, up to N.
  logic [IW+3:0] high_q = '0;
  always_ff @(posedge clk_i) begin
    if (!wipe_i) high_q <= '0;
    else if (32'(high_q) != N) high_q <= high_q + 1'b1;
  end

  // What the public halves that are shown now were read of.
  logic [IW-1:0] look_q, read_q, look_first_q, read_first_q;
  logic [IW+2:0] fetch_first_q, fetch_second_q;   // and of which word the memory's registers are
  always_ff @(posedge clk_i) begin
    fetch_first_q  <= {u_slots.fetch_slot_q, u_slots.fetch_at_q};
    fetch_second_q <= fetch_first_q;
    look_first_q <= look_slot_i[IW-1:0];
    read_first_q <= u_slots.read_q;
    look_q       <= look_first_q;
    read_q       <= read_first_q;
  end
  // No row that flags are picked from has a valid slot.
  logic none_valid;
  always_comb begin
    none_valid = 1'b1;
    for (int r = 0; r < int'(u_slots.u_look.ROWS); r++) begin
      if (u_slots.u_look.rows_q[r][1] || u_slots.u_read.rows_q[r][1]) none_valid = 1'b0;
    end
  end

  // The command that took a slot has been held so far.
  logic          kept_q = 1'b0;
  slot_op_e      op_q;
  logic [IW-1:0] slot_q;
  always_ff @(posedge clk_i) begin
    kept_q <= u_slots.take || (kept_q && u_slots.state_q != IDLE && put_op_i == op_q && put_slot_i[IW-1:0] == slot_q);
    if (u_slots.take) begin
      op_q   <= put_op_i;
      slot_q <= put_slot_i[IW-1:0];
    end
  end

  // Slot s was emptied or wiped, and not filled since.
  logic clean_q = 1'b0;
  logic emptied;
  assign emptied = done && kept_q && op_q == SLOT_EMPTY && slot_q == s_q;
  always_ff @(posedge clk_i) begin
    if (emptied || 32'(high_q) == N) clean_q <= 1'b1;
    if (u_slots.stores && u_slots.fill_q && u_slots.place_q[IW+2:3] == s_q && !wipe_i) clean_q <= 1'b0;
  end

  logic [63:0] word;
  assign word = u_slots.material[{s_q, w_q}];

  // A generation is a count that outlives the key, so that no handle is ever good again.
  function automatic slot_meta_t but_generation(slot_meta_t m);
    but_generation            = m;
    but_generation.generation = '0;
  endfunction

  always_comb begin
    // One cycle without a wipe at first: csr's wipe_o is low after any cycle of reset.
    assume (begun_q || !wipe_i);
    if (begun_q) begin
      // I3: nothing is left after N cycles, for as long as the wipe lasts.
      if (wipe_i && 32'(high_q) == N) begin
        assert (word == '0);
        assert (fetch_second_q != {s_q, w_q} || u_slots.material_q == '0);
        assert (fetch_first_q != {s_q, w_q} || u_slots.material_first_q == '0);
        assert (u_slots.key_q == '0);
        assert (u_slots.meta[s_q] == '0);
        assert (u_slots.used[s_q] == '0);
        assert (look_q != s_q || (but_generation(look_meta) == '0 && look_used == '0));
        assert (read_q != s_q || (but_generation(read_meta) == '0 && read_used == '0));
      end
      // And it is told then: neither before nor later.
      assert (wiped == (wipe_i && 32'(high_q) == N));
      // After two cycles no register but the memory's own has any of it.
      if (wipe_i && 32'(high_q) >= 2) assert (u_slots.key_q == '0);
      // At all times: a word of material goes to who fetched it, and is not there without.
      for (int r = 0; r < 2; r++) assert (read_valid[r] || words[r] == '0);
      assert (read_valid != '1);
      // After one cycle nothing valid is left and nothing is on its way, to lanes nor to the key unit.
      if (wipe_i && high_q != '0) begin
        assert (u_slots.valid_q == '0);
        assert (read_valid == '0 && words == '0);
        assert (key_valid == '0);
        assert (key == '0);
        assert (!clear && !done && u_slots.state_q == IDLE);
      end
      // At all times: no key on the port that is not offered.
      assert (key_valid != '0 || key == '0);
      // Emptied, or wiped in an earlier life.
      assert (!emptied || word == '0);
      assert (!clean_q || word == '0);

      // What makes it inductive.
      assert (!u_slots.may_q || u_slots.state_q == IDLE);
      assert (!u_slots.show_q || (u_slots.state_q == LOAD && u_slots.sent_q != '1));
      assert (grant != '1 && (u_slots.fetch_left_q == '0 || u_slots.fetch_to_q != '1));
      assert (u_slots.fetch_first_q != '1 && u_slots.fetch_second_q != '1);
      if (high_q != '0) assert (!u_slots.show_q && u_slots.fetch_left_q == '0 && u_slots.fetch_first_q == '0 && u_slots.fetch_second_q == '0);
      if (high_q != '0) assert (u_slots.forget_q);
      if (32'(high_q) >= 2) assert (none_valid);
      if (32'(high_q) >= 3) assert (!u_slots.look_flags[1] && !u_slots.read_flags[1]);
      if (32'(high_q) > 8 * SLOTS + 1) assert (fetch_first_q != {s_q, w_q} || u_slots.material_first_q == '0);
      if (32'(high_q) > 8 * SLOTS) begin
        assert (look_first_q != s_q || (u_slots.look_first_q.meta == '0 && u_slots.look_first_q.used == '0));
        assert (read_first_q != s_q || (u_slots.read_first_q.meta == '0 && u_slots.read_first_q.used == '0));
      end
      if (high_q != '0) begin
        assert (u_slots.sweep_q == high_q[IW+2:0] || 32'(high_q) == N);
        assert (u_slots.place_q == high_q[IW+2:0] - 1'b1 || 32'(high_q) == N);
        assert (32'(high_q) <= 32'({s_q, w_q}) + 1 || word == '0);
        assert (32'(high_q) <= 32'({s_q, 3'd0}) + 1 || u_slots.meta[s_q] == '0);
        // Counts a cycle later.
        assert (u_slots.used_we_q && u_slots.used_word_q == '0);
        assert (32'(high_q) < 2 || 32'(high_q) == N || u_slots.used_at_q == IW'((high_q - 2'd2) >> 3));
        assert (32'(high_q) <= 32'({s_q, 3'd0}) + 2 || u_slots.used[s_q] == '0);
      end else assert (u_slots.sweep_q == '0);
      assert (32'(u_slots.wipe_left_q) == N - 32'(high_q) && 32'(high_q) <= N);
      // An empty slot's words, as far as they are overwritten.
      assert (!(kept_q && op_q == SLOT_EMPTY && slot_q == s_q)
              || !(u_slots.state_q inside {CLEAR, LOAD, WRITE, SETTLE, DONE} || (u_slots.state_q == STORE && u_slots.put_at_q > w_q))
              || word == '0);
      assert (high_q == '0 || u_slots.state_q == IDLE);
      assert (!u_slots.may_q || u_slots.state_q == IDLE);
      assert (!kept_q || u_slots.state_q == IDLE || u_slots.place_q == {slot_q, u_slots.put_at_q});
      assert (!kept_q || u_slots.fill_q == (op_q == SLOT_FILL));
    end else assert (high_q == '0 && !kept_q && !clean_q);
  end
endmodule
