// SPDX-License-Identifier: Apache-2.0
//
// Fetches submissions: up to four a read, up to 16 reads in flight, round robin between queues with weights in descriptors a turn.
// Reads may come back in any order; descriptors are handed on in the order of their reads.
module sq_fetch
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned QUEUES = 8,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  // queues
  input  logic [QUEUES-1:0] fetchable_i,
  output logic [QW-1:0]     ask_o,
  input  logic [63:0]       ask_addr_i,
  input  logic [12:0]       ask_count_i,
  input  logic [3:0]        ask_weight_i,
  output logic              fetch_o,
  output logic [2:0]        fetch_count_o,
  output logic              fetched_o,
  output logic              fetched_err_o,
  output logic [QW-1:0]     fetched_queue_o,
  // Descriptors; the taker drops those of a queue that is no longer served.
  output logic              sub_valid_o,
  input  logic              sub_ready_i,
  output logic [QW-1:0]     sub_queue_o,
  output submission_t       sub_o,
  // AXI
  output logic              ar_valid_o,
  input  logic              ar_ready_i,
  output axi_ar_t           ar_o,
  input  logic              r_valid_i,
  /* verilator lint_off UNUSEDSIGNAL */
  input  logic [AXI_TAG_W-1:0] r_tag_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic [DW-1:0]     r_data_i,
  input  logic              r_err_i,
  input  logic              r_last_i
);
  localparam int unsigned TAGS  = 16;
  localparam int unsigned TW    = $clog2(TAGS);
  localparam int unsigned BEATS = BURST_BYTES * 8 / DW;  // a place
  localparam int unsigned LBT   = $clog2(BEATS);
  localparam int unsigned EACH  = 512 / DW;              // beats a descriptor

  // ----------------------------------------------------------- whose turn
  typedef enum logic [1:0] {PICK, COUNT, ISSUE} state_e;
  state_e        state_q;
  logic [QW-1:0] now_q;
  logic [3:0]    turn_q;     // descriptors left of this turn
  logic [2:0]    count_q;
  logic [63:0]   addr_q;
  logic [TW:0]   give_q, free_q;
  logic [QW-1:0] next;
  logic          any, tag_some;
  always_comb begin
    any  = fetchable_i != '0;
    next = now_q;
    for (int i = int'(QUEUES) - 1; i >= 0; i--) if (fetchable_i[i]) next = QW'(i);
    for (int i = int'(QUEUES) - 1; i >= 0; i--) if (fetchable_i[i] && QW'(i) > now_q) next = QW'(i);
    if (fetchable_i[now_q] && turn_q != '0) next = now_q;
  end
  assign tag_some = (give_q - free_q) != (TW + 1)'(TAGS);
  assign ask_o    = now_q;

  // Not past four, the 256-byte block, or the turn.
  logic [2:0] in_block, count;
  assign in_block = 3'd4 - 3'(ask_addr_i[7:6]);
  always_comb begin
    count = in_block;
    if (ask_count_i < 13'(count)) count = ask_count_i[2:0];
    if (turn_q < 4'(count)) count = turn_q[2:0];
  end
  assign fetch_o       = state_q == COUNT && count != '0 && tag_some;
  assign fetch_count_o = count;
  assign ar_valid_o    = state_q == ISSUE;
  assign ar_o          = '{addr: addr_q, len: 8'(count_q) * 8'(EACH) - 8'd1, tag: AXI_TAG_W'(give_q[TW-1:0])};

  logic new_turn_q;
  always_ff @(posedge clk_i) begin
    unique case (state_q)
      PICK:
      if (any && tag_some) begin
        new_turn_q <= next != now_q || turn_q == '0;
        now_q      <= next;
        if (next != now_q || turn_q == '0) turn_q <= '0;
        state_q    <= COUNT;
      end
      COUNT:
      if (new_turn_q) begin
        turn_q     <= ask_weight_i;
        new_turn_q <= 1'b0;
      end else begin
        addr_q  <= ask_addr_i;
        count_q <= count;
        if (fetch_o) turn_q <= turn_q - 4'(count);
        state_q <= fetch_o ? ISSUE : PICK;
      end
      ISSUE: if (ar_ready_i) state_q <= PICK;
      default: state_q <= PICK;
    endcase
    if (!rst_ni) begin
      state_q    <= PICK;
      now_q      <= '0;
      turn_q     <= '0;
      new_turn_q <= 1'b0;
    end
  end

  // --------------------------------------------------------------- places
  (* no_rw_check *) logic [DW-1:0] places[TAGS*BEATS];
  logic [QW-1:0]    queue_q[TAGS];
  logic [2:0]       many_q[TAGS];
  logic [LBT-1:0]   beat_q[TAGS];
  logic [TAGS-1:0]  done_q, bad_q;
  logic [TW-1:0]    r_tag, head;
  logic             issue, pop;
  assign issue = ar_valid_o && ar_ready_i;
  assign r_tag = r_tag_i[TW-1:0];
  assign head  = free_q[TW-1:0];
  always_ff @(posedge clk_i) begin
    if (r_valid_i) begin
      places[{r_tag, beat_q[r_tag]}] <= r_data_i;
      beat_q[r_tag] <= r_last_i ? '0 : beat_q[r_tag] + 1'b1;
      bad_q[r_tag]  <= bad_q[r_tag] | r_err_i;
      done_q[r_tag] <= r_last_i;
    end
    if (issue) begin
      queue_q[give_q[TW-1:0]] <= now_q;
      many_q[give_q[TW-1:0]]  <= count_q;
    end
    if (pop) begin
      done_q[head] <= 1'b0;
      bad_q[head]  <= 1'b0;
    end
    give_q <= give_q + (TW + 1)'(issue);
    free_q <= free_q + (TW + 1)'(pop);
    if (!rst_ni) begin
      give_q <= '0;
      free_q <= '0;
      done_q <= '0;
      bad_q  <= '0;
      for (int t = 0; t < int'(TAGS); t++) beat_q[t] <= '0;
    end
  end

  // ------------------------------------------------------------- hand on
  logic [LBT:0]  at_q;          // next beat of the place at hand
  logic [511:0]  shift_q;
  logic [2:0]    have_q;        // beats in shift_q
  logic          reading, last_beat, put;
  logic          pop_q, pop_bad_q;
  logic [QW-1:0] pop_queue_q;
  assign put       = sub_valid_o && sub_ready_i;
  // A beat is taken while the descriptor is not whole, or as it is handed on.
  assign reading   = give_q != free_q && done_q[head] && !bad_q[head] && (have_q != 3'(EACH) || put);
  assign last_beat = at_q == (LBT + 1)'(4'(many_q[head]) * 4'(EACH) - 4'd1);
  assign pop       = give_q != free_q && done_q[head] && (bad_q[head] ? have_q == '0 : reading && last_beat);
  assign fetched_o       = pop_q;
  assign fetched_err_o   = pop_bad_q;
  assign fetched_queue_o = pop_queue_q;
  assign sub_valid_o     = have_q == 3'(EACH);
  assign sub_o           = shift_q;
  logic [DW-1:0] beat;
  logic [511:0]  next_shift;
  assign beat = places[{head, at_q[LBT-1:0]}];
  if (EACH == 1) begin : g_whole
    assign next_shift = beat;
  end else begin : g_parts
    assign next_shift = {beat, shift_q[511:DW]};
  end
  always_ff @(posedge clk_i) begin
    if (reading) begin
      shift_q     <= next_shift;
      at_q        <= last_beat ? '0 : at_q + 1'b1;
      sub_queue_o <= queue_q[head];
    end
    have_q <= have_q + 3'(reading) - (put ? 3'(EACH) : 3'd0);
    // The read counts as over when its last descriptor is handed on or found bad.
    pop_q       <= rst_ni && pop;
    pop_bad_q   <= bad_q[head];
    pop_queue_q <= queue_q[head];
    if (!rst_ni) begin
      at_q   <= '0;
      have_q <= '0;
    end
  end
endmodule
