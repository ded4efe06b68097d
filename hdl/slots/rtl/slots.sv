// SPDX-License-Identifier: Apache-2.0
//
// The key slots. The public half (type, domain, usage, ...) is read by the guard and by two readers, the material by those and by the
// lanes, over a port of their own, and by nothing else. Reader 0 is the key unit, reader 1 the engines for elliptic curves.
//
// Readers take turns: whoever asks waits for its grant and keeps it for as long as it asks. It gives a slot's number, and sees the public
// half three cycles later (a count a cycle after it was made); material comes when it fetches, eight words of 8 bytes in cycles that follow each other, the first four cycles
// later, to it alone, byte i of a word in [8*i +: 8].
//
// The key unit changes one slot at a time, and holds its command until done_o:
//   SLOT_FILL    the key and its metadata; from an AES key the lanes make their round keys. The key's eight words are asked for by
//                put_ask_o and come in cycles that follow each other
//   SLOT_EMPTY   zeros everywhere
//   SLOT_RIGHTS  the metadata alone
// To fill or empty a slot first makes it empty, in a cycle in which neither the guard nor an engine decides on it, then waits until each lane has
// answered every request that it had been given up to then (lanes answer in order), and until no engine holds the slot's key, so no
// request ever sees a key change under it;
// of an empty slot no request is left. Other slots stay in use meanwhile. A lane's copy is cleared before a new one is made: that
// of a shorter key would leave round keys of the old one.
//
// Wipe: from wipe_i on every slot is empty and its material is overwritten word by word, until reset; wiped_o says that nothing is left. A
// command ends without done_o.
module slots
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
  import slots_pkg::*;
  import ecunit_pkg::*;
