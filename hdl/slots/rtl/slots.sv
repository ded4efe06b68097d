// SPDX-License-Identifier: Apache-2.0
//
// The key slots. The public half (type, domain, usage, ...) is read by the guard and the key unit; the material by the key unit's
// engines and by the lanes, over a port of their own, and by nothing else.
//
// The key unit changes one slot at a time, and holds its command until done_o:
//   SLOT_FILL    the key and its metadata; from an AES key the lanes make their round keys
//   SLOT_EMPTY   zeros everywhere
//   SLOT_RIGHTS  the metadata alone
// To fill or empty a slot first makes it empty, in a cycle in which the guard does not decide on it, then waits until each lane has
// answered every request that it had been given up to then (lanes answer in order), so no request ever sees a key change under it;
// of an empty slot no request is left. Other slots stay in use meanwhile. A lane's copy is cleared before a new one is made: that
// of a shorter key would leave round keys of the old one.
//
// Wipe: from wipe_i on every slot is empty and one after another is overwritten, until reset; wiped_o says that nothing is left. A
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
  parameter int unsigned EC    = 0             // engines for elliptic curves
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
  // Key unit: a slot's public half, two cycles later.
  input  logic [15:0]           read_slot_i,
  output slot_meta_t            read_meta_o,
  output logic [31:0]           read_used_o,
  // Its material, two cycles after fetch_i until two after the next, or forget_i.
  input  logic                  fetch_i,
  input  logic                  forget_i,
  output logic [511:0]          material_o,
  // Engines for elliptic curves: see ecunit_pkg; slots whose keys they hold.
  input  ec_ask_t               ec_ask_i,
  output ec_answer_t            ec_answer_o,
  input  logic [(EC == 0 ? 1 : EC)-1:0] ec_held_i,
  input  logic [15:0]           ec_held_slot_i[EC == 0 ? 1 : EC],
  // Changes.
  input  logic                  put_valid_i,
  input  slot_op_e              put_op_i,
  input  logic [15:0]           put_slot_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  slot_meta_t            put_meta_i,
  input  logic [31:0]           put_used_i,
  input  logic [511:0]          put_key_i,
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
  // Registers: whether there is a key, and whether its slot had one since the reset. The rest is memory, and means nothing without.
  logic [SLOTS-1:0] valid_q, used_once_q;
  (* no_rw_check *) logic [15:0] generation[SLOTS];
  (* no_rw_check *) slot_meta_t  meta[SLOTS];
  (* no_rw_check *) logic [31:0] used[SLOTS];
  (* ram_style = "block", no_rw_check *) logic [511:0] material[SLOTS];

  // Two registers after the memories: the second is a block RAM's own, without which it is slow.
  typedef struct packed {
    slot_meta_t  meta;
    logic [15:0] generation;
    logic [31:0] used;
  } public_t;
  logic [IW-1:0]          look, read, slot;
  public_t                look_first_q, look_q, read_first_q, read_q;
  logic [SLOTS-1:0][1:0]  flags;
  logic [1:0]             look_flags, read_flags;
  logic [511:0]           material_q;
  assign look = look_slot_i[IW-1:0];
  assign read = read_slot_i[IW-1:0];
  assign slot = put_slot_i[IW-1:0];
  for (genvar s = 0; s < int'(SLOTS); s++) begin : g_flags
    assign flags[s] = {valid_q[s], used_once_q[s]};
  end
  slot_flags #(.SLOTS(SLOTS)) u_look (.clk_i, .flags_i(flags), .slot_i(look), .flags_o(look_flags));
  slot_flags #(.SLOTS(SLOTS)) u_read (.clk_i, .flags_i(flags), .slot_i(read), .flags_o(read_flags));
  always_ff @(posedge clk_i) begin
    look_first_q <= '{meta: meta[look], generation: generation[look], used: used[look]};
    read_first_q <= '{meta: meta[read], generation: generation[read], used: used[read]};
    look_q       <= look_first_q;
    read_q       <= read_first_q;
    if (fetch_i) material_q <= material[read];
    if (forget_i || wipe_i || !rst_ni) material_q <= '0;
    material_o <= material_q;
  end
  function automatic slot_meta_t shown(slot_meta_t m, logic [15:0] count, logic [1:0] has);
    shown            = m;
    shown.valid      = has[1];
    shown.generation = count & {16{has[0]}};
  endfunction
  assign look_meta_o = shown(look_q.meta, look_q.generation, look_flags);
  assign look_used_o = look_q.used;
  assign read_meta_o = shown(read_q.meta, read_q.generation, read_flags);
  assign read_used_o = read_q.used;

  typedef enum logic [2:0] {IDLE, DRAIN, CLEAR, LOAD, WRITE, DONE} state_e;
  state_e           state_q;

  // An engine's port, as the key unit's.
  logic [IW-1:0] ec_key;
  logic          ec_counts, held_q;
  assign ec_key = ec_ask_i.key_slot[IW-1:0];
  if (EC != 0) begin : g_ec
    logic [IW-1:0] ec;
    assign ec = ec_ask_i.slot[IW-1:0];
    public_t      first_q, public_q;
    logic [1:0]   ec_flags;
    logic [511:0] row_q;
    logic [2:0]   word_q;
    logic         fetch_q;
    logic [63:0]  ec_material_q;
    slot_flags #(.SLOTS(SLOTS)) u_ec (.clk_i, .flags_i(flags), .slot_i(ec), .flags_o(ec_flags));
    always_ff @(posedge clk_i) begin
      first_q  <= '{meta: meta[ec], generation: generation[ec], used: used[ec]};
      public_q <= first_q;
      if (ec_ask_i.fetch) row_q <= material[ec_key];
      if (wipe_i || !rst_ni || !ec_ask_i.fetch) row_q <= '0;
      word_q        <= ec_ask_i.word;
      fetch_q       <= ec_ask_i.fetch && rst_ni;
      ec_material_q <= row_q[64*word_q+:64] & {64{fetch_q}};
      held_q        <= 1'b0;
      for (int e = 0; e < int'(EC); e++) if (ec_held_i[e] && ec_held_slot_i[e][IW-1:0] == slot) held_q <= 1'b1;
    end
    assign ec_answer_o = '{
      meta: shown(public_q.meta, public_q.generation, ec_flags), used: public_q.used, material: ec_material_q, counted: ec_counts
    };
    assign ec_counts = ec_ask_i.count && !count_i && state_q != WRITE;
  end else begin : g_none
    assign ec_answer_o = '0;
    assign ec_counts   = 1'b0;
    assign held_q      = 1'b0;
  end

  logic [LANES-1:0] sent_q, finished_q, drained;
  logic             take, on_port, all_done;
  // What is known of a command before it is taken, in its third cycle or later.
  logic [1:0]       asked_q;
  logic             empties_q, aes_q, filled_q;
  logic [SLOTS-1:0] this_q;
  always_ff @(posedge clk_i) begin
    asked_q   <= rst_ni && state_q == IDLE && put_valid_i && !wipe_i ? {asked_q[0], 1'b1} : '0;
    empties_q <= put_op_i inside {SLOT_FILL, SLOT_EMPTY};
    aes_q     <= put_op_i == SLOT_FILL && put_meta_i.key_type inside {KEY_TYPE_AES_128, KEY_TYPE_AES_192, KEY_TYPE_AES_256};
    this_q    <= SLOTS'(1) << slot;
    filled_q  <= (valid_q & this_q) != '0;
  end
  assign take     = state_q == IDLE && asked_q[1] && put_valid_i && empties_q && !(look_busy_i && look == slot) && !(ec_ask_i.busy && ec_key == slot);
  assign on_port  = state_q == CLEAR || state_q == LOAD;
  assign all_done = (finished_q | key_done_i) == '1;
  assign done_o   = state_q == DONE;

  // Per lane: requests out now, and how many of those were there when the operation began.
  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [9:0] out_q, old_q, out_d;
    assign drained[l] = old_q == '0;
    assign out_d      = out_q + 10'(lane_given_i[l]) - 10'(lane_answered_i[l]);
    always_ff @(posedge clk_i) begin
      out_q <= out_d;
      if (take) old_q <= filled_q ? out_d : '0;
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
  assign key_o       = put_key_i[255:0] & {256{state_q == LOAD && sent_q != '1}};

  // A seal's count goes first: the key unit can wait.
  logic          now_meta, now_used;
  logic [IW-1:0] sweep_q;
  logic [IW+1:0] wipe_left_q;
  assign wiped_o  = wipe_i && wipe_left_q == '0;
  assign now_used = state_q == WRITE && !count_i;
  assign now_meta = (state_q == IDLE && put_valid_i && put_op_i == SLOT_RIGHTS) || (now_used && put_op_i != SLOT_COUNT);
  always_ff @(posedge clk_i) begin
    if (now_meta || wipe_i) meta[wipe_i ? sweep_q : slot] <= wipe_i ? '0 : put_meta_i;
    if (count_i || now_used || ec_counts || wipe_i) begin
      used[wipe_i ? sweep_q : count_i ? look : ec_counts ? ec_key : slot] <=
          wipe_i ? '0 : count_i ? look_used_o + 32'd1 : ec_counts ? ec_ask_i.used + 32'd1 : put_used_i;
    end
    if (wipe_i || (state_q == DRAIN && drained == '1 && !held_q)) begin
      material[wipe_i ? sweep_q : slot] <= put_op_i == SLOT_FILL && !wipe_i ? put_key_i : '0;
    end
    sweep_q     <= wipe_i ? sweep_q + 1'b1 : '0;
    wipe_left_q <= !wipe_i ? (IW + 2)'(SLOTS + 2) : wipe_left_q - (IW + 2)'(wipe_left_q != '0);
    unique case (state_q)
      IDLE: begin
        if (take) begin
          valid_q <= valid_q & ~this_q;
          state_q <= DRAIN;
        end else if (now_meta) state_q <= DONE;
        else if (put_valid_i && put_op_i == SLOT_COUNT) state_q <= WRITE;
      end
      DRAIN: if (drained == '1 && !held_q) state_q <= CLEAR;
      CLEAR: if (all_done) state_q <= aes_q ? LOAD : WRITE;
      LOAD: if (all_done) state_q <= WRITE;
      WRITE:
      if (now_used) begin
                if (put_op_i == SLOT_FILL) begin
          valid_q          <= valid_q | this_q;
          used_once_q      <= used_once_q | this_q;
          generation[slot] <= put_meta_i.generation;
        end
        state_q <= DONE;
      end
      DONE: state_q <= IDLE;
      default: state_q <= IDLE;
    endcase
    if (!on_port || all_done) {sent_q, finished_q} <= '0;
    else begin
      sent_q     <= sent_q | key_ready_i;
      finished_q <= finished_q | key_done_i;
    end
    if (wipe_i) valid_q <= '0;
    if (wipe_i || !rst_ni) state_q <= IDLE;
    if (!rst_ni) begin
      valid_q     <= '0;
      used_once_q <= '0;
    end
  end
endmodule
