// SPDX-License-Identifier: Apache-2.0
//
// HMAC (FIPS 198-1, 4) with SHA-256, SHA-384 or SHA-512 of a stream of bytes: the MAC, or its comparison.
//
// Data format. Strings in memory order: byte i in [8*i +: 8]. Keys have at most 64 bytes, the most a slot holds, so
// none is ever longer than a block and hashed first. Key, expected MAC and MAC go by words of 8 bytes, eight of each, the
// first first, in cycles that follow each other. The message is as sha2 takes it: beats of 0 to 8 bytes, the last
// with in_last_i, any of them short or empty.
//
// Cycles depend on the algorithm, the lengths and the time of the words alone. The comparison always runs over the whole digest.
//
// Key and digests are in a memory of sixteen words; each word is overwritten as it is read for the last time, so all of it is
// zero at the result. Every register is zeroed within 2 cycles of clear_i, the memory within 20, and the next request waits for that;
// what the interfaces hand over in the cycle of clear_i is lost with the rest.
module hmac
  import sha2_pkg::*;
  import hmac_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         clean_o,      // no clear is under way
  // Request
  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  hmac_req_t    req_i,
  // Words of the key, after the request; of the expected MAC, after expect_o. Zero while word_valid_i is low
  input  logic         word_valid_i,
  input  logic [63:0]  word_i,       // bytes past key_len, mac_len are ignored
  output logic         expect_o,     // a pulse
  // Message
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,    // bytes past in_bytes_i are ignored
  input  logic [3:0]   in_bytes_i,   // 0..8
  input  logic         in_last_i,
  // Words of the MAC, if not verifying; bytes past mac_len are zero. Zero while mac_valid_o is low
  output logic         mac_valid_o,
  output logic [63:0]  mac_o,
  // Result
  output logic         res_valid_o,
  input  logic         res_ready_i,
  output logic         res_ok_o      // verify: equal; otherwise 1. 0 if mac_len is 0 or more than the digest has
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
    ASK,       // for the expected MAC; the digest's last word is on its way to the memory
    COMPARE,   // 8 bytes a cycle
    SETTLE,    // the last difference
    RESULT
  } state_e;
  // One bit a state, by state_e.
  typedef logic [12:0] states_t;
  function automatic states_t go(state_e s);
    return 13'd1 << s;
  endfunction

  states_t    state_q, state_d;
  hmac_req_t  req_q;
  logic [3:0] beat_q;      // of a key block, a digest or the comparison
  logic [6:0] rest_q;      // bytes of key or MAC from this beat on
  logic       ok_q;
  logic       settled_q;   // SETTLE's second cycle
  logic       clear_q, done_q;
  always_ff @(posedge clk_i) begin
    clear_q <= !rst_ni || clear_i;
    done_q  <= res_valid_o && res_ready_i;
  end

  // Words 0 to 7: the key; 8 to 15: a digest.
  (* ram_style = "distributed", no_rw_check *) logic [63:0] words[16];
  logic [3:0]  sweep_q, sweep_left_q;
  logic        sweeping_q, wiping;
  logic [1:0]  put_q;
  logic [3:0]  put_at_q, key_in_q;         // words of the key that have come: 8 are all
  logic [63:0] put_word_q, word_q, digest;
  logic [1:0]  digest_we;
  logic [2:0]  digest_at;
  logic [3:0]  get_at, got_at_q;
  logic        key_comes, spent_q;         // what was read is overwritten
  assign wiping    = clear_q || sweeping_q;
  assign clean_o   = !wiping;
  assign key_comes = word_valid_i && !key_in_q[3];
  always_ff @(posedge clk_i) begin
    sweep_q      <= sweep_q + 4'd1;
    sweep_left_q <= clear_q ? '1 : sweep_left_q - 4'(sweep_left_q != '0);
    sweeping_q   <= clear_q || sweep_left_q != '0;
    put_q        <= wiping || key_comes || spent_q ? 2'b11 : digest_we;
    put_at_q     <= wiping ? sweep_q : key_comes ? {1'b0, key_in_q[2:0]} : spent_q ? got_at_q : {1'b1, digest_at};
    put_word_q   <= wiping ? '0 : (word_i & {64{key_comes}}) | digest;
  end
  for (genvar h = 0; h < 2; h++) begin : g_words
    always_ff @(posedge clk_i) if (put_q[h]) words[put_at_q][32*h+:32] <= put_word_q[32*h+:32];
  end

  // Bytes of a beat that count.
  logic [6:0] rest_d;
  assign rest_d = rest_q[6:3] == 4'd0 ? 7'd0 : rest_q - 7'd8;
  function automatic logic [7:0] keep(logic [6:0] rest);
    for (int i = 0; i < 8; i++) keep[i] = rest[6:3] != 4'd0 || 3'(i) < rest[2:0];
  endfunction
  function automatic logic [63:0] mask(logic [63:0] x, logic [7:0] bytes);
    for (int i = 0; i < 8; i++) mask[8*i+:8] = x[8*i+:8] & {8{bytes[i]}};
  endfunction

  // Three steps to the hash: the word, what is made of it, sha2's own register. Each takes something when it is empty: a beat in two
  // cycles, as sha2 takes them.
  logic        key_state, get, move, take, step;
  logic        key_last_q, msg_last_q;     // beat_q is the last; found while the one before moves on
  logic        got_q, got_last_q, some_q, last_q;
  logic [7:0]  keep_q, pad_q;
  logic [63:0] data_q;
  logic [3:0]  bytes_q;
  logic        sha_req_valid, sha_req_ready, sha_in_ready, sha_out_valid;
  assign key_state  = state_q[IN_KEY] || state_q[OUT_KEY];
  assign get        = (key_state || state_q[OUT_MSG]) && !got_q;
  assign move       = got_q && !some_q;
  assign take       = in_valid_i && in_ready_o;
  assign step       = state_q[COMPARE] && (!req_q.verify || word_valid_i);
  assign get_at     = {!key_state, beat_q[2:0]};
  assign in_ready_o = state_q[IN_MSG] && !got_q && !some_q && !clear_q;
  always_ff @(posedge clk_i) begin
    key_last_q <= beat_q == 4'(block_beats(req_q.alg) - 5'd1);
    msg_last_q <= beat_q == digest_beats(req_q.alg) - 4'd1;
    // The second half of a block of 128 bytes is zeros: none of them counts.
    if (get || step) begin
      word_q     <= words[get_at];
      got_at_q   <= get_at;
      keep_q     <= keep(rest_q) | {8{state_q[OUT_MSG]}};
      pad_q      <= state_q[IN_KEY] ? 8'h36 : state_q[OUT_KEY] ? 8'h5c : 8'h00;
      got_last_q <= state_q[OUT_MSG] && msg_last_q;
    end
    got_q   <= get || (got_q && !move);
    spent_q <= (get && !state_q[IN_KEY]) || step;
    if (move || take) begin
      data_q  <= take ? in_data_i : mask(word_q, keep_q) ^ {8{pad_q}};
      bytes_q <= take ? in_bytes_i : 4'd8;
      last_q  <= take ? in_last_i : got_last_q;
    end
    some_q <= move || take || (some_q && !sha_in_ready);
    if (clear_q || done_q) begin
      word_q     <= '0;
      got_at_q   <= '0;
      keep_q     <= '0;
      pad_q      <= '0;
      got_last_q <= 1'b0;
      key_last_q <= 1'b0;
      msg_last_q <= 1'b0;
      got_q      <= 1'b0;
      spent_q    <= 1'b0;
      data_q     <= '0;
      bytes_q    <= '0;
      last_q     <= 1'b0;
      some_q     <= 1'b0;
    end
  end

  // The comparison: the digest's word beside the expected one.
  logic [63:0] expected_q, diff_q;
  logic        stepped_q, gives;
  assign gives    = stepped_q && !req_q.verify && !clear_q;
  assign expect_o = state_q[ASK] && req_q.verify;
  always_ff @(posedge clk_i) begin
    stepped_q   <= step && !clear_q;
    expected_q  <= step && !clear_q ? word_i : '0;
    diff_q      <= stepped_q && req_q.verify && !clear_q ? mask(word_q ^ expected_q, keep_q) : '0;
    mac_valid_o <= gives;
    mac_o       <= gives ? mask(word_q, keep_q) : '0;
  end

  assign sha_req_valid = (state_q[IN_REQ] && key_in_q != '0) || state_q[OUT_REQ];
  // Each state with what ends it: all lead to the one after, RESULT by done_q.
  states_t ends;
  always_comb begin
    ends           = '0;
    ends[IDLE]     = req_valid_i && req_ready_o;
    ends[IN_REQ]   = key_in_q != '0 && sha_req_ready;
    ends[IN_KEY]   = !got_q && key_last_q;
    ends[IN_MSG]   = take && in_last_i;
    ends[IN_WAIT]  = sha_out_valid;
    ends[OUT_REQ]  = sha_req_ready;
    ends[OUT_KEY]  = !got_q && key_last_q;
    ends[OUT_MSG]  = !got_q && msg_last_q;
    ends[OUT_WAIT] = sha_out_valid;
    ends[ASK]      = 1'b1;
    ends[COMPARE]  = step && beat_q[2:0] == '1;
    ends[SETTLE]   = settled_q;
    state_d        = (state_q & ~ends) | ((state_q & ends) << 1);
  end

  always_ff @(posedge clk_i) begin
    state_q     <= state_d;
    // From the first cycle in which IDLE has nothing to wait for.
    req_ready_o <= rst_ni && !clear_i && !clear_q && sweep_left_q == '0 && (done_q || (state_q[IDLE] && !(req_valid_i && req_ready_o)));
    settled_q   <= state_q[SETTLE];
    res_valid_o <= (state_d[RESULT] || state_q[RESULT]) && rst_ni && !clear_i && !clear_q && !done_q && !(res_valid_o && res_ready_i);
    if (key_comes) key_in_q <= key_in_q + 4'd1;
    if (diff_q != '0) ok_q <= 1'b0;
    unique case (1'b1)
      // Zero without a request: no enable waits for it.
      state_q[IDLE]: begin
        req_q  <= req_valid_i ? req_i : '0;
        rest_q <= req_valid_i ? req_i.key_len : '0;
      end
      state_q[IN_KEY], state_q[OUT_KEY]:
      if (get) begin
        beat_q <= key_last_q ? 4'd0 : beat_q + 4'd1;
        rest_q <= rest_d;
      end
      state_q[IN_WAIT]: rest_q <= req_q.key_len;
      state_q[OUT_MSG]: if (get) beat_q <= msg_last_q ? 4'd0 : beat_q + 4'd1;
      state_q[OUT_WAIT]: begin
        rest_q <= req_q.mac_len;
        ok_q   <= req_q.mac_len != 7'd0 && req_q.mac_len <= {digest_beats(req_q.alg), 3'd0};
      end
      state_q[COMPARE]:
      if (step) begin
        beat_q <= {1'b0, beat_q[2:0] + 3'd1};
        rest_q <= rest_d;
      end
      default: ;
    endcase
    if (clear_q || done_q) begin
      state_q   <= go(IDLE);
      req_q     <= '0;
      beat_q    <= '0;
      rest_q    <= '0;
      ok_q      <= 1'b0;
      key_in_q  <= '0;
      settled_q <= 1'b0;
    end
  end
  assign res_ok_o = res_valid_o && ok_q;

  sha2 u_sha2 (
    .clk_i,
    .rst_ni,
    .clear_i,
    .req_valid_i  (sha_req_valid),
    .req_ready_o  (sha_req_ready),
    .req_alg_i    (req_q.alg),
    .in_valid_i   (some_q),
    .in_ready_o   (sha_in_ready),
    .in_data_i    (data_q),
    .in_bytes_i   (bytes_q),
    .in_last_i    (last_q),
    .digest_we_o  (digest_we),
    .digest_at_o  (digest_at),
    .digest_o     (digest),
    .out_valid_o  (sha_out_valid),
    .out_ready_i  (state_q[IN_WAIT] || state_q[OUT_WAIT])
  );
endmodule
