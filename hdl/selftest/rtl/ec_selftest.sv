// SPDX-License-Identifier: Apache-2.0
//
// A known answer of the elliptic-curve engine, over its own ports: the deterministic signature with P-256 and SHA-256 of RFC 6979, A.2.5,
// message "sample". The engine's user starts it before the engine's first work.
module ec_selftest (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        run_i,          // from its start on, until done_o
  output logic        done_o,         // until reset
  output logic        ok_o,           // when done
  input  logic        fault_i,        // for tests: makes what the engine gives wrong
  // The engine, while run_i and not done_o: EC_SIGN, P-256, SHA-256, deterministic, a digest of 8 words.
  input  logic        started_i,      // it has the request
  input  logic [2:0]  key_at_i,
  output logic [31:0] key_o,
  input  logic [2:0]  nonce_key_at_i,
  output logic [31:0] nonce_key_o,
  output logic        in_valid_o,
  input  logic        in_ready_i,
  output logic [31:0] in_o,
  input  logic        out_valid_i,    // taken at once
  input  logic [31:0] out_i,
  input  logic        done_i,
  input  logic        good_i          // with it
);
  localparam logic [255:0] KEY    = 256'hc9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721;
  localparam logic [255:0] DIGEST = 256'haf2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf;
  localparam logic [511:0] SIGNATURE = {   // s, r
    256'hf7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8,
    256'hefd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716};
  // Word of a string of 32 bytes.
  function automatic logic [31:0] word_of(logic [2:0] at);
    logic [31:0] w;
    w = KEY[8'(3'd7 - at)*32+:32];
    return {w[7:0], w[15:8], w[23:16], w[31:24]};
  endfunction

  logic [3:0] given_q, got_q;
  logic       bad_q;
  assign key_o       = word_of(key_at_i);
  assign nonce_key_o = word_of(nonce_key_at_i);
  assign in_valid_o  = run_i && started_i && !given_q[3];
  assign in_o        = DIGEST[32*given_q[2:0]+:32];
  assign ok_o        = done_o && !bad_q;
  always_ff @(posedge clk_i) begin
    if (in_valid_o && in_ready_i) given_q <= given_q + 4'd1;
    if (run_i && !done_o) begin
      if (out_valid_i) begin
        got_q <= got_q + 4'd1;
        if ((out_i ^ 32'(fault_i)) != SIGNATURE[32*got_q+:32]) bad_q <= 1'b1;
      end
      if (done_i) begin
        done_o <= 1'b1;
        if (!good_i || got_q != '0) bad_q <= 1'b1;   // 16 words: it has gone round
      end
    end
    if (!rst_ni) begin
      given_q <= '0;
      got_q   <= '0;
      bad_q   <= 1'b0;
      done_o  <= 1'b0;
    end
  end
endmodule
