// SPDX-License-Identifier: Apache-2.0
//
// Joins byte strings and pads them (FIPS 180-4, 5.1): beats of 0 to 8 bytes in, words of whole blocks out. A beat a
// two cycles at most, as fast as the core takes words.
//
// Data format. In: byte i of a beat in [8*i +: 8]. Out: most significant byte first; a SHA-256 word in the upper half.
module sha2_pad
  import sha2_pkg::*;
(
  input  logic        clk_i,
  input  logic        clear_i,      // zeroes every register in this cycle
  input  logic        start_i,      // after a clear
  input  alg_e        alg_i,
  // The message. Any beat may be short or empty: strings of any length follow each other without alignment.
  input  logic        in_valid_i,
  output logic        in_ready_o,
  input  logic [63:0] in_data_i,    // bytes past in_bytes_i are ignored
  input  logic [3:0]  in_bytes_i,   // 0..8
  input  logic        in_last_i,
  output logic        word_valid_o,
  input  logic        word_ready_i,
  output logic [63:0] word_o,
  output logic        word_last_o
);
  // Every stage takes something when it is empty: no path of ready signals, a beat in two cycles.

  // Stage 1: the beat as it came, by four bytes further up if the bytes before it in its word are as many.
  logic open_q, in_valid_q, in_last_q, in_take;
  logic [95:0] in_data_q;
  logic [63:0] in_data;
  logic [3:0] in_bytes, in_bytes_q;
  logic [2:0] place_q;       // of the next beat in its word
  assign in_bytes   = in_bytes_i[3] ? 4'd8 : in_bytes_i;
  assign in_ready_o = open_q && !in_valid_q;
  always_comb for (int i = 0; i < 8; i++) in_data[8*i+:8] = 4'(i) < in_bytes_i ? in_data_i[8*i+:8] : 8'd0;
  always_ff @(posedge clk_i) begin
    if (start_i) open_q <= 1'b1;
    if (in_valid_i && in_ready_o) begin
      in_valid_q <= 1'b1;
      in_last_q  <= in_last_i;
      in_bytes_q <= in_bytes;
      in_data_q  <= place_q[2] ? {in_data, 32'd0} : {32'd0, in_data};
      place_q    <= place_q + in_bytes[2:0];
      if (in_last_i) open_q <= 1'b0;
    end else if (in_take) begin
      in_valid_q <= 1'b0;
    end
    if (clear_i) begin
      open_q     <= 1'b0;
      in_valid_q <= 1'b0;
      in_last_q  <= 1'b0;
      in_bytes_q <= '0;
      in_data_q  <= '0;
      place_q    <= '0;
    end
  end

  // Stage 2: full beats. Up to 7 bytes wait for the next beat; what is left at the end is flushed.
  logic full_valid_q, full_last_q, flush_q, full_take;
  logic [63:0] full_q;
  logic [3:0] full_bytes_q;
  logic [55:0] rest_q;
  logic [2:0] rest_bytes_q;
  logic [119:0] joined;
  logic [3:0] joined_bytes;
  assign joined       = (120'(in_data_q) << {rest_bytes_q[1:0], 3'd0}) | 120'(rest_q);
  assign joined_bytes = 4'(rest_bytes_q) + in_bytes_q;
  assign in_take      = in_valid_q && !full_valid_q && !flush_q;
  always_ff @(posedge clk_i) begin
    if (in_take) begin
      full_q       <= joined[63:0];
      full_bytes_q <= joined_bytes[3] ? 4'd8 : joined_bytes;
      full_valid_q <= joined_bytes[3] || in_last_q;
      full_last_q  <= in_last_q && joined_bytes <= 4'd8;
      flush_q      <= in_last_q && joined_bytes > 4'd8;
      rest_q       <= joined_bytes[3] ? joined[119:64] : joined[55:0];
      rest_bytes_q <= joined_bytes[2:0];
    end
    if (flush_q && !full_valid_q) begin
      full_q       <= 64'(rest_q);
      full_bytes_q <= 4'(rest_bytes_q);
      full_valid_q <= 1'b1;
      full_last_q  <= 1'b1;
      flush_q      <= 1'b0;
    end
    if (full_take) full_valid_q <= 1'b0;
    if (clear_i) begin
      full_valid_q <= 1'b0;
      full_last_q  <= 1'b0;
      flush_q      <= 1'b0;
      full_q       <= '0;
      full_bytes_q <= '0;
      rest_q       <= '0;
      rest_bytes_q <= '0;
    end
  end

  // Stage 3: padding, 5.1.1 and 5.1.2: a one bit, zeros, and the length in bits. Stage 4: words.
  logic pads_q;              // the message is over: words of padding, up to the length
  logic one_q;               // of these the first, if it begins with the one bit; otherwise the message's last word has it
  logic is_256_q;
  logic [3:0] pos_q;         // beat within the block; SHA-256 counts to 7
  logic fits_q;              // the length fits in this block
  logic at_length_q;         // the next word of zeros is the length
  logic [60:0] bytes_q;      // length so far
  logic [63:0] next;
  logic zero, next_last;
  logic [63:0] word_q;
  logic word_valid_q, more_q;  // a word, and another after it
  logic last_q, word_take;
  assign zero      = pads_q && !one_q;
  assign next_last = zero && at_length_q;
  always_comb begin
    for (int i = 0; i < 8; i++) next[8*(7-i)+:8] = (full_q[8*i+:8] | {full_bytes_q == 4'(i), 7'd0}) & {8{!pads_q}};
    if (one_q) next[63] = 1'b1;
    // SHA-512's length has 128 bits: the upper half is one of the zeros.
    if (next_last) next = {bytes_q, 3'd0};
  end
  assign word_take = (pads_q || full_valid_q) && !word_valid_q;
  assign full_take = full_valid_q && !word_valid_q;
  always_ff @(posedge clk_i) begin
    if (start_i) is_256_q <= alg_i == SHA_256;
    // Found a cycle after the word before, which no other follows at once.
    at_length_q <= fits_q && pos_q == (is_256_q ? 4'd7 : 4'd15);
    if (word_take) begin
      word_q       <= next;
      word_valid_q <= 1'b1;
      more_q       <= is_256_q;
      last_q       <= next_last;
      pos_q        <= is_256_q ? {1'b0, pos_q[2:0] + 3'd1} : pos_q + 4'd1;
      // The one bit in the upper half of where the length belongs: SHA-512's length goes into the next block.
      fits_q       <= is_256_q || pos_q != 4'd14 || zero;
      one_q        <= 1'b0;
      if (next_last) pads_q <= 1'b0;
    end else if (word_valid_o && word_ready_i) begin
      word_q       <= {word_q[31:0], 32'd0};
      word_valid_q <= more_q;
      more_q       <= 1'b0;
    end
    if (full_take) begin
      bytes_q <= bytes_q + 61'(full_bytes_q);
      pads_q  <= full_last_q;
      one_q   <= full_last_q && full_bytes_q[3];
    end
    if (clear_i) begin
      pads_q       <= 1'b0;
      one_q        <= 1'b0;
      is_256_q     <= 1'b0;
      pos_q        <= '0;
      fits_q       <= 1'b0;
      at_length_q  <= 1'b0;
      bytes_q      <= '0;
      word_q       <= '0;
      word_valid_q <= 1'b0;
      more_q       <= 1'b0;
      last_q       <= 1'b0;
    end
  end
  assign word_valid_o = word_valid_q;
  assign word_o       = word_q;
  assign word_last_o  = last_q && !more_q;
endmodule
