// SPDX-License-Identifier: Apache-2.0
//
// Bytes of memory to words of the engine and back. Points, signatures and digests are big-endian strings; the engine's words are an integer's,
// the lowest first. Up to 256 bytes, which are zero after 256 cycles of zero_i.
module ec_buffer (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        zero_i,          // everything, and the start of a new request
  // Steady from the first word on.
  input  logic        p384_i,
  input  logic        verify_i,        // bytes in: x, y, r, s, digest; words: r, s, x, y, digest
  input  logic        sign_i,          // digest; neither: x, y
  input  logic [8:0]  bytes_i,         // of all
  // Bytes in, in order.
  input  logic        put_i,
  input  logic [7:0]  put_data_i,
  // Words to the engine, once all bytes are in.
  input  logic        feed_i,
  output logic        word_valid_o,
  input  logic        word_ready_i,
  output logic [31:0] word_o,
  // Words from the engine: one integer, or two.
  input  logic        out_valid_i,
  output logic        out_ready_o,
  input  logic [31:0] out_i,
  // Bytes out, in order, from two cycles after the last word on.
  input  logic        get_i,
  output logic [7:0]  get_data_o       // the one after those that were taken, two cycles after the last was
);
  logic [7:0] half;                    // bytes of a coordinate
  assign half = p384_i ? 8'd48 : 8'd32;

  // ------------------------------------------------------------------ memory
  logic [7:0] bytes[256];
  logic [7:0] wr_at, wr_data, rd_at, rd_q;
  logic       wr;
  always_ff @(posedge clk_i) begin
    if (wr) bytes[wr_at] <= wr_data;
    rd_q <= bytes[rd_at];
  end

  // ------------------------------------------------------------------- words
  typedef enum logic [1:0] {NEXT, READ, OFFER, END} feed_e;
  feed_e       feed_q;
  logic [2:0]  integer_q, integers, step_q;
  logic [7:0]  from_q;                 // byte that is read next
  logic [4:0]  left_q, words;          // of the integer
  logic [7:0]  last;                   // its last byte
  logic [31:0] word_q;
  always_comb begin
    integers = verify_i ? 3'd5 : sign_i ? 3'd1 : 3'd2;
    words    = p384_i ? 5'd12 : 5'd8;
    last     = half - 8'd1;
    if (sign_i || integer_q == 3'd4) begin
      words = 5'((bytes_i - (verify_i ? 9'(half) << 2 : 9'd0)) >> 2);
      last  = 8'(bytes_i - 9'd1);
    end else begin
      // The point is behind the signature in words, before it in memory.
      unique case ({verify_i, integer_q[1:0]})
        3'b100:         last = half * 8'd3 - 8'd1;
        3'b101:         last = (half << 2) - 8'd1;
        3'b111, 3'b001: last = (half << 1) - 8'd1;
        default:        last = half - 8'd1;
      endcase
    end
  end
  assign word_valid_o = feed_q == OFFER;
  assign word_o       = word_q;

  // ------------------------------------------------------------- memory's uses
  logic [7:0] in_q, get_q, sweep_q;
  logic [3:0] out_word_q;
  logic [1:0] out_byte_q;
  logic       out_second_q;
  assign out_ready_o = out_byte_q == 2'd3;
  always_comb begin
    wr      = put_i;
    wr_at   = in_q;
    wr_data = put_data_i;
    if (out_valid_i) begin
      wr      = 1'b1;
      wr_at   = (out_second_q ? half << 1 : half) - 8'd1 - {2'd0, out_word_q, out_byte_q};
      wr_data = out_i[8*out_byte_q+:8];
    end
    if (zero_i) begin
      wr      = 1'b1;
      wr_at   = sweep_q;
      wr_data = '0;
    end
    rd_at = feed_q == READ ? from_q : get_q;
  end
  assign get_data_o = rd_q;

  always_ff @(posedge clk_i) begin
    if (put_i) in_q <= in_q + 8'd1;
    if (get_i) get_q <= get_q + 8'd1;
    unique case (feed_q)
      NEXT: begin
        from_q <= last;
        left_q <= words;
        step_q <= '0;
        if (feed_i) feed_q <= READ;
      end
      // The byte of a step comes in the next one.
      READ: begin
        step_q <= step_q + 3'd1;
        if (step_q != 3'd4) from_q <= from_q - 8'd1;
        word_q <= {rd_q, word_q[31:8]};
        if (step_q == 3'd4) begin
          left_q <= left_q - 5'd1;
          feed_q <= OFFER;
        end
      end
      OFFER: begin
        step_q <= '0;
        if (word_ready_i) begin
          feed_q <= READ;
          if (left_q == '0) begin
            integer_q <= integer_q + 3'd1;
            feed_q    <= integer_q == integers - 3'd1 ? END : NEXT;
          end
        end
      end
      default: ;
    endcase
    if (out_valid_i) begin
      out_byte_q <= out_byte_q + 2'd1;
      if (out_ready_o) begin
        out_word_q <= out_word_q + 4'd1;
        if (out_word_q == (p384_i ? 4'd11 : 4'd7)) begin
          out_word_q   <= '0;
          out_second_q <= 1'b1;
        end
      end
    end
    if (zero_i) sweep_q <= sweep_q + 8'd1;
    if (zero_i || !rst_ni) begin
      feed_q       <= NEXT;
      integer_q    <= '0;
      word_q       <= '0;
      in_q         <= '0;
      get_q        <= '0;
      out_word_q   <= '0;
      out_byte_q   <= '0;
      out_second_q <= 1'b0;
    end
    if (!rst_ni) sweep_q <= '0;
  end
endmodule
