// SPDX-License-Identifier: Apache-2.0
//
// The elliptic-curve engine: ECDSA (FIPS 186-5, 6) and ECDH (SP 800-56A Rev. 3, 5.7.1.2) on P-256 and P-384, one operation at a time.
//
//   op              words in             key_i   words out             status other than ok or fault
//   EC_SIGN         digest               d       r, s                  key
//   EC_VERIFY       r, s, x, y, digest   -       -                     signature, point
//   EC_PUBLIC_KEY   -                    d       x, y                  key
//   EC_KEYGEN       -                    -       d (secret), x, y      -
//   EC_CHECK_POINT  x, y                 -       -                     point
//   EC_ECDH         x, y                 d       x of d (x, y) (secret)   key, point
//
// Data format. Integers go in words of 32 bits, the lowest first: 8 words with P-256, 12 with P-384. The digest is an integer too, its last
// byte the lowest, of req_i.digest_words words; of a digest longer than n the leftmost bits count (FIPS 186-5, 6.4.1). key_i is a string
// as slots keep it: big-endian, 32 or 48 bytes, byte i in [8*i +: 8]. An operation that fails early leaves its remaining words unread.
//
// Options. req_verify_i: a signature is verified, as EC_VERIFY does, with the public key made again from key_i; if it does not verify, the
// status is EC_FAULT. req_blind_i: whatever multiplies a point is split into two scalars, random but for their sum; in a signature's
// equation the key, the digest and the nonce have a common random factor. Without it random blocks are one or two fewer.
//
// Words out come only after every check has passed, and out_secret_o marks those that must not reach the host. The status comes last.
//
// Time: private-key operations take the same number of cycles for all keys, nonces, digests and points, waits at the interfaces and a
// rejected nonce or key candidate (less likely than 2^-32) apart. Random blocks are taken by all operations but EC_CHECK_POINT.
//
// What stays: nothing. When the status has been taken, or after clear_i with whatever was in flight, every register and variable row is zero
// within 270 cycles; clean_o says so, and only then is a request taken.
module ec_engine
  import ec_pkg::*, sha2_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         clean_o,
  // Request
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  ec_op_e       req_op_i,
  input  logic         req_p384_i,
  input  alg_e         req_alg_i,            // of the nonce's HMAC
  input  logic         req_deterministic_i,  // nonces without randomness
  input  logic         req_verify_i,         // EC_SIGN: verify the signature before it is given away
  input  logic         req_blind_i,          // blind private keys and nonces
  input  logic [4:0]   req_digest_words_i,   // 1 to 16
  // Key words, in the cycle in which they are asked for
  output logic [3:0]   key_at_o,
  input  logic [31:0]  key_i,
  output logic [3:0]   nonce_key_at_o,
  input  logic [31:0]  nonce_key_i,
  // Words in
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [31:0]  in_i,
  // Random blocks
  input  logic         random_valid_i,
  output logic         random_ready_o,
  input  logic [255:0] random_i,
  // Words out. Zero while out_valid_o is low.
  output logic         out_valid_o,
  input  logic         out_ready_i,
  output logic [31:0]  out_o,
  output logic         out_secret_o,
  // Status
  output logic         done_o,
  input  logic         ack_i,
  output ec_status_e   status_o,
  input  logic         fault_i               // test: flips a bit of a partial product. 0 in a device
);
  typedef enum logic [1:0] {IDLE, START, RUN, DONE} state_e;
  state_e state_q;
  ec_op_e op_q;
  logic p384_q, deterministic_q, verify_q, blind_q;
  alg_e alg_q;
  logic [4:0] digest_left_q, words;
  logic [3:0] word_q;
  logic [255:0] random_q;
  logic [3:0] random_left_q;
  logic clear_q, finish;
  assign words  = p384_q ? 5'd12 : 5'd8;
  assign finish = state_q == DONE && ack_i;

  ec_status_e status;
  ec_src_e source;
  ec_dst_e target;
  logic core_clean, core_done, core_in_valid, core_in_ready, core_out_valid, core_out_ready, nonce_start, nonce_reject;
  logic [31:0] core_in, core_out, nonce, key_word;
  logic nonce_clean, nonce_valid, nonce_random_ready;
  logic taken;
  assign taken = core_in_valid && core_in_ready;

  function automatic logic [31:0] swap(logic [31:0] x);
    return {x[7:0], x[15:8], x[23:16], x[31:24]};
  endfunction
  assign key_at_o = 4'(words) - 4'd1 - word_q;
  assign key_word = swap(key_i);

  // Words of the digest that do not count are dropped; those a short one lacks are zero.
  logic drop, pad;
  assign drop = source == SRC_DIGEST && word_q == '0 && digest_left_q > words;
  assign pad  = source == SRC_DIGEST && digest_left_q == '0;
  always_comb begin
    core_in       = in_i;
    core_in_valid = in_valid_i && !drop;
    in_ready_o    = core_in_ready;
    unique case (source)
      SRC_DIGEST: begin
        if (pad) begin
          core_in       = '0;
          core_in_valid = 1'b1;
          in_ready_o    = 1'b0;
        end
      end
      SRC_KEY: begin
        core_in       = key_word;
        core_in_valid = 1'b1;
        in_ready_o    = 1'b0;
      end
      SRC_RANDOM: begin
        core_in       = random_q[31:0];
        core_in_valid = random_left_q != '0;
        in_ready_o    = 1'b0;
      end
      SRC_NONCE: begin
        core_in       = nonce;
        core_in_valid = nonce_valid;
        in_ready_o    = 1'b0;
      end
      default: ;
    endcase
  end
  logic core_random_ready;
  assign core_random_ready = core_in_ready && source == SRC_RANDOM && random_left_q == '0;
  assign random_ready_o    = nonce_random_ready || core_random_ready;

  assign out_valid_o    = core_out_valid && target != DST_NONCE;
  assign out_o          = out_valid_o ? core_out : '0;
  assign out_secret_o   = out_valid_o && target == DST_SECRET;
  assign core_out_ready = target == DST_NONCE || out_ready_i;

  assign req_ready_o = state_q == IDLE && clean_o;
  assign clean_o     = core_clean && nonce_clean && !clear_q && state_q == IDLE;
  assign done_o      = state_q == DONE;

  always_ff @(posedge clk_i) begin
    clear_q <= !rst_ni || clear_i || finish;
    unique case (state_q)
      IDLE: if (req_valid_i && req_ready_o) begin
        op_q            <= req_op_i;
        p384_q          <= req_p384_i;
        alg_q           <= req_alg_i;
        deterministic_q <= req_deterministic_i;
        verify_q        <= req_verify_i && req_op_i == EC_SIGN;
        blind_q         <= req_blind_i;
        digest_left_q   <= req_digest_words_i;
        state_q         <= START;
      end
      START: state_q <= RUN;
      RUN: begin
        if (taken) word_q <= word_q == 4'(words) - 4'd1 ? '0 : word_q + 4'd1;
        if (in_valid_i && in_ready_o && source == SRC_DIGEST) digest_left_q <= digest_left_q - 5'd1;
        if (core_random_ready && random_valid_i) begin
          random_q      <= random_i;
          random_left_q <= 4'd8;
        end else if (taken && source == SRC_RANDOM) begin
          // The rest of a block is not used again.
          random_q      <= word_q == 4'(words) - 4'd1 ? '0 : {32'd0, random_q[255:32]};
          random_left_q <= word_q == 4'(words) - 4'd1 ? '0 : random_left_q - 4'd1;
        end
        if (core_done) begin
          state_q  <= DONE;
          status_o <= status;
        end
      end
      default: ;
    endcase
    if (clear_q) begin
      state_q         <= IDLE;
      op_q            <= EC_SIGN;
      p384_q          <= 1'b0;
      alg_q           <= SHA_256;
      deterministic_q <= 1'b0;
      verify_q        <= 1'b0;
      blind_q         <= 1'b0;
      digest_left_q   <= '0;
      word_q          <= '0;
      random_q        <= '0;
      random_left_q   <= '0;
      status_o        <= EC_OK;
    end
  end

  ec_core u_core (
    .clk_i,
    .rst_ni,
    .clear_i        (clear_q),
    .clean_o        (core_clean),
    .start_i        (state_q == START),
    .op_i           (op_q),
    .p384_i         (p384_q),
    .verify_i       (verify_q),
    .blind_i        (blind_q),
    .done_o         (core_done),
    .status_o       (status),
    .source_o       (source),
    .in_valid_i     (core_in_valid),
    .in_ready_o     (core_in_ready),
    .in_i           (core_in),
    .target_o       (target),
    .out_valid_o    (core_out_valid),
    .out_ready_i    (core_out_ready),
    .out_o          (core_out),
    .nonce_start_o  (nonce_start),
    .nonce_reject_o (nonce_reject),
    .fault_i
  );
  ec_nonce u_nonce (
    .clk_i,
    .rst_ni,
    .clear_i         (clear_q),
    .clean_o         (nonce_clean),
    .alg_i           (alg_q),
    .p384_i          (p384_q),
    .deterministic_i (deterministic_q),
    .key_at_o        (nonce_key_at_o),
    .key_i           (nonce_key_i),
    .digest_valid_i  (core_out_valid && target == DST_NONCE),
    .digest_i        (core_out),
    .start_i         (nonce_start),
    .reject_i        (nonce_reject),
    .random_ready_o  (nonce_random_ready),
    .random_valid_i,
    .random_i,
    .out_valid_o     (nonce_valid),
    .out_ready_i     (core_in_ready && source == SRC_NONCE),
    .out_o           (nonce)
  );
endmodule