#(
  parameter int unsigned SLOTS = 64,
  parameter int unsigned LANES = 1,
  parameter int unsigned EC    = 1             // engines for elliptic curves, or 1 that never asks
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,         // zeroize: stays until reset
  output logic                  wiped_o,
  // Guard: the slot that it looks at, two cycles later; whether it decides on it, or has let a request through and not handed over; a seal counts.
  /* verilator lint_off UNUSEDSIGNAL */  // beyond SLOTS: refused there
  input  logic [15:0]           look_slot_i,
  output slot_meta_t            look_meta_o,
  output logic [31:0]           look_used_o,
  input  logic                  look_busy_i,
  input  logic                  count_i,
  // Key unit, the first reader.
  input  logic                  read_ask_i,
  output logic                  read_grant_o,
  input  logic [15:0]           read_slot_i,
  output slot_meta_t            read_meta_o,
  output logic [31:0]           read_used_o,
  input  logic                  read_fetch_i,   // with its grant; the slot whose number is there
  output logic                  read_valid_o,
  output logic [63:0]           read_word_o,    // zero but with its read_valid_o
  // Engines for elliptic curves, the second; slots whose keys they hold.
  input  ec_ask_t               ec_ask_i,
  output ec_answer_t            ec_answer_o,
  input  logic [EC-1:0]         ec_held_i,
  input  logic [15:0]           ec_held_slot_i[EC],
  // Changes.
  input  logic                  put_valid_i,
  input  slot_op_e              put_op_i,
  input  logic [15:0]           put_slot_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  slot_meta_t            put_meta_i,
  input  logic [31:0]           put_used_i,
  output logic                  put_ask_o,
  input  logic                  put_word_valid_i,
  input  logic [63:0]           put_word_i,
  output logic                  done_o,
  // Lanes: requests given and answered.
  input  logic [LANES-1:0]      lane_given_i,
  input  logic [LANES-1:0]      lane_answered_i,
  output logic [LANES-1:0]      key_valid_o,
  input  logic [LANES-1:0]      key_ready_i,
  output logic                  key_clear_o,
  output logic [SLOT_IDX_W-1:0] key_slot_o,
  output key_size_e             key_size_o,
  output logic [255:0]          key_o,
  input  logic [LANES-1:0]      key_done_i
);
  localparam int unsigned IW = $clog2(SLOTS);
  localparam int unsigned WW = IW + 3;           // of a word of material
  localparam int unsigned WIPE_CYCLES = 8 * SLOTS + 3;
  // Registers: whether there is a key, and whether its slot had one since the reset. The rest is memory, and means nothing without.
  logic [SLOTS-1:0] valid_q, used_once_q;
  (* no_rw_check *) logic [15:0] generation[SLOTS];
  (* no_rw_check *) slot_meta_t  meta[SLOTS];
  (* no_rw_check *) logic [31:0] used[SLOTS];
  (* ram_style = "block", no_rw_check *) logic [63:0] material[8*SLOTS];

  // Two registers after the memories: the second is a block RAM's own, without which it is slow.
  typedef struct packed {
    slot_meta_t  meta;
    logic [15:0] generation;
    logic [31:0] used;
  } public_t;
  logic [IW-1:0]          look, read_q, slot;
  public_t                look_first_q, look_q, read_first_q, read_public_q;
  logic [31:0]            used_next_q;     // of what look_q has, once more
  logic [SLOTS-1:0][1:0]  flags;
  logic [1:0]             look_flags, read_flags;
  assign look = look_slot_i[IW-1:0];
  assign slot = put_slot_i[IW-1:0];
  for (genvar s = 0; s < int'(SLOTS); s++) begin : g_flags
    assign flags[s] = {valid_q[s], used_once_q[s]};
  end
  slot_flags #(.SLOTS(SLOTS)) u_look (.clk_i, .flags_i(flags), .slot_i(look), .flags_o(look_flags));
  slot_flags #(.SLOTS(SLOTS)) u_read (.clk_i, .flags_i(flags), .slot_i(read_q), .flags_o(read_flags));
  always_ff @(posedge clk_i) begin
    look_first_q <= '{meta: meta[look], generation: generation[look], used: used[look]};
    read_first_q <= '{meta: meta[read_q], generation: generation[read_q], used: used[read_q]};
    look_q        <= look_first_q;
    used_next_q   <= look_first_q.used + 32'd1;
    read_public_q <= read_first_q;
  end

  // Whose turn it is among the readers: the other one's, when one has ceased to ask.
  logic [1:0]       grant_q, asks, fetches, valid_word_q;
  logic [1:0][63:0] word_q;
  logic             turn_q;         // reader 1 is first
  logic [IW-1:0]    read;
  assign asks         = {ec_ask_i.ask, read_ask_i};
  assign fetches      = {ec_ask_i.fetch, read_fetch_i} & grant_q;
  assign read_grant_o = grant_q[0];
  assign read_valid_o = valid_word_q[0];
  assign read_word_o  = word_q[0];
  assign read         = grant_q[1] ? ec_ask_i.slot[IW-1:0] : read_slot_i[IW-1:0];
  always_ff @(posedge clk_i) begin
    if ((grant_q & asks) == '0) grant_q <= asks[0] && !(asks[1] && turn_q) ? 2'b01 : {asks[1], 1'b0};
    if (grant_q != '0) turn_q <= grant_q[0];
    read_q <= read;
    if (!rst_ni) begin
      grant_q <= '0;
      turn_q  <= 1'b0;
    end
  end

  // Material goes to who fetched it, whatever is asked for meanwhile: through the memory's two registers to one of its own.
  logic [3:0]      fetch_left_q;
  logic [2:0]      fetch_at_q;
  logic [IW-1:0]   fetch_slot_q;
  logic [1:0]      fetch_to_q, fetch_first_q, fetch_second_q;
  logic [63:0]     material_first_q, material_q;
  always_ff @(posedge clk_i) begin
    if (fetches != '0) begin
      fetch_left_q <= 4'd8;
      fetch_at_q   <= '0;
      fetch_slot_q <= read;
      fetch_to_q   <= fetches;
    end else if (fetch_left_q != '0) begin
      fetch_left_q <= fetch_left_q - 4'd1;
      fetch_at_q   <= fetch_at_q + 3'd1;
    end
    material_first_q <= material[{fetch_slot_q, fetch_at_q}];
    material_q       <= material_first_q;
    fetch_first_q    <= fetch_to_q & {2{fetch_left_q != '0}};
    fetch_second_q   <= fetch_first_q;
    valid_word_q     <= fetch_second_q;
    for (int r = 0; r < 2; r++) word_q[r] <= material_q & {64{fetch_second_q[r]}};
    if (wipe_i || !rst_ni) begin
      fetch_left_q   <= '0;
      fetch_first_q  <= '0;
      fetch_second_q <= '0;
      valid_word_q   <= '0;
      word_q         <= '0;
    end
  end
  function automatic slot_meta_t shown(slot_meta_t m, logic [15:0] count, logic [1:0] has);
    shown            = m;
    shown.valid      = has[1];
    shown.generation = count & {16{has[0]}};
  endfunction
  assign look_meta_o = shown(look_q.meta, look_q.generation, look_flags);
  assign look_used_o = look_q.used;
  assign read_meta_o = shown(read_public_q.meta, read_public_q.generation, read_flags);
  assign read_used_o = read_public_q.used;

  typedef enum logic [2:0] {IDLE, DRAIN, STORE, CLEAR, LOAD, WRITE, DONE, SETTLE} state_e;   // SETTLE: of what was written the slot is made
  state_e           state_q, state_d;
  logic [LANES-1:0] sent_q, sent_d, finished_q, drained;
  logic             take, on_port, all_done, fill_q, stores;
  logic [2:0]       put_at_q, put_at_d;
  logic [WW-1:0]    place_q;
  // Engines: whether one holds the slot's key; their signatures count when nothing else does.
  logic [IW-1:0]    ec_key;
  logic             ec_counts, held_q;
  assign ec_key      = ec_ask_i.key_slot[IW-1:0];
  assign ec_counts   = ec_ask_i.count && !count_i && state_q != WRITE;
  assign ec_answer_o = '{grant: grant_q[1], meta: read_meta_o, used: read_used_o, valid: valid_word_q[1], word: word_q[1], counted: ec_counts};
  always_ff @(posedge clk_i) begin
    held_q <= 1'b0;
    for (int e = 0; e < int'(EC); e++) if (ec_held_i[e] && ec_held_slot_i[e][IW-1:0] == slot) held_q <= 1'b1;
  end
  // What is known of a command before it is taken, in its third cycle or later.
  logic             asked_q, may_q, rights_q, count_q;   // may_q: it may take the slot; rights_q, count_q: it begins at once
  logic             aes_q, filled_q;
  logic [SLOTS-1:0] this_q;
  always_ff @(posedge clk_i) begin
    asked_q   <= rst_ni && state_q == IDLE && put_valid_i && !wipe_i;
    aes_q     <= put_op_i == SLOT_FILL && put_meta_i.key_type inside {KEY_TYPE_AES_128, KEY_TYPE_AES_192, KEY_TYPE_AES_256};
    fill_q    <= put_op_i == SLOT_FILL;
    this_q    <= SLOTS'(1) << slot;
    filled_q  <= (valid_q & this_q) != '0;
    may_q     <= rst_ni && state_q == IDLE && !take && asked_q && put_valid_i && put_op_i inside {SLOT_FILL, SLOT_EMPTY} && !wipe_i;
    rights_q  <= rst_ni && state_q == IDLE && !rights_q && asked_q && put_valid_i && put_op_i == SLOT_RIGHTS && !wipe_i;
    count_q   <= rst_ni && state_q == IDLE && !count_q && asked_q && put_valid_i && put_op_i == SLOT_COUNT && !wipe_i;
  end
  assign take     = may_q && !(look_busy_i && look == slot) && !(ec_ask_i.busy && ec_key == slot);
  assign on_port  = state_q == CLEAR || state_q == LOAD;
  assign all_done = (finished_q | key_done_i) == '1;
  assign done_o   = state_q == DONE;
  assign stores   = state_q == STORE && (!fill_q || put_word_valid_i);
  assign put_at_d = state_q == STORE ? put_at_q + 3'(stores) : '0;
  assign sent_d   = !on_port || all_done ? '0 : sent_q | key_ready_i;

  // Per lane: requests out now, and how many of those were there when the operation began.
  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [9:0] out_q, old_q, out_d;
    assign drained[l] = old_q == '0;
    assign out_d      = out_q + 10'(lane_given_i[l]) - 10'(lane_answered_i[l]);
    always_ff @(posedge clk_i) begin
      out_q <= out_d;
      // As they are when the slot is taken.
      if (state_q == IDLE) old_q <= filled_q ? out_d : '0;
      else if (old_q != '0 && lane_answered_i[l]) old_q <= old_q - 10'd1;
      if (!rst_ni) begin
        out_q <= '0;
        old_q <= '0;
      end
    end
    assign key_valid_o[l] = on_port && !sent_q[l];
  end
  assign key_clear_o = state_q == CLEAR;
  assign key_slot_o  = SLOT_IDX_W'(slot);
  assign key_size_o  = put_meta_i.key_type == KEY_TYPE_AES_128 ? KEY_128
                     : put_meta_i.key_type == KEY_TYPE_AES_192 ? KEY_192 : KEY_256;

  // The lanes' key, from the words as they are stored; shown while it is offered.
  logic [255:0] key_q;
  logic         forget_q, show_q;
  always_ff @(posedge clk_i) begin
    put_ask_o <= state_q == DRAIN && drained == '1 && !held_q && fill_q;
    show_q    <= (state_q == CLEAR && all_done && aes_q) || (state_q == LOAD && !all_done && (sent_q | key_ready_i) != '1);
    if (stores && aes_q && !put_at_q[2]) key_q <= {put_word_i, key_q[255:64]};
    // One cycle late.
    forget_q <= wipe_i || !rst_ni || state_q inside {IDLE, WRITE, SETTLE};
    if (forget_q) key_q <= '0;
    if (wipe_i || !rst_ni) begin
      put_ask_o <= 1'b0;
      show_q    <= 1'b0;
    end
  end
  assign key_o = key_q & {256{show_q}};

  // A seal's count goes first: the key unit can wait. Counts are written a cycle late.
  logic          now_meta, now_used, now_valid, used_we_q;
  logic [IW-1:0] used_at_q;
  logic [31:0]   used_word_q;
  logic [WW-1:0] sweep_q;
  logic [WW:0]   wipe_left_q;
  assign wiped_o  = wipe_i && wipe_left_q == '0;
  assign now_used  = state_q == WRITE && !count_i;
  assign now_meta  = state_q == SETTLE && put_op_i != SLOT_COUNT;
  assign now_valid = state_q == SETTLE && put_op_i == SLOT_FILL;
  always_comb begin
    state_d = state_q;
    unique case (state_q)
      IDLE: begin
        if (take) state_d = DRAIN;
        else if (rights_q) state_d = SETTLE;
        else if (count_q) state_d = WRITE;
      end
      DRAIN:   if (drained == '1 && !held_q) state_d = STORE;
      STORE:   if (stores && put_at_q == '1) state_d = CLEAR;
      CLEAR:   if (all_done) state_d = aes_q ? LOAD : WRITE;
      LOAD:    if (all_done) state_d = WRITE;
      WRITE:   if (now_used) state_d = SETTLE;
      SETTLE:  state_d = DONE;
      default: state_d = IDLE;
    endcase
    if (wipe_i || !rst_ni) state_d = IDLE;
  end
  always_ff @(posedge clk_i) begin
    state_q <= state_d;
    // The place that is written is found a cycle before.
    place_q <= wipe_i ? sweep_q : {slot, put_at_d};
    if (now_meta || wipe_i) meta[place_q[WW-1:3]] <= wipe_i ? '0 : put_meta_i;
    used_we_q   <= count_i || now_used || ec_counts || wipe_i;
    used_at_q   <= wipe_i ? place_q[WW-1:3] : count_i ? look : ec_counts ? ec_key : place_q[WW-1:3];
    used_word_q <= wipe_i ? '0 : count_i ? used_next_q : ec_counts ? ec_ask_i.used : put_used_i;
    if (used_we_q) used[used_at_q] <= used_word_q;
    if (stores || wipe_i) material[place_q] <= put_word_i & {64{fill_q && !wipe_i}};
    put_at_q    <= put_at_d;
    sweep_q     <= wipe_i ? sweep_q + 1'b1 : '0;
    wipe_left_q <= !wipe_i ? (WW + 1)'(WIPE_CYCLES) : wipe_left_q - (WW + 1)'(wipe_left_q != '0);
    // By a bit for each slot, without an enable for all.
    valid_q     <= (valid_q & ~(this_q & {SLOTS{take}})) | (this_q & {SLOTS{now_valid}});
    used_once_q <= used_once_q | (this_q & {SLOTS{now_valid}});
    if (now_valid) generation[place_q[WW-1:3]] <= put_meta_i.generation;
    sent_q     <= sent_d;
    finished_q <= !on_port || all_done ? '0 : finished_q | key_done_i;
    if (wipe_i) valid_q <= '0;
    if (!rst_ni) begin
      valid_q     <= '0;
      used_once_q <= '0;
    end
  end
endmodule
