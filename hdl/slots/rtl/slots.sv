// SPDX-License-Identifier: Apache-2.0
//
// The key slots. The public half (type, domain, usage, generation) is read by the guard; the material is read by nothing but
// the path to the engines, over which a slot is loaded into every lane before it can be used.
//
// A load or destruction first makes the slot empty, then waits until each lane has answered every request it had been given up
// to then (lanes answer in order), so no request ever sees a key change under it. Other slots stay in use meanwhile.
//
// Wipe: from wipe_i on slot after slot is overwritten, until reset; wiped_o says that nothing is left. An operation gets ZEROIZED.
module slots
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter int unsigned SLOTS = 64,
  parameter int unsigned LANES = 1
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  wipe_i,         // stays until reset
  output logic                  wiped_o,
  // Guard.
  /* verilator lint_off UNUSEDSIGNAL */  // beyond SLOTS: refused there
  input  logic [15:0]           look_slot_i,
  output slot_meta_t            look_meta_o,
  input  logic                  req_valid_i,
  output logic                  req_ready_o,
  input  key_req_t              req_i,
  /* verilator lint_on UNUSEDSIGNAL */
  // The window's bytes, as they are when a load is let through.
  input  logic [511:0]          window_i,
  // Lanes: requests given and answered.
  input  logic [LANES-1:0]      lane_given_i,
  input  logic [LANES-1:0]      lane_answered_i,
  output logic [LANES-1:0]      key_valid_o,
  input  logic [LANES-1:0]      key_ready_i,
  output logic                  key_clear_o,
  output logic [SLOT_IDX_W-1:0] key_slot_o,
  output key_size_e             key_size_o,
  output logic [255:0]          key_o,
  input  logic [LANES-1:0]      key_done_i,
  output logic                  cpl_valid_o,
  input  logic                  cpl_ready_i,
  output cpl_t                  cpl_o
);
  localparam int unsigned IW = $clog2(SLOTS);
  slot_meta_t meta[SLOTS];
  (* ram_style = "block", no_rw_check *) logic [511:0] material[SLOTS];

  always_ff @(posedge clk_i) look_meta_o <= meta[look_slot_i[IW-1:0]];

  typedef enum logic [2:0] {IDLE, DRAIN, READ, LOAD, WAIT, DONE} state_e;
  state_e           state_q;
  key_req_t         req_q;
  logic [IW-1:0]    slot, sweep_q;
  logic [IW:0]      wipe_left_q;
  logic [511:0]     key_q;
  logic [15:0]      generation_q;
  logic [LANES-1:0] sent_q, done_q, drained;
  assign slot        = req_q.slot[IW-1:0];
  assign req_ready_o = state_q == IDLE;

  // Per lane: requests out now, and how many of those were there when the operation began.
  for (genvar l = 0; l < int'(LANES); l++) begin : g_lane
    logic [9:0] out_q, old_q;
    assign drained[l] = old_q == '0;
    always_ff @(posedge clk_i) begin
      out_q <= out_q + 10'(lane_given_i[l]) - 10'(lane_answered_i[l]);
      if (req_valid_i && req_ready_o) old_q <= out_q + 10'(lane_given_i[l]) - 10'(lane_answered_i[l]);
      else if (old_q != '0 && lane_answered_i[l]) old_q <= old_q - 10'd1;
      if (!rst_ni) begin
        out_q <= '0;
        old_q <= '0;
      end
    end
    assign key_valid_o[l] = state_q == LOAD && !sent_q[l];
  end
  assign wiped_o     = wipe_i && wipe_left_q == '0;
  assign key_clear_o = req_q.destroy;
  assign key_slot_o  = SLOT_IDX_W'(slot);
  assign key_size_o  = req_q.meta.key_type == KEY_TYPE_AES_128 ? KEY_128
                     : req_q.meta.key_type == KEY_TYPE_AES_192 ? KEY_192 : KEY_256;
  assign key_o       = key_q[255:0];
  assign cpl_valid_o = state_q == DONE;
  assign cpl_o = '{
    queue_idx: req_q.queue_idx, cookie: req_q.cookie, status: wipe_i ? STATUS_ZEROIZED : STATUS_OK, bytes: '0,
    result: req_q.destroy || wipe_i ? '0 : 128'(generation_q)
  };

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE:
      if (req_valid_i) begin
        req_q        <= req_i;
        key_q        <= req_i.destroy ? '0 : window_i;
        generation_q <= meta[req_i.slot[IW-1:0]].generation + 16'(!req_i.destroy);
        meta[req_i.slot[IW-1:0]].valid <= 1'b0;
        state_q      <= DRAIN;
      end
      DRAIN:
      if (drained == '1) begin
        key_q   <= '0;
        state_q <= READ;
      end
      READ: begin
        key_q   <= material[slot];
        sent_q  <= '0;
        done_q  <= '0;
        state_q <= LOAD;
      end
      LOAD: begin
        sent_q <= sent_q | key_ready_i;
        done_q <= done_q | key_done_i;
        if ((sent_q | key_ready_i) == '1) state_q <= WAIT;
      end
      WAIT: begin
        key_q  <= '0;
        done_q <= done_q | key_done_i;
        if ((done_q | key_done_i) == '1) begin
          meta[slot]            <= req_q.destroy ? '0 : req_q.meta;
          meta[slot].generation <= generation_q;
          state_q               <= DONE;
        end
      end
      DONE: if (cpl_ready_i) state_q <= IDLE;
      default: state_q <= IDLE;
    endcase
    if (wipe_i) begin
      if (state_q != IDLE && !(state_q == DONE && cpl_ready_i)) state_q <= DONE;
      key_q         <= '0;
      meta[sweep_q] <= '0;
    end
    if (wipe_i || (state_q == DRAIN && drained == '1)) material[wipe_i ? sweep_q : slot] <= wipe_i ? '0 : key_q;
    sweep_q     <= wipe_i ? sweep_q + 1'b1 : '0;
    wipe_left_q <= !wipe_i ? (IW + 1)'(SLOTS + 1) : wipe_left_q - (IW + 1)'(wipe_left_q != '0);
    if (!rst_ni) begin
      state_q <= IDLE;
      key_q   <= '0;
      for (int s = 0; s < int'(SLOTS); s++) meta[s] <= '0;
    end
  end
endmodule
