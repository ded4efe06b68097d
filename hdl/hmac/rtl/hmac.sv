// SPDX-License-Identifier: Apache-2.0
//
// HMAC (FIPS 198-1, 4) with SHA-256, SHA-384 or SHA-512 of a stream of bytes: the MAC, or its comparison.
//
// Data format. Strings in memory order: byte i in [8*i +: 8]. Keys have at most 64 bytes, the most a slot holds, so
// none is ever longer than a block and hashed first. The message is as sha2 takes it: beats of 0 to 8 bytes, the last
// with in_last_i, any of them short or empty.
//
// Cycles depend on the algorithm and the lengths alone. The comparison always runs over the whole digest.
//
// The key is gone when the outer hash has read it, the rest within 2 cycles of the result's handshake. Every register
// is zeroed within 2 cycles of clear_i; what the interfaces hand over in its cycle is lost with the rest.
module hmac
  import sha2_pkg::*;
  import hmac_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  // Request and key
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  hmac_req_t    req_i,
  input  logic [511:0] key_i,        // bytes past key_len are ignored
  // Message
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,    // bytes past in_bytes_i are ignored
  input  logic [3:0]   in_bytes_i,   // 0..8
  input  logic         in_last_i,
  // Expected MAC: stable from the last beat to the result; bytes past mac_len are ignored
  input  logic [511:0] expect_i,
  // Result
  output logic         res_valid_o,
  input  logic         res_ready_i,
  output logic         res_ok_o,     // verify: equal; otherwise 1. 0 if mac_len is 0 or more than the digest has
  output logic [511:0] res_mac_o     // bytes past mac_len are zero; all of it when verifying or res_valid_o is low
);
  typedef enum logic [3:0] {
    IDLE,
    IN_REQ,    // inner hash: key xor ipad, message
    IN_KEY,
    IN_MSG,
    IN_WAIT,
    OUT_REQ,   // outer hash: key xor opad, inner digest
    OUT_KEY,
    OUT_MSG,
    OUT_WAIT,
    COMPARE,   // 8 bytes a cycle
    SETTLE,    // the last difference
    RESULT
  } state_e;

  state_e state_q, state_d;
  hmac_req_t req_q;
  logic [3:0] beat_q;      // beat within key block, digest or comparison
  logic [511:0] key_q;     // rotates; its beat is in the lowest 8 bytes
  logic [511:0] mac_q;     // inner digest, shifted out; then the MAC, rotating
  logic [6:0] rest_q;      // key bytes from this beat on, MAC bytes from the next
  logic [7:0] keep_q;      // of this beat
  logic ok_q;
  logic [63:0] diff_q;
  logic clear_q;

  logic sha_req_valid, sha_req_ready, sha_in_valid, sha_in_ready, sha_in_last, sha_out_valid, sha_out_ready;
  logic [63:0] sha_in_data;
  logic [3:0] sha_in_bytes;
  logic [511:0] sha_digest;
  logic key_last, msg_last;
  logic [63:0] key_masked, mac_masked, difference;

  always_ff @(posedge clk_i) clear_q <= !rst_ni || clear_i || (res_valid_o && res_ready_i);
  assign req_ready_o = state_q == IDLE && !clear_q;
  // RESULT, and no clear: as a register, because all of the MAC hangs on it.
  always_ff @(posedge clk_i) begin
    res_valid_o <= (state_q == SETTLE || state_q == RESULT) && !clear_q && rst_ni && !clear_i && !(res_valid_o && res_ready_i);
  end
  assign res_ok_o    = res_valid_o && ok_q;
  assign res_mac_o   = res_valid_o ? mac_q : '0;

  // Bytes of a beat that count, a cycle behind rest_q: a key's beats are two cycles apart, and the comparison counts
  // down a beat ahead.
  logic [6:0] rest_d;
  assign rest_d = rest_q[6:3] == 4'd0 ? 7'd0 : rest_q - 7'd8;
  function automatic logic [7:0] keep(logic [6:0] rest);
    for (int i = 0; i < 8; i++) keep[i] = rest[6:3] != 4'd0 || 3'(i) < rest[2:0];
  endfunction
  function automatic logic [63:0] mask(logic [63:0] x, logic [7:0] bytes);
    for (int i = 0; i < 8; i++) mask[8*i+:8] = x[8*i+:8] & {8{bytes[i]}};
  endfunction
  assign key_masked = mask(key_q[63:0], keep_q);
  assign mac_masked = mask(mac_q[63:0], keep_q);
  assign difference = mask(mac_q[63:0] ^ expect_i[9'(beat_q[2:0])*64+:64], keep_q);

  assign sha_req_valid = (state_q == IN_REQ || state_q == OUT_REQ) && !clear_q;
  assign sha_out_ready = state_q == IN_WAIT || state_q == OUT_WAIT;
  assign key_last      = beat_q == 4'(block_beats(req_q.alg) - 5'd1);
  assign msg_last      = beat_q == digest_beats(req_q.alg) - 4'd1;
  always_comb begin
    sha_in_valid = 1'b0;
    sha_in_data  = in_data_i;
    sha_in_bytes = 4'd8;
    sha_in_last  = 1'b0;
    in_ready_o   = 1'b0;
    unique case (state_q)
      IN_KEY: begin
        sha_in_valid = 1'b1;
        sha_in_data  = key_masked ^ {8{8'h36}};
      end
      IN_MSG: begin
        sha_in_valid = in_valid_i && !clear_q;
        sha_in_bytes = in_bytes_i;
        sha_in_last  = in_last_i;
        in_ready_o   = sha_in_ready && !clear_q;
      end
      OUT_KEY: begin
        sha_in_valid = 1'b1;
        sha_in_data  = key_masked ^ {8{8'h5c}};
      end
      OUT_MSG: begin
        sha_in_valid = 1'b1;
        sha_in_data  = mac_q[63:0];
        sha_in_last  = msg_last;
      end
      default: ;
    endcase
  end

  // In every state but IN_MSG a beat is there as soon as sha2 is ready: in_valid_i stays out of most enables.
  always_comb begin
    state_d = state_q;
    unique case (state_q)
      IDLE:     if (req_valid_i) state_d = IN_REQ;
      IN_REQ:   if (sha_req_ready) state_d = IN_KEY;
      IN_KEY:   if (sha_in_ready && key_last) state_d = IN_MSG;
      IN_MSG:   if (in_valid_i && sha_in_ready && in_last_i) state_d = IN_WAIT;
      IN_WAIT:  if (sha_out_valid) state_d = OUT_REQ;
      OUT_REQ:  if (sha_req_ready) state_d = OUT_KEY;
      OUT_KEY:  if (sha_in_ready && key_last) state_d = OUT_MSG;
      OUT_MSG:  if (sha_in_ready && msg_last) state_d = OUT_WAIT;
      OUT_WAIT: if (sha_out_valid) state_d = COMPARE;
      COMPARE:  if (beat_q == 4'd7) state_d = SETTLE;
      SETTLE:   state_d = RESULT;
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    state_q <= state_d;
    keep_q  <= keep(rest_q);
    diff_q  <= req_q.verify && state_q == COMPARE ? difference : '0;
    if (diff_q != '0) ok_q <= 1'b0;
    unique case (state_q)
      // Zero without a request: no enable waits for it.
      IDLE: begin
        req_q  <= req_valid_i ? req_i : '0;
        rest_q <= req_valid_i ? req_i.key_len : '0;
      end
      IN_KEY, OUT_KEY: begin
        if (sha_in_ready) begin
          beat_q <= key_last ? 4'd0 : beat_q + 4'd1;
          rest_q <= rest_d;
        end
      end
      IN_WAIT: begin
        rest_q <= req_q.key_len;
      end
      OUT_MSG: begin
        rest_q <= req_q.mac_len;
        if (sha_in_ready) begin
          beat_q <= msg_last ? 4'd0 : beat_q + 4'd1;
        end
      end
      OUT_WAIT: begin
        ok_q <= req_q.mac_len != 7'd0 && req_q.mac_len <= {digest_beats(req_q.alg), 3'd0};
        if (sha_out_valid) rest_q <= rest_d;
      end
      COMPARE: begin
        beat_q <= beat_q == 4'd7 ? 4'd0 : beat_q + 4'd1;
        rest_q <= rest_d;
      end
      default: ;
    endcase
    if (clear_q) begin
      state_q <= IDLE;
      req_q   <= '0;
      beat_q  <= '0;
      rest_q  <= '0;
      keep_q  <= '0;
      ok_q    <= 1'b0;
      diff_q  <= '0;
    end
  end

  // The wide registers. A shift follows its beat by a cycle, which needs no more than registers for its enable: beats
  // are two cycles apart.
  logic key_shift_q, key_again_q, mac_shift_q;
  always_ff @(posedge clk_i) begin
    key_shift_q <= (state_q == IN_KEY || state_q == OUT_KEY) && sha_in_ready && !beat_q[3];
    key_again_q <= state_q == IN_KEY;
    mac_shift_q <= state_q == OUT_MSG && sha_in_ready;
    // 64 bytes of key go around once; the second half of a 128-byte block is zeros. In the outer hash they are read
    // for the last time.
    if (state_q == IDLE && req_valid_i) key_q <= key_i;
    else if (key_shift_q) key_q <= {key_again_q ? key_q[63:0] : 64'd0, key_q[511:64]};
    // A digest is zero until it is valid.
    if (state_q == IN_WAIT || state_q == OUT_WAIT) mac_q <= sha_digest;
    else if (state_q == COMPARE) mac_q <= {req_q.verify ? 64'd0 : mac_masked, mac_q[511:64]};
    else if (mac_shift_q) mac_q <= {64'd0, mac_q[511:64]};
    if (clear_q) begin
      key_shift_q <= 1'b0;
      key_again_q <= 1'b0;
      mac_shift_q <= 1'b0;
      key_q       <= '0;
      mac_q       <= '0;
    end
  end

  sha2 u_sha2 (
    .clk_i,
    .rst_ni,
    .clear_i,
    .req_valid_i  (sha_req_valid),
    .req_ready_o  (sha_req_ready),
    .req_alg_i    (req_q.alg),
    .in_valid_i   (sha_in_valid),
    .in_ready_o   (sha_in_ready),
    .in_data_i    (sha_in_data),
    .in_bytes_i   (sha_in_bytes),
    .in_last_i    (sha_in_last),
    .out_valid_o  (sha_out_valid),
    .out_ready_i  (sha_out_ready),
    .out_digest_o (sha_digest)
  );
endmodule
