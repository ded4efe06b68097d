// SPDX-License-Identifier: Apache-2.0
//
// Writes one flat buffer of a key operation to memory from a stream of single bytes. One burst at a time, none leaving a 256-byte block;
// idle again after the last write response. A failing write ends it.
module key_write
  import casemate_pkg::*;
#(
  parameter  int unsigned DW    = 256,
  localparam int unsigned BYTES = DW / 8,
  localparam int unsigned LB    = $clog2(BYTES)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             wipe_i,      // send zeros, but for a beat already offered; stays until reset
  // Command, while idle_o: a buffer of at least one byte.
  input  logic             start_i,
  input  logic [63:0]      addr_i,
  input  logic [31:0]      bytes_i,
  input  logic             stop_i,      // give up: idle again when the burst on its way is over
  output logic             idle_o,
  output logic             err_o,       // it ended with a bus error; until the next
  output logic [51:0]      page_o,      // IOVA / 4096 of what failed
  // Bytes.
  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [7:0]       in_i,
  // Memory: all beats of a burst are there when its address is.
  output logic             aw_valid_o,
  input  logic             aw_ready_i,
  output axi_aw_t          aw_o,
  output logic             w_valid_o,
  input  logic             w_ready_i,
  output logic [DW-1:0]    w_data_o,
  output logic [BYTES-1:0] w_strb_o,
  input  logic             b_valid_i,
  input  logic             b_err_i
);
  localparam int unsigned BEATS = BURST_BYTES / BYTES;
  localparam int unsigned AW    = $clog2(BEATS);

  typedef enum logic [2:0] {IDLE, LOOK, FILL, SEND, DATA, WAIT} state_e;
  // One bit a state, by state_e.
  typedef logic [5:0] states_t;
  function automatic states_t go(state_e s);
    return 6'd1 << s;
  endfunction
  states_t          in_q;
  logic [63:0]      at_q;             // next byte
  logic [63:LB]     burst_q;          // the burst's first beat
  logic [31:0]      left_q;
  logic [AW-1:0]    fill_q, beat_q;   // the beat that is filled, or the burst's last; the one that is sent
  logic             stop_q;
  logic             last_q, done_q;   // one byte is left; none
  logic             looks_q;          // LOOK's second cycle
  logic [DW-1:0]    places[BEATS];
  logic [AW-1:0]    sweep_q;

  logic take, beat_ends, block_ends, burst_ends, few_q;
  logic starts;
  assign starts     = in_q[IDLE] && start_i;
  assign take       = in_q[FILL] && in_valid_i && !stop_q;
  // Known before the byte comes.
  always_ff @(posedge clk_i) begin
    beat_ends   <= at_q[LB-1:0] == LB'(take ? BYTES - 2 : BYTES - 1);
    block_ends  <= at_q[7:0] == (take ? 8'hfe : 8'hff);
    few_q       <= left_q[31:3] == '0;
    last_q      <= few_q && left_q[2:0] == (take ? 3'd2 : 3'd1);
  end
  assign burst_ends = block_ends || last_q;
  logic ends;        // this burst was the last
  assign ends       = b_err_i || stop_q || stop_i || done_q;
  assign idle_o     = in_q[IDLE];
  assign in_ready_o = in_q[FILL];

  // Bytes go to their places, a cycle late.
  logic [BYTES-1:0] put_q;
  logic [AW-1:0]    put_at_q;
  logic [7:0]       put_byte_q;
  always_ff @(posedge clk_i) begin
    for (int i = 0; i < int'(BYTES); i++) put_q[i] <= (take && at_q[LB-1:0] == LB'(i)) || (wipe_i && !(in_q[DATA] && sweep_q == beat_q));
    put_at_q   <= wipe_i ? sweep_q : fill_q;
    put_byte_q <= in_i & {8{!wipe_i}};
    sweep_q    <= sweep_q + 1'b1;
  end
  for (genvar i = 0; i < int'(BYTES); i++) begin : g_byte
    always_ff @(posedge clk_i) if (put_q[i] && !(in_q[DATA] && put_at_q == beat_q)) places[put_at_q][8*i+:8] <= put_byte_q;
  end

  // Bytes of the beat that is sent: from the burst's first byte, up to its last.
  logic [LB-1:0]    from_q, to_q;
  logic [BYTES-1:0] after_q, before_q, strb;
  logic             first_q, final_q;
  always_ff @(posedge clk_i) begin
    for (int i = 0; i < int'(BYTES); i++) begin
      after_q[i]  <= LB'(i) >= from_q;
      before_q[i] <= LB'(i) <= to_q;
    end
  end
  assign strb = (after_q | {BYTES{!first_q}}) & (before_q | {BYTES{!final_q}});

  assign aw_valid_o = in_q[SEND];
  assign aw_o       = '{addr: {burst_q, LB'(0)}, len: 8'(fill_q)};
  assign w_valid_o  = in_q[DATA];
  assign w_strb_o   = strb;
  // What is there of earlier bursts stays here.
  for (genvar i = 0; i < int'(BYTES); i++) begin : g_out
    assign w_data_o[8*i+:8] = places[beat_q][8*i+:8] & {8{strb[i]}};
  end

  always_ff @(posedge clk_i) begin
    if (stop_i) stop_q <= 1'b1;
    // Each state with what ends it, side by side: one bit is set. LOOK has two cycles, until what is known before a byte is right.
    in_q[IDLE] <= (in_q[IDLE] && !start_i) || (in_q[FILL] && stop_q) || (in_q[WAIT] && b_valid_i && ends);
    in_q[LOOK] <= starts || (in_q[LOOK] && !looks_q);
    in_q[FILL] <= (in_q[LOOK] && looks_q) || (in_q[FILL] && !stop_q && !(in_valid_i && burst_ends)) || (in_q[WAIT] && b_valid_i && !ends);
    in_q[SEND] <= (take && burst_ends) || (in_q[SEND] && !aw_ready_i);
    in_q[DATA] <= (in_q[SEND] && aw_ready_i) || (in_q[DATA] && !(w_ready_i && final_q));
    in_q[WAIT] <= (in_q[DATA] && w_ready_i && final_q) || (in_q[WAIT] && !b_valid_i);
    if (in_q[IDLE]) stop_q <= 1'b0;
    looks_q <= in_q[LOOK];
    if (starts) begin
      at_q   <= addr_i;
      left_q <= bytes_i;
      err_o  <= 1'b0;
    end
    if (take) begin
      at_q   <= at_q + 64'd1;
      left_q <= left_q - 32'd1;
      done_q <= last_q;
      to_q   <= at_q[LB-1:0];
    end
    // A burst's first beat: known once its first byte is awaited.
    if (in_q[LOOK] || in_q[WAIT]) begin
      from_q  <= at_q[LB-1:0];
      fill_q  <= '0;
    end else if (take && beat_ends && !burst_ends) fill_q <= fill_q + 1'b1;
    if (in_q[LOOK] || (in_q[WAIT] && b_valid_i)) burst_q <= at_q[63:LB];
    if (in_q[SEND]) begin
      beat_q  <= '0;
      first_q <= 1'b1;
      final_q <= fill_q == '0;
    end
    if (in_q[DATA] && w_ready_i) begin
      beat_q  <= beat_q + 1'b1;
      first_q <= 1'b0;
      final_q <= beat_q + 1'b1 == fill_q;
    end
    if (in_q[WAIT] && b_valid_i) begin
      err_o  <= b_err_i;
      page_o <= burst_q[63:12];
    end
    if (!rst_ni) begin
      in_q <= go(IDLE);
      err_o   <= 1'b0;
      page_o  <= '0;
    end
  end
endmodule
