// SPDX-License-Identifier: Apache-2.0
//
// Reads one flat buffer of a key operation from memory as a stream: beats of up to 8 bytes, or single bytes. One burst at a time, none
// leaving a 256-byte block; nothing of a burst is passed on before all of it is there without an error.
module key_read
  import casemate_pkg::*;
#(
  parameter  int unsigned DW    = 256,
  localparam int unsigned BYTES = DW / 8,
  localparam int unsigned LB    = $clog2(BYTES)
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  input  logic          wipe_i,       // overwrite what has been read; stays until reset
  // Command, while idle_o: a buffer of at least one byte.
  input  logic          start_i,
  input  logic [63:0]   addr_i,
  input  logic [31:0]   bytes_i,
  input  logic          single_i,     // bytes one by one; steady until idle_o
  input  logic          stop_i,       // give up: idle again when the burst on its way is over
  output logic          idle_o,
  output logic          err_o,        // it ended with a bus error; until the next
  output logic [51:0]   page_o,       // IOVA / 4096 of what failed
  // Stream: byte i in [8*i +: 8].
  output logic          out_valid_o,
  input  logic          out_ready_i,
  output logic [63:0]   out_data_o,
  output logic [3:0]    out_bytes_o,
  output logic          out_last_o,
  // Memory.
  output logic          ar_valid_o,
  input  logic          ar_ready_i,
  output axi_ar_t       ar_o,
  input  logic          r_valid_i,
  input  logic [DW-1:0] r_data_i,
  input  logic          r_err_i,
  input  logic          r_last_i
);
  localparam int unsigned BEATS = BURST_BYTES / BYTES;
  localparam int unsigned AW    = $clog2(BEATS);

  typedef enum logic [1:0] {IDLE, ASK, FILL, GIVE} state_e;
  state_e        state_q;
  logic [63:0]   at_q;              // next byte
  logic [31:0]   left_q;
  logic [8:0]    chunk_q;           // bytes of this burst still to be given
  logic [AW-1:0] beat_q;
  logic          bad_q, stop_q;
  logic [DW-1:0] places[BEATS];
  logic [AW-1:0] sweep_q;

  // Up to the end of the 256-byte block.
  logic [8:0] room, chunk;
  assign room  = 9'(BURST_BYTES) - 9'(at_q[7:0]);
  assign chunk = left_q < 32'(room) ? left_q[8:0] : room;
  assign idle_o     = state_q == IDLE;
  assign ar_valid_o = state_q == ASK;
  assign ar_o = '{
    addr: {at_q[63:LB], LB'(0)}, len: 8'((10'(at_q[LB-1:0]) + 10'(chunk) - 10'd1) >> LB), tag: '0
  };

  logic [63:0] word;
  logic [3:0]  most;
  always_comb begin
    word = places[at_q[7:LB]][{at_q[LB-1:3], 6'd0}+:64];
    for (int l = 0; l < 3; l++) if (at_q[l]) word = word >> (8 << l);
    most = single_i ? 4'd1 : 4'd8 - 4'(at_q[2:0]);
  end
  assign out_valid_o = state_q == GIVE;
  assign out_data_o  = out_valid_o ? word : '0;
  assign out_bytes_o = chunk_q < 9'(most) ? chunk_q[3:0] : most;
  assign out_last_o  = left_q == 32'(out_bytes_o);

  always_ff @(posedge clk_i) begin
    if (stop_i) stop_q <= 1'b1;
    unique case (state_q)
      IDLE: begin
        stop_q <= 1'b0;
        if (start_i) begin
          at_q    <= addr_i;
          left_q  <= bytes_i;
          err_o   <= 1'b0;
          state_q <= ASK;
        end
      end
      ASK: begin
        beat_q  <= '0;
        bad_q   <= 1'b0;
        chunk_q <= chunk;
        if (ar_ready_i) state_q <= FILL;
      end
      FILL:
      if (r_valid_i) begin
        // A burst may begin in the middle of a block.
        if (!wipe_i) places[at_q[7:LB] + beat_q] <= r_data_i;
        beat_q <= beat_q + 1'b1;
        bad_q  <= bad_q || r_err_i;
        if (r_last_i) begin
          state_q <= GIVE;
          if (bad_q || r_err_i) begin
            err_o   <= 1'b1;
            page_o  <= at_q[63:12];
            state_q <= IDLE;
          end else if (stop_q || stop_i) state_q <= IDLE;
        end
      end
      GIVE:
      if (stop_q || stop_i) state_q <= IDLE;
      else if (out_ready_i) begin
        at_q    <= at_q + 64'(out_bytes_o);
        left_q  <= left_q - 32'(out_bytes_o);
        chunk_q <= chunk_q - 9'(out_bytes_o);
        if (out_last_o) state_q <= IDLE;
        else if (chunk_q == 9'(out_bytes_o)) state_q <= ASK;
      end
      default: state_q <= IDLE;
    endcase
    sweep_q <= sweep_q + 1'b1;
    if (wipe_i) places[sweep_q] <= '0;
    if (!rst_ni) begin
      state_q <= IDLE;
      err_o   <= 1'b0;
      page_o  <= '0;
    end
  end
endmodule
