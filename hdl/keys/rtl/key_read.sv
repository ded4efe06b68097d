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
  input  logic          single_i,     // bytes one by one, always taken at once; steady until idle_o
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

  typedef enum logic [2:0] {IDLE, ROOM, SIZE, ASK, FILL, GIVE} state_e;
  // One bit a state, by state_e.
  typedef logic [5:0] states_t;
  function automatic states_t go(state_e s);
    return 6'd1 << s;
  endfunction
  states_t       in_q;
  logic [63:8]   block_q;           // of the next byte
  logic [7:0]    at_q;              // the next byte in it
  logic [31:0]   left_q;            // after this burst, once it is asked for
  logic [8:0]    room_q, chunk_q;   // up to the end of the block; bytes of this burst still to be given
  logic          long_q, fits_q, final_q;   // more is left than a block; all of it is in this one; the last burst
  logic [AW-1:0] fill_q;            // where the next beat goes
  logic [7:0]    len_q;             // beats but one
  logic          second_q;          // of a state's two cycles
  logic          advance_q;         // on to the next block
  logic          bad_q, stop_q;
  logic [DW-1:0] places[BEATS];
  logic [AW-1:0] sweep_q;

  assign idle_o     = in_q[IDLE];
  assign ar_valid_o = in_q[ASK];
  assign ar_o       = '{addr: {block_q, at_q[7:LB], LB'(0)}, len: len_q, tag: '0};

  // Two steps to the stream: 8 bytes that hold the wanted ones, then those at the bottom. How many the next are is found a cycle before.
  logic [63:0] words_q, word;
  logic [2:0]  shift_q;
  logic [3:0]  most, bytes_q, words_bytes_q;
  logic        sized_q, ends_q, given_q;      // bytes_q is right, and there are some; they are the burst's last; all of it is given
  logic        few_q;                         // fewer than 4 are left, as of a cycle before; single bytes
  logic        words_some_q, words_last_q, words_go, out_go, gives;
  assign most     = 4'd8 - 4'(at_q[2:0]);
  assign out_go   = !out_valid_o || out_ready_i;
  assign words_go = !words_some_q || single_i;
  assign gives    = sized_q && words_go;
  always_comb begin
    word = words_q;
    for (int l = 0; l < 3; l++) if (shift_q[l]) word = word >> (8 << l);
  end

  always_ff @(posedge clk_i) begin
    if (out_go) words_some_q <= 1'b0;
    if (words_go) begin
      words_some_q  <= sized_q;
      words_q       <= places[at_q[7:LB]][{at_q[LB-1:3], 6'd0}+:64];
      shift_q       <= at_q[2:0];
      words_bytes_q <= bytes_q;
      words_last_q  <= final_q && ends_q;
    end
    if (out_go) begin
      out_valid_o <= words_some_q;
      out_data_o  <= word;
      out_bytes_o <= words_bytes_q;
      out_last_o  <= words_last_q;
    end
    if (single_i) begin
      bytes_q <= 4'd1;
      ends_q  <= few_q && chunk_q[1:0] == (gives ? 2'd2 : 2'd1);
    end else begin
      bytes_q <= chunk_q < 9'(most) ? chunk_q[3:0] : most;
      ends_q  <= chunk_q <= 9'(most);
    end
    few_q   <= chunk_q[8:2] == '0;
    sized_q <= in_q[GIVE] && !given_q && !stop_q && !stop_i && !(gives && (!single_i || ends_q));
    given_q <= in_q[GIVE] && (given_q || (gives && ends_q));
    if (gives) begin
      // Up to the end of its 8 bytes: what is less is the last.
      at_q    <= single_i ? at_q + 8'd1 : {at_q[7:3] + 5'd1, 3'd0};
      chunk_q <= chunk_q - 9'(bytes_q);
    end
    len_q  <= 8'((10'(at_q[LB-1:0]) + 10'(chunk_q) - 10'd1) >> LB);
    fits_q <= !long_q && left_q[8:0] <= room_q;
    advance_q <= in_q[GIVE] && given_q && !final_q && !stop_q && !stop_i;
    if (advance_q) block_q <= block_q + 1'b1;
    second_q <= (in_q[ROOM] || in_q[SIZE]) && !second_q;
    if (stop_i) stop_q <= 1'b1;
    unique case (1'b1)
      in_q[IDLE]: begin
        stop_q <= 1'b0;
        if (start_i) begin
          {block_q, at_q} <= addr_i;
          left_q          <= bytes_i;
          err_o           <= 1'b0;
          in_q            <= go(ROOM);
        end
      end
      // Two cycles each: the first finds what the second needs.
      in_q[ROOM]: begin
        room_q  <= 9'(BURST_BYTES) - 9'(at_q);
        long_q  <= left_q[31:9] != '0;
        if (second_q) in_q <= go(SIZE);
      end
      in_q[SIZE]: begin
        final_q <= fits_q;
        chunk_q <= fits_q ? left_q[8:0] : room_q;
        if (second_q) in_q <= go(ASK);
      end
      in_q[ASK]: begin
        bad_q   <= 1'b0;
        fill_q  <= at_q[7:LB];
        if (ar_ready_i) begin
          left_q <= left_q - 32'(chunk_q);
          in_q   <= go(FILL);
        end
      end
      in_q[FILL]:
      if (r_valid_i) begin
        fill_q <= fill_q + 1'b1;
        bad_q  <= bad_q || r_err_i;
        if (r_last_i) begin
          in_q <= go(GIVE);
          if (bad_q || r_err_i) begin
            err_o  <= 1'b1;
            page_o <= block_q[63:12];
            in_q   <= go(IDLE);
          end else if (stop_q || stop_i) in_q <= go(IDLE);
        end
      end
      in_q[GIVE]:
      if (stop_q || stop_i) in_q <= go(IDLE);
      else if (given_q && !final_q) in_q <= go(ROOM);
      else if (given_q && !words_some_q && !out_valid_o) in_q <= go(IDLE);
      default: in_q <= go(IDLE);
    endcase
    // A burst may begin in the middle of a block.
    if (wipe_i || (in_q[FILL] && r_valid_i)) places[wipe_i ? sweep_q : fill_q] <= r_data_i & {DW{!wipe_i}};
    sweep_q <= sweep_q + 1'b1;
    if (wipe_i) begin
      words_q    <= '0;
      out_data_o <= '0;
    end
    if (!rst_ni || stop_i || stop_q) begin
      words_some_q <= 1'b0;
      out_valid_o  <= 1'b0;
    end
    if (!rst_ni) begin
      in_q     <= go(IDLE);
      second_q <= 1'b0;
      err_o    <= 1'b0;
      page_o   <= '0;
    end
  end
endmodule
