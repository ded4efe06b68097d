// SPDX-License-Identifier: Apache-2.0
//
// Nonces of ECDSA (RFC 6979, 3.2) from the key and the digest, with 32 random bytes as additional data (3.6) unless deterministic_i. Its
// HMAC is the only one who sees K and V; candidates go to the core and nowhere else.
//
// The digest comes as bits2octets of it: reduced modulo n, in words, the lowest first, before start_i or after it; candidates leave in the
// same order. A candidate
// that is not from 1 to n - 1 is the core's to reject: then K and V move on as 3.2, step h.3 says.
//
// The time from start_i to the first candidate depends on the algorithm, the curve and deterministic_i alone.
module ec_nonce
  import sha2_pkg::*, hmac_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         clean_o,
  // Steady from start_i to clear_i
  input  alg_e         alg_i,
  input  logic         p384_i,
  input  logic         deterministic_i,
  // Key, a big-endian string of 32 or 48 bytes: words of four bytes, in the cycle in which they are asked for
  output logic [3:0]   key_at_o,
  input  logic [31:0]  key_i,
  // Digest
  input  logic         digest_valid_i,
  input  logic [31:0]  digest_i,
  // Commands
  input  logic         start_i,
  input  logic         reject_i,
  // Random block
  output logic         random_ready_o,
  input  logic         random_valid_i,
  input  logic [255:0] random_i,
  // Candidate
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [31:0]  out_o
);
  typedef enum logic [2:0] {IDLE, RANDOM, REQUEST, MESSAGE, RESULT, OFFER, WAIT} state_e;
  // Uses of HMAC, in the order of 3.2: d, e, f, g, h.2 (twice if a digest is shorter than n), h.3
  typedef enum logic [2:0] {K_FIRST, V_FIRST, K_SECOND, V_SECOND, T_FIRST, T_SECOND, K_AGAIN, V_AGAIN} step_e;
  // Parts of a message.
  typedef enum logic [2:0] {P_V, P_BYTE, P_KEY, P_DIGEST, P_RANDOM} part_e;

  state_e state_q;
  step_e step_q;
  part_e part_q;
  logic [3:0] beat_q;
  logic [511:0] k_q, v_q;
  logic [383:0] digest_q, t_q;
  logic [255:0] random_q;
  logic [3:0] in_word_q, out_word_q;
  logic clear_q, digest_full_q;

  logic [3:0] words;
  logic [3:0] beats, part_last, mac_beats;
  assign words     = p384_i ? 4'd12 : 4'd8;
  assign beats     = p384_i ? 4'd6 : 4'd4;
  assign key_at_o  = beat_q;
  assign mac_beats = digest_beats(alg_i);

  function automatic logic [31:0] swap(logic [31:0] x);
    return {x[7:0], x[15:8], x[23:16], x[31:24]};
  endfunction

  logic req_valid, req_ready, in_valid, in_ready, in_last, res_valid;
  logic [63:0] in_data;
  logic [3:0] in_bytes;
  logic [63:0] mac;
  logic mac_valid;
  logic [511:0] mac_q;    // its words as they come
  logic [3:0] key_left_q; // words of the engine's key that are still to go
  logic updates_k, keyed, part_done;
  assign updates_k = step_q inside {K_FIRST, K_SECOND, K_AGAIN};
  assign keyed     = step_q inside {K_FIRST, K_SECOND};
  assign req_valid = state_q == REQUEST;
  assign in_valid  = state_q == MESSAGE && !(part_q == P_DIGEST && !digest_full_q);
  assign part_done = beat_q == part_last;
  always_comb begin
    in_data   = v_q[9'(beat_q[2:0])*64+:64];
    in_bytes  = 4'd8;
    part_last = mac_beats - 4'd1;
    in_last   = 1'b0;
    unique case (part_q)
      P_BYTE: begin
        in_data   = {63'd0, step_q == K_SECOND};
        in_bytes  = 4'd1;
        part_last = 4'd0;
        in_last   = !keyed;
      end
      P_KEY: begin
        in_data   = 64'(key_i);
        in_bytes  = 4'd4;
        part_last = words - 4'd1;
      end
      P_DIGEST: begin
        in_data   = digest_q[9'(beat_q[2:0])*64+:64];
        part_last = beats - 4'd1;
        in_last   = deterministic_i && part_done;
      end
      P_RANDOM: begin
        in_data   = random_q[8'(beat_q[1:0])*64+:64];
        part_last = 4'd3;
        in_last   = part_done;
      end
      default: in_last = !updates_k && part_done;
    endcase
  end

  /* verilator lint_off UNUSEDSIGNAL */  // nothing is compared, nobody waits
  logic mac_ok, expect_asked, mac_clean;
  /* verilator lint_on UNUSEDSIGNAL */
  hmac u_hmac (
    .clk_i,
    .rst_ni,
    .clear_i      (clear_q),
    .clean_o      (mac_clean),
    .req_valid_i  (req_valid),
    .req_ready_o  (req_ready),
    .req_i        ('{alg: alg_i, verify: 1'b0, key_len: {mac_beats, 3'd0}, mac_len: {mac_beats, 3'd0}}),
    .word_valid_i (key_left_q != '0),
    .word_i       (key_left_q != '0 ? k_q[63:0] : '0),
    .expect_o     (expect_asked),
    .in_valid_i   (in_valid),
    .in_ready_o   (in_ready),
    .in_data_i    (in_data),
    .in_bytes_i   (in_bytes),
    .in_last_i    (in_last),
    .mac_valid_o  (mac_valid),
    .mac_o        (mac),
    .res_valid_o  (res_valid),
    .res_ready_i  (state_q == RESULT),
    .res_ok_o     (mac_ok)
  );

  // Strings are big-endian: their last word is the lowest.
  logic [3:0] out_at;
  assign random_ready_o = state_q == RANDOM;
  assign out_valid_o    = state_q == OFFER;
  assign out_at         = words - 4'd1 - out_word_q;
  assign out_o          = state_q == OFFER ? swap(t_q[9'(out_at)*32+:32]) : '0;
  assign clean_o        = state_q == IDLE && !clear_q;

  logic second;      // the digest is shorter than n
  assign second = p384_i && alg_i == SHA_256;
  always_ff @(posedge clk_i) begin
    clear_q <= !rst_ni || clear_i;
    if (digest_valid_i) begin
      digest_q  <= {digest_q[351:0], swap(digest_i)};   // the last word is the string's first
      in_word_q <= in_word_q + 4'd1;
      if (in_word_q == words - 4'd1) digest_full_q <= 1'b1;
    end
    unique case (state_q)
      IDLE: if (start_i) begin
        // 3.2, b and c.
        v_q     <= {64{8'h01}};
        k_q     <= '0;
        step_q  <= K_FIRST;
        part_q  <= P_V;
        state_q <= deterministic_i ? REQUEST : RANDOM;
      end
      RANDOM: if (random_valid_i) begin
        random_q <= random_i;
        state_q  <= REQUEST;
      end
      REQUEST: if (req_ready) begin
        key_left_q <= 4'd8;
        state_q    <= MESSAGE;
      end
      MESSAGE: if (in_valid && in_ready) begin
        beat_q <= part_done ? '0 : beat_q + 4'd1;
        if (part_done) part_q <= part_e'(part_q + 3'd1);
        if (in_last) state_q <= RESULT;
      end
      RESULT: if (res_valid) begin
        part_q  <= P_V;
        step_q  <= step_e'(step_q + 3'd1);
        state_q <= REQUEST;
        if (updates_k) k_q <= mac_q;
        else v_q <= mac_q;
        if (step_q == T_FIRST) t_q <= mac_q[383:0];
        if (step_q == T_SECOND) t_q[383:256] <= mac_q[127:0];
        mac_q <= '0;
        if ((step_q == T_FIRST && !second) || step_q == T_SECOND) state_q <= OFFER;
        if (step_q == V_AGAIN) step_q <= T_FIRST;
      end
      OFFER: if (out_ready_i) begin
        out_word_q <= out_word_q + 4'd1;
        if (out_word_q == words - 4'd1) begin
          out_word_q <= '0;
          t_q        <= '0;
          state_q    <= WAIT;
        end
      end
      default: if (reject_i) begin
        step_q  <= K_AGAIN;
        state_q <= REQUEST;
      end
    endcase
    // The key goes around once on its way.
    if (key_left_q != '0) begin
      k_q        <= {k_q[63:0], k_q[511:64]};
      key_left_q <= key_left_q - 4'd1;
    end
    if (mac_valid) mac_q <= {mac, mac_q[511:64]};
    if (clear_q) begin
      state_q    <= IDLE;
      key_left_q <= '0;
      mac_q      <= '0;
      step_q     <= K_FIRST;
      part_q     <= P_V;
      beat_q     <= '0;
      k_q        <= '0;
      v_q        <= '0;
      t_q        <= '0;
      digest_q   <= '0;
      random_q   <= '0;
      in_word_q  <= '0;
      digest_full_q <= 1'b0;
      out_word_q <= '0;
    end
  end
endmodule
