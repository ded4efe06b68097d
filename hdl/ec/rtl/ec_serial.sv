// SPDX-License-Identifier: Apache-2.0
//
// What goes through a row digit by digit, from the lowest: carrying it through (CANON), recoding a scalar (WIN), words in (IN) and out
// (OUT). The digits of a row come from the multiplier's A register. One at a time; the time depends on the instruction, the curve and the
// words' handshakes.
//
// CANON: x = 0 all of it, 1 what is above the curve's 256 or 384 bits, 2 what is below. Its flags are valid in the cycle after done_o.
// WIN: bits 1 and up of a canonical scalar, in windows of 6 bits, or 5 if x[0]. A window v of w bits stands for the odd digit
// 2 v + 1 - 2^w: kept are its sign (bit 5 set: negative) and its index i, the digit being 2 i + 1 or its negative.
module ec_serial
  import ec_pkg::*;
(
  input  logic              clk_i,
  input  logic              clear_i,
  input  logic              start_i,   // the row is in A
  input  op_e               op_i,      // steady until done_o, as are the others
  input  logic [1:0]        x_i,
  input  logic              p384_i,
  output logic              done_o,
  // A
  input  logic [K:0]        a_i,
  output logic              shift_o,
  // Digits to write
  output logic              write_o,
  output logic [4:0]        write_index_o,
  output logic [K-1:0]      write_digit_o,
  // Flags of the last CANON
  output logic              carry_o,
  output logic              zero_o,
  output logic              odd_o,
  // Windows
  output logic              window_write_o,
  output logic [6:0]        window_index_o,
  output logic [5:0]        window_o,
  // Words
  input  logic              in_valid_i,
  output logic              in_ready_o,
  input  logic [31:0]       in_i,
  output logic              out_valid_o,
  input  logic              out_ready_i,
  output logic [31:0]       out_o
);
  typedef enum logic [3:0] {IDLE, CARRY, BITS, WORD_OUT, WORD_GET, WORD_IN, FLUSH, FILL, DONE} state_e;
  state_e state_q;
  logic [5:0]   index_q;     // digit
  logic         carry_q;
  logic [K-1:0] digit_q;     // CANON: with its carry
  logic         valid_q, at_split_q, past_split_q;
  logic [K-1:1] last_q;      // CANON: the digit before. WORD_IN: the digit being shifted
  logic [4:0]   bit_q;       // of the digit
  logic [4:0]   out_q;       // digit to write next
  logic [3:0]   left_q;      // words yet to come
  logic         taken_q;     // one was taken, a cycle ago
  logic [31:0]  word_q;
  logic [4:0]   word_bit_q;
  logic [5:0]   window_q;
  logic [2:0]   window_bit_q;
  logic [6:0]   windows_q;
  logic         skip_q, win_q;    // win_q: op_i is WIN
  logic         zero_q, odd_q, carry_out_q;

  // The split of CANON: digit and bit of the curve's 256 or 384.
  logic [5:0] split;
  logic [K-1:0] joined, kept, selected;
  logic [K:0] sum;
  assign split  = p384_i ? 6'd22 : 6'd15;
  assign sum    = a_i + 18'(carry_q);
  assign joined = p384_i ? {digit_q[9:0], last_q[16:10]} : {digit_q[0], last_q[16:1]};
  always_comb begin
    kept = digit_q;
    if (at_split_q) kept = p384_i ? digit_q & 17'h3ff : digit_q & 17'h1;
    if (past_split_q) kept = '0;
    selected = x_i[0] ? joined : x_i[1] ? kept : digit_q;
  end

  logic top_bit, windows_done, digit_done, word_done;
  logic [2:0] width;
  logic [6:0] window_count;
  assign width        = x_i[0] ? 3'd5 : 3'd6;
  assign top_bit      = a_i[bit_q];
  assign digit_done   = bit_q == 5'(K - 1);
  assign word_done    = word_bit_q == 5'd31;
  assign window_count = x_i[0] ? (p384_i ? 7'd77 : 7'd52) : (p384_i ? 7'd65 : 7'd43);
  assign windows_done = windows_q == window_count;

  assign shift_o     = (state_q == CARRY) || (state_q == BITS && digit_done);
  assign in_ready_o  = state_q == WORD_GET;
  assign out_valid_o = state_q == WORD_OUT;
  assign out_o       = state_q == WORD_OUT ? word_q : '0;
  assign done_o      = state_q == DONE;
  assign carry_o     = carry_out_q;
  assign zero_o      = zero_q;
  assign odd_o       = odd_q;

  always_ff @(posedge clk_i) begin
    write_o        <= 1'b0;
    write_digit_o  <= '0;
    window_write_o <= 1'b0;
    unique case (state_q)
      IDLE: begin
        index_q      <= '0;
        valid_q      <= 1'b0;
        bit_q        <= '0;
        out_q        <= '0;
        left_q       <= p384_i ? 4'd12 : 4'd8;
        word_bit_q   <= '0;
        window_bit_q <= '0;
        windows_q    <= '0;
        skip_q       <= 1'b1;
        win_q        <= op_i == I_WIN;
        if (start_i) begin
          if (op_i == I_CANON) zero_q <= 1'b1;
          state_q <= op_i == I_CANON ? CARRY : op_i == I_IN ? WORD_GET : BITS;
        end
      end
      CARRY: begin
        // A digit gets its carry in one cycle and is written in the next.
        carry_q      <= sum[K];
        digit_q      <= sum[K-1:0];
        valid_q      <= 1'b1;
        at_split_q   <= index_q == split;
        past_split_q <= index_q > split;
        index_q      <= index_q + 6'd1;
        if (index_q == 6'(DIGITS - 1)) carry_out_q <= sum[K];
        last_q <= digit_q[K-1:1];
        if (valid_q && (!x_i[0] || past_split_q)) begin
          write_o       <= 1'b1;
          write_index_o <= out_q;
          write_digit_o <= selected;
          out_q         <= out_q + 5'd1;
          if (out_q == '0) odd_q <= selected[0];
          if (out_q == 5'(DIGITS - 1)) state_q <= DONE;
        end
      end
      BITS: begin
        bit_q <= digit_done ? '0 : bit_q + 5'd1;
        if (win_q) begin
          skip_q <= 1'b0;
          if (!skip_q) begin
            window_q     <= {top_bit, window_q[5:1]};
            window_bit_q <= window_bit_q == width - 3'd1 ? '0 : window_bit_q + 3'd1;
            if (window_bit_q == width - 3'd1) begin
              window_write_o <= 1'b1;
              window_index_o <= windows_q;
              windows_q      <= windows_q + 7'd1;
            end
          end
          if (windows_done) state_q <= DONE;
        end else begin
          word_q     <= {top_bit, word_q[31:1]};
          word_bit_q <= word_bit_q + 5'd1;
          if (word_done) begin
            left_q  <= left_q - 4'd1;
            state_q <= WORD_OUT;
          end
        end
      end
      WORD_OUT: if (out_ready_i) state_q <= left_q == '0 ? DONE : BITS;
      WORD_GET: begin
        word_q <= in_i;
        if (in_valid_i) state_q <= WORD_IN;
      end
      WORD_IN, FLUSH: begin
        // FLUSH: the last digit is not full; its bits have yet to come down.
        word_q     <= {1'b0, word_q[31:1]};
        word_bit_q <= word_bit_q + 5'd1;
        last_q     <= {word_q[0], last_q[K-1:2]};
        bit_q      <= digit_done ? '0 : bit_q + 5'd1;
        if (state_q == WORD_IN && word_done) state_q <= left_q == '0 ? FLUSH : WORD_GET;
        if (digit_done) begin
          write_o       <= 1'b1;
          write_index_o <= out_q;
          write_digit_o <= {word_q[0], last_q};
          out_q         <= out_q + 5'd1;
          if (state_q == FLUSH) state_q <= FILL;
        end
      end
      FILL: begin
        write_o       <= 1'b1;
        write_index_o <= out_q;
        out_q         <= out_q + 5'd1;
        if (out_q == 5'(DIGITS - 1)) state_q <= DONE;
      end
      default: begin
        last_q  <= '0;
        digit_q <= '0;
        word_q  <= '0;
        carry_q <= 1'b0;
        state_q <= IDLE;
      end
    endcase
    taken_q <= state_q == WORD_GET && in_valid_i;
    if (taken_q) left_q <= left_q - 4'd1;
    if (write_o && write_digit_o != '0) zero_q <= 1'b0;
    if (clear_i) begin
      state_q        <= IDLE;
      carry_q        <= 1'b0;
      last_q         <= '0;
      digit_q        <= '0;
      word_q         <= '0;
      window_q       <= '0;
      write_o        <= 1'b0;
      write_digit_o  <= '0;
      window_write_o <= 1'b0;
      zero_q         <= 1'b0;
      odd_q          <= 1'b0;
      carry_out_q    <= 1'b0;
    end
  end

  // What window_q holds in the cycle of window_write_o, the top w bits of it.
  logic negative;
  logic [4:0] low;
  assign negative = !window_q[5];
  assign low      = x_i[0] ? {1'b0, window_q[4:1]} : window_q[4:0];
  assign window_o = {negative, (low ^ {5{negative}}) & (x_i[0] ? 5'h0f : 5'h1f)};
endmodule
