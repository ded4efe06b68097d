// SPDX-License-Identifier: Apache-2.0
//
// SHA-256, SHA-384 and SHA-512 (FIPS 180-4) of a stream of bytes, padded here.
//
// Data format. Strings in memory order: byte i in [8*i +: 8]. A message is a request, then beats of 0 to 8 bytes, the
// last with in_last_i; any beat may be short, so strings of any length can be joined. An empty message is one
// empty beat.
//
// The digest comes in the eight cycles up to the first of out_valid_o, in words and not in order: see sha2_core.
//
// Every register is zeroed within 2 cycles of clear_i, and of the handshake at the end; beats taken in the cycle
// of clear_i are lost with the rest. In between in_ready_o, req_ready_o and out_valid_o are low.
module sha2
  import sha2_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  // Request
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  alg_e         req_alg_i,
  // Message
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,    // bytes past in_bytes_i are ignored
  input  logic [3:0]   in_bytes_i,   // 0..8
  input  logic         in_last_i,
  // Digest: halves of a word, its number, the word
  output logic [1:0]   digest_we_o,
  output logic [2:0]   digest_at_o,
  output logic [63:0]  digest_o,
  output logic         out_valid_o,  // all of it has been given
  input  logic         out_ready_i
);
  logic clear_q;
  logic start_q;  // the request, taken: starts pad and core
  alg_e alg_q;
  logic idle, done, pad_ready;
  logic word_valid, word_ready, word_last;
  logic [63:0] word;

  always_ff @(posedge clk_i) clear_q <= !rst_ni || clear_i || (out_valid_o && out_ready_i);

  // A copy of clear_q, which goes to every register.
  (* keep *) logic ready_q;
  assign req_ready_o  = ready_q;
  always_ff @(posedge clk_i) begin
    start_q <= req_valid_i && req_ready_o;
    ready_q <= (idle || clear_q) && !start_q && !(req_valid_i && req_ready_o) && rst_ni && !clear_i && !(out_valid_o && out_ready_i);
    if (ready_q) alg_q <= req_alg_i;
    if (clear_q) start_q <= 1'b0;
  end
  assign in_ready_o   = pad_ready && !clear_q;
  assign out_valid_o  = done && !clear_q;

  sha2_pad u_pad (
    .clk_i,
    .clear_i      (clear_q),
    .start_i      (start_q),
    .alg_i        (alg_q),
    .in_valid_i   (in_valid_i && !clear_q),
    .in_ready_o   (pad_ready),
    .in_data_i,
    .in_bytes_i,
    .in_last_i,
    .word_valid_o (word_valid),
    .word_ready_i (word_ready),
    .word_o       (word),
    .word_last_o  (word_last)
  );
  sha2_core u_core (
    .clk_i,
    .clear_i      (clear_q),
    .start_i      (start_q),
    .alg_i        (alg_q),
    .word_valid_i (word_valid),
    .word_ready_o (word_ready),
    .word_i       (word),
    .word_last_i  (word_last),
    .idle_o       (idle),
    .done_o       (done),
    .digest_we_o,
    .digest_at_o,
    .digest_o
  );
endmodule
