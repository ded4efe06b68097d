// SPDX-License-Identifier: Apache-2.0
//
// What the key unit does with HMAC: MACs, HKDF (RFC 5869), the KDF in counter mode (SP 800-108r1, 4.1) and the device's own two keys by
// that mode (abi/README.md). A key that is derived has at most 64 bytes: one or two digests.
//
//   HKDF      PRK = HMAC(salt, base), T(1) = HMAC(PRK, info || 01), T(2) = HMAC(PRK, T(1) || info || 02)
//   KBKDF     K(i) = HMAC(base, i || fixed)
//   own       K(1) = HMAC-SHA-256(base or root, 00000001 || label || 00 || context || 00000100)
//
// Strings in memory order. Operands are words of key_data, which come three cycles after their address; they are there from start_i on
// and stay until done_o. Results are words on their way back, done before done_o.
module key_mac
  import sha2_pkg::*;
  import hmac_pkg::*;
  import key_mac_pkg::*;
  import key_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  // Command.
  input  logic         start_i,
  input  logic         stop_i,       // forget it
  output logic         clean_o,      // nothing is left
  input  mac_job_t     job_i,
  input  logic [255:0] root_i,
  input  logic [23:0]  context_i,    // of the root's key
  // Words of key_data: of the slot's material, job_i.base_len bytes; salt, then PRK; expected MAC; context; T(1); info or fixed data.
  output logic [5:0]   get_at_o,
  input  logic [63:0]  word_i,
  // Message of a MAC.
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,
  input  logic [3:0]   in_bytes_i,
  input  logic         in_last_i,
  // Results: words of PRK or MAC to side, of what is derived to made.
  output logic         put_o,
  output logic [5:0]   put_at_o,
  output logic [63:0]  put_word_o,
  output logic         done_o,
  output logic         ok_o,         // of a comparison
  // Self-test of the engine: started by a signal that stays. Never started, it is not waited for.
  input  logic         test_start_i,
  output logic         test_done_o,
  output logic         test_ok_o,
  input  logic         test_fault_i
);
  typedef enum logic [4:0] {
    IDLE, PREPARE, ASK, KEY, STREAM, EMPTY, IKM, PREV, COUNT, LABEL, CONTEXT, INFO, TAIL, NUMBER, RESULT, SHOW, KEEP, ACK
  } state_e;
  localparam int unsigned STATES = 18;
  // One bit a state, by state_e.
  typedef logic [STATES-1:0] states_t;
  function automatic states_t go(state_e s);
    return states_t'(1) << s;
  endfunction
  states_t    in_q, in_d, state_d, state_d_q, first_d_q;   // first_d_q: the string that comes first
  logic       pump_ends_q;
  logic       extract_q, second_q, two_q, more_q, again_q;   // again_q: another HMAC follows
  logic [6:0] digest, left_len_q;
  assign digest = {digest_beats(job_i.alg), 3'd0};
  always_ff @(posedge clk_i) begin
    two_q      <= job_i.out_len > digest;
    // A second digest follows.
    more_q     <= two_q && !second_q && !(in_q[ACK] && !extract_q) && job_i.kind inside {MAC_HKDF, MAC_KBKDF};
    left_len_q <= job_i.out_len - digest;
  end

  // Our own strings: beats of 8 bytes but for the last. A state's first cycles find their number, and each beat waits for its word.
  logic       own_q, own_state, last_beat_q, beat;
  logic [2:0] first_q;
  logic [8:0] len_q;
  logic [4:0] beat_at_q, last_at_q;
  logic [3:0] last_bytes_q;
  logic [8:0] len;
  always_comb begin
    unique case (1'b1)
      in_q[IKM]:              len = 9'(job_i.base_len);
      in_q[PREV]:             len = 9'(digest);
      in_q[COUNT], in_q[TAIL]: len = 9'd4;
      in_q[LABEL]:            len = 9'(job_i.kind == MAC_ROOT ? ROOT_BYTES : MESSAGE_BYTES);
      in_q[CONTEXT]:          len = job_i.kind == MAC_ROOT ? 9'd3 : 9'd32;
      in_q[INFO]:             len = job_i.info_len;
      default:                len = 9'(in_q[NUMBER]);
    endcase
  end
  always_ff @(posedge clk_i) begin
    len_q        <= len;
    last_at_q  <= 5'((len_q - 9'(len_q != '0)) >> 3);
    last_bytes_q <= len_q == '0 ? 4'd0 : len_q[2:0] == '0 ? 4'd8 : 4'(len_q[2:0]);
  end
  // A beat is there in the fourth cycle after the one before, or its state's beginning.
  always_ff @(posedge clk_i) begin
    own_q       <= own_state && first_q[2:1] == '0 && !beat && !stop_i;
    last_beat_q <= beat_at_q == last_at_q;
  end
  assign own_state = in_q[EMPTY] || in_q[IKM] || in_q[PREV] || in_q[COUNT] || in_q[LABEL] || in_q[CONTEXT] || in_q[INFO] || in_q[TAIL]
                  || in_q[NUMBER];

  logic        testing, t_in_valid, t_in_last, t_word_valid;   // the self-test's
  logic [63:0] t_data, t_word;
  logic [3:0]  t_bytes;
  logic        req_valid, req_ready, expect_asked, res_valid;
  hmac_req_t   req;
  logic        key_side_q, key_root_q;
  always_ff @(posedge clk_i) begin
    key_side_q <= job_i.kind == MAC_HKDF;
    key_root_q <= job_i.kind == MAC_ROOT;
  end
  always_comb begin
    req = '{alg: job_i.alg, verify: job_i.kind == MAC_VERIFY, key_len: job_i.base_len, mac_len: job_i.out_len};
    if (key_root_q) req.key_len = 7'd32;
    if (key_side_q) req.key_len = extract_q ? job_i.salt_len : digest;
    if (extract_q || more_q) req.mac_len = digest;
    else if (second_q) req.mac_len = left_len_q;
  end

  // Eight words to the engine: a key, after the request; the expected MAC. They are on their way for three cycles.
  logic [3:0]  pump_left_q;
  logic [2:0]  pump_at_q, pump_to_q;
  logic        pump_side, word_valid_q;
  logic [2:0]  on_way_q;
  logic [63:0] word_q, root_word_q;
  assign pump_side = key_side_q || in_q[RESULT];
  always_ff @(posedge clk_i) begin
    if ((req_valid && req_ready) || (expect_asked && !testing)) pump_left_q <= 4'd8;
    else if (pump_left_q != '0) pump_left_q <= pump_left_q - 4'd1;
    pump_at_q    <= pump_left_q != '0 ? pump_at_q + 3'd1 : '0;
    on_way_q     <= {on_way_q[1:0], pump_left_q != '0};
    pump_to_q    <= on_way_q[1] ? pump_to_q + 3'd1 : '0;
    root_word_q  <= on_way_q[1] && key_root_q && !pump_to_q[2] ? root_i[{pump_to_q[1:0], 6'd0}+:64] : '0;
    word_valid_q <= testing ? t_word_valid : on_way_q[2];
    word_q       <= testing ? t_word : on_way_q[2] ? (key_root_q ? root_word_q : word_i) : '0;
    if (!rst_ni || stop_i) begin
      pump_left_q  <= '0;
      on_way_q     <= '0;
      word_valid_q <= 1'b0;
      word_q       <= '0;
    end
  end
  always_comb begin
    get_at_o = '0;
    if (pump_left_q != '0) get_at_o = (pump_side ? SIDE_AT : BASE_AT) | 6'(pump_at_q);
    else begin
      get_at_o = (BASE_AT | 6'(beat_at_q[2:0])) & {6{in_q[IKM]}} | (MADE_AT | 6'(beat_at_q[2:0])) & {6{in_q[PREV]}}
               | (SIDE_AT | 6'(beat_at_q[2:0])) & {6{in_q[CONTEXT]}} | (INFO_AT | 6'(beat_at_q)) & {6{in_q[INFO]}};
    end
  end

  // Which string comes first, and which after one.
  logic in_last_q, no_info_q, kbkdf_q;
  always_ff @(posedge clk_i) begin
    no_info_q <= job_i.info_len == '0;
    kbkdf_q   <= job_i.kind == MAC_KBKDF;
    unique case (job_i.kind)
      MAC_SIGN, MAC_VERIFY: first_d_q <= job_i.empty ? go(EMPTY) : go(STREAM);
      MAC_HKDF: first_d_q <= extract_q ? go(IKM) : second_q ? go(PREV) : no_info_q ? go(NUMBER) : go(INFO);
      default: first_d_q <= go(COUNT);
    endcase
    in_last_q <= in_q[EMPTY] || in_q[IKM] || in_q[TAIL] || in_q[NUMBER] || (in_q[COUNT] && kbkdf_q && no_info_q) || (in_q[INFO] && kbkdf_q);
  end
  // After the last beat of a string of ours.
  always_comb begin
    state_d = go(RESULT);
    if (in_q[PREV]) state_d = no_info_q ? go(NUMBER) : go(INFO);
    if (in_q[COUNT]) state_d = !kbkdf_q ? go(LABEL) : no_info_q ? go(RESULT) : go(INFO);
    if (in_q[LABEL]) state_d = go(CONTEXT);
    if (in_q[CONTEXT]) state_d = go(TAIL);
    if (in_q[INFO]) state_d = kbkdf_q ? go(RESULT) : go(NUMBER);
  end

  // One step to the engine. It takes something when it is empty, so that no ready goes through: a beat in two cycles, as the engine takes
  // them. Our own short strings are there a cycle before.
  logic [63:0] source_q, short_q, short;
  logic [3:0]  source_bytes_q;
  logic        some_q, source_last_q, in_ready, stored_q, outside;
  assign req_valid  = in_q[ASK];
  assign in_ready_o = in_q[STREAM] && !some_q;
  assign beat       = (own_q || (in_q[STREAM] && in_valid_i)) && !some_q;
  assign outside    = testing || in_q[STREAM];
  always_comb begin
    unique case (1'b1)
      in_q[COUNT]:   short = {32'd0, second_q ? 8'd2 : 8'd1, 24'd0};
      in_q[LABEL]:   short = job_i.kind == MAC_ROOT ? label_word(ROOT_LABEL, beat_at_q[1:0]) : label_word(MESSAGE_LABEL, beat_at_q[1:0]);
      in_q[CONTEXT]: short = 64'(context_i);
      in_q[TAIL]:    short = 64'h0001_0000;
      in_q[NUMBER]:  short = second_q ? 64'd2 : 64'd1;
      default:       short = '0;
    endcase
  end
  always_ff @(posedge clk_i) begin
    stored_q <= in_q[IKM] || in_q[PREV] || in_q[INFO] || (in_q[CONTEXT] && !key_root_q);
    short_q  <= short;
    if (!some_q) begin
      source_q       <= outside ? (testing ? t_data : in_data_i) : stored_q ? word_i : short_q;
      source_bytes_q <= testing ? t_bytes : in_q[STREAM] ? in_bytes_i : last_beat_q ? last_bytes_q : 4'd8;
      source_last_q  <= testing ? t_in_last : in_q[STREAM] ? in_last_i : in_last_q && last_beat_q;
    end
    some_q <= some_q ? !in_ready : testing ? t_in_valid : beat;
    if (!rst_ni || stop_i) begin
      source_q <= '0;
      some_q   <= 1'b0;
    end
  end

  // A result's words, as they come: all of them before res_valid.
  logic        mac_valid;
  logic [63:0] mac;
  logic [3:0]  mac_at_q;
  logic [2:0]  mac_from_q;
  assign put_o      = mac_valid && !testing && !mac_at_q[3];
  assign put_at_o   = (extract_q || job_i.kind == MAC_SIGN ? SIDE_AT : MADE_AT) | 6'(mac_at_q[2:0]);
  assign put_word_o = mac & {64{!testing}};
  always_ff @(posedge clk_i) begin
    // A second digest goes behind the first.
    mac_from_q <= !second_q ? 3'd0 : digest_beats(job_i.alg) == 4'd4 ? 3'd4 : 3'd6;
    if (in_q[KEY]) mac_at_q <= {1'b0, mac_from_q};
    else if (put_o) mac_at_q <= mac_at_q + 4'd1;
  end

  // Each state with what ends it, side by side; of our own strings together.
  states_t stays, leaves;
  logic    own_ends;
  assign own_ends = own_q && last_beat_q && !some_q;
  always_comb begin
    leaves          = {STATES{own_ends}};
    leaves[IDLE]    = start_i;
    leaves[PREPARE] = 1'b1;
    leaves[ASK]     = req_ready;
    leaves[KEY]     = pump_ends_q;
    leaves[STREAM]  = in_valid_i && in_last_i && !some_q;
    leaves[RESULT]  = res_valid;
    leaves[SHOW]    = 1'b1;
    leaves[KEEP]    = 1'b1;   // the verdict is seen
    leaves[ACK]     = 1'b1;
    stays           = in_q & ~leaves;
    in_d            = stays | ({STATES{in_q[KEY] && pump_ends_q}} & first_d_q) | ({STATES{own_ends}} & state_d_q);
    if (in_q[IDLE] && start_i) in_d[PREPARE] = 1'b1;
    if (in_q[PREPARE]) in_d[ASK] = 1'b1;
    if (in_q[ASK] && req_ready) in_d[KEY] = 1'b1;
    if (in_q[STREAM] && leaves[STREAM]) in_d[RESULT] = 1'b1;
    if (in_q[RESULT] && res_valid) in_d[SHOW] = 1'b1;
    if (in_q[SHOW]) in_d[KEEP] = 1'b1;
    if (in_q[KEEP]) in_d[ACK] = 1'b1;
    if (in_q[ACK] && again_q) in_d[ASK] = 1'b1;
    if (in_q[ACK] && !again_q) in_d[IDLE] = 1'b1;
  end
  always_ff @(posedge clk_i) begin
    again_q <= extract_q || more_q;
    first_q <= beat || in_q[KEY] ? '1 : first_q >> 1;
    in_q <= in_d;
    if (in_q[ACK]) begin
      extract_q <= 1'b0;
      second_q  <= !extract_q;
    end
    pump_ends_q <= pump_left_q == 4'd2;
    state_d_q   <= state_d;
    if (own_q && !some_q) beat_at_q <= last_beat_q ? '0 : beat_at_q + 5'd1;
    if (in_q[IDLE]) begin
      extract_q <= job_i.kind == MAC_HKDF;
      second_q  <= 1'b0;
      beat_at_q <= '0;
    end
    if (!rst_ni || stop_i) in_q <= go(IDLE);
  end
  always_ff @(posedge clk_i) done_o <= rst_ni && in_q[SHOW] && !extract_q && !more_q;

  logic         t_req, t_res_ready, hmac_ready, hmac_res;
  hmac_req_t    t_request;
  assign req_ready = hmac_ready && !testing;
  assign res_valid = hmac_res && !testing;
  logic         test_start_q;
  always_ff @(posedge clk_i) begin
    test_start_q <= rst_ni && test_start_i;
    testing      <= rst_ni && test_start_i && !test_done_o;
  end
  hmac_selftest u_test (
    .clk_i, .rst_ni,
    .start_i(test_start_q), .done_o(test_done_o), .ok_o(test_ok_o), .fault_i(test_fault_i),
    .req_valid_o(t_req), .req_ready_i(hmac_ready), .req_o(t_request),
    .word_valid_o(t_word_valid), .word_o(t_word), .expect_i(expect_asked),
    .in_valid_o(t_in_valid), .in_ready_i(testing && !some_q), .in_data_o(t_data), .in_bytes_o(t_bytes), .in_last_o(t_in_last),
    .mac_valid_i(mac_valid), .mac_i(mac), .res_valid_i(hmac_res), .res_ready_o(t_res_ready), .res_ok_i(ok_o)
  );
  hmac u_hmac (
    .clk_i, .rst_ni,
    .clear_i(stop_i), .clean_o,
    .req_valid_i(testing ? t_req : req_valid), .req_ready_o(hmac_ready), .req_i(testing ? t_request : req),
    .word_valid_i(word_valid_q), .word_i(word_q), .expect_o(expect_asked),
    .in_valid_i(some_q), .in_ready_o(in_ready), .in_data_i(source_q), .in_bytes_i(source_bytes_q), .in_last_i(source_last_q),
    .mac_valid_o(mac_valid), .mac_o(mac),
    .res_valid_o(hmac_res), .res_ready_i(testing ? t_res_ready : in_q[ACK]), .res_ok_o(ok_o)
  );
endmodule
