// SPDX-License-Identifier: Apache-2.0
//
// What the key unit does with HMAC: MACs, HKDF (RFC 5869), the KDF in counter mode (SP 800-108r1, 4.1) and the device's own two keys by
// that mode (abi/README.md). A key that is derived has at most 64 bytes: one or two digests.
//
//   HKDF      PRK = HMAC(salt, base), T(1) = HMAC(PRK, info || 01), T(2) = HMAC(PRK, T(1) || info || 02)
//   KBKDF     K(i) = HMAC(base, i || fixed)
//   own       K(1) = HMAC-SHA-256(base or root, 00000001 || label || 00 || context || 00000100)
//
// Strings in memory order. The operands are there two cycles before start_i and stay until
// done_o; mac_o is a digest, to be taken in the cycle of its strobe or the next.
module key_mac
  import sha2_pkg::*;
  import hmac_pkg::*;
  import key_mac_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  // Command.
  input  logic         start_i,
  input  logic         stop_i,       // forget it
  input  mac_job_t     job_i,
  input  logic [511:0] base_i,       // the slot's material, of job_i.base_len bytes
  input  logic [255:0] root_i,
  input  logic [511:0] side_i,       // salt, then PRK; expected MAC; context
  input  logic [511:0] made_i,       // T(1)
  // info or fixed data, by 8 bytes.
  output logic [4:0]   info_at_o,
  input  logic [63:0]  info_i,
  // Message of a MAC.
  input  logic         in_valid_i,
  output logic         in_ready_o,
  input  logic [63:0]  in_data_i,
  input  logic [3:0]   in_bytes_i,
  input  logic         in_last_i,
  // Results.
  output logic         prk_o,
  output logic         first_o,      // T(1), K(1), or the MAC
  output logic         second_o,
  output logic [511:0] mac_o,
  output logic         done_o,
  output logic         ok_o,         // of a comparison
  // Self-test of the engine: started by a signal that stays. Never started, it is not waited for.
  input  logic         test_start_i,
  output logic         test_done_o,
  output logic         test_ok_o,
  input  logic         test_fault_i
);
  typedef enum logic [4:0] {
    IDLE, PREPARE, ASK, STREAM, EMPTY, IKM, PREV, COUNT, LABEL, CONTEXT, INFO, TAIL, NUMBER, RESULT, SHOW, KEEP, SETTLE, ACK
  } state_e;
  state_e     state_q, state_d;
  logic       extract_q, second_q, two_q, more_q;
  logic [6:0] digest, left_len_q;
  assign digest = {digest_beats(job_i.alg), 3'd0};
  always_ff @(posedge clk_i) begin
    two_q      <= job_i.out_len > digest;
    // A second digest follows.
    more_q     <= two_q && !second_q && !(state_q == ACK && !extract_q) && job_i.kind inside {MAC_HKDF, MAC_KBKDF};
    left_len_q <= job_i.out_len - digest;
  end

  // Our own strings: beats of 8 bytes but for the last. A state's first cycles find their number.
  logic       own, last_beat;
  logic [1:0] first_q;
  logic [8:0] len_q;
  logic [4:0] word_q, last_word_q;
  logic [3:0] last_bytes_q;
  logic [8:0] len;
  always_comb begin
    unique case (state_q)
      IKM:         len = 9'(job_i.base_len);
      PREV:        len = 9'(digest);
      COUNT, TAIL: len = 9'd4;
      LABEL:       len = 9'(job_i.kind == MAC_ROOT ? ROOT_BYTES : MESSAGE_BYTES);
      CONTEXT:     len = job_i.kind == MAC_ROOT ? 9'd3 : 9'd32;
      INFO:        len = job_i.info_len;
      default:     len = 9'(state_q == NUMBER);
    endcase
  end
  always_ff @(posedge clk_i) begin
    len_q        <= len;
    last_word_q  <= 5'((len_q - 9'(len_q != '0)) >> 3);
    last_bytes_q <= len_q == '0 ? 4'd0 : len_q[2:0] == '0 ? 4'd8 : 4'(len_q[2:0]);
  end
  assign own       = !(state_q inside {IDLE, PREPARE, ASK, STREAM, RESULT, SHOW, KEEP, SETTLE, ACK}) && first_q == '0;
  assign last_beat = word_q == last_word_q;
  assign info_at_o = word_q;

  logic         testing, t_in_valid, t_in_last;   // the self-test's
  logic [63:0]  t_data;
  logic [3:0]   t_bytes;
  logic [511:0] t_key, t_expect;
  logic         req_valid, req_ready, in_ready, res_valid, beat;
  hmac_req_t    req;
  logic [511:0] key_q, expect_q;   // registers before the engine: its operands lie about
  logic         key_side_q, key_root_q;
  always_ff @(posedge clk_i) begin
    key_side_q <= job_i.kind == MAC_HKDF;
    key_root_q <= job_i.kind == MAC_ROOT;
    key_q      <= testing ? t_key : state_q == IDLE ? '0 : key_root_q ? {256'd0, root_i} : key_side_q ? side_i : base_i;
    expect_q   <= testing ? t_expect : side_i;
  end
  always_comb begin
    req = '{alg: job_i.alg, verify: job_i.kind == MAC_VERIFY, key_len: job_i.base_len, mac_len: job_i.out_len};
    if (key_root_q) req.key_len = 7'd32;
    if (key_side_q) req.key_len = extract_q ? job_i.salt_len : digest;
    if (extract_q || more_q) req.mac_len = digest;
    else if (second_q) req.mac_len = left_len_q;
  end

  // Which string comes first, and which after one.
  logic in_last;
  always_comb begin
    state_d = state_q;
    in_last = 1'b0;
    unique case (state_q)
      ASK: begin
        unique case (job_i.kind)
          MAC_SIGN, MAC_VERIFY: state_d = job_i.empty ? EMPTY : STREAM;
          MAC_HKDF: state_d = extract_q ? IKM : second_q ? PREV : job_i.info_len == '0 ? NUMBER : INFO;
          default: state_d = COUNT;
        endcase
      end
      STREAM, EMPTY, IKM, TAIL, NUMBER: begin
        in_last = 1'b1;
        state_d = RESULT;
      end
      PREV:    state_d = job_i.info_len == '0 ? NUMBER : INFO;
      COUNT: begin
        state_d = LABEL;
        if (job_i.kind == MAC_KBKDF) begin
          in_last = job_i.info_len == '0;
          state_d = in_last ? RESULT : INFO;
        end
      end
      LABEL:   state_d = CONTEXT;
      CONTEXT: state_d = TAIL;
      INFO: begin
        in_last = job_i.kind == MAC_KBKDF;
        state_d = in_last ? RESULT : NUMBER;
      end
      ACK:     state_d = extract_q || more_q ? ASK : IDLE;
      default: ;
    endcase
  end

  // Two steps to the engine: what each source has, then one of them. Each takes something when it is empty, so that no ready goes through: a
  // beat in two cycles, as the engine takes them.
  typedef enum logic [1:0] {FROM_LONG, FROM_SHORT, FROM_OUTSIDE} from_e;
  typedef struct packed {
    logic [63:0] data;
    logic [3:0]  bytes;
    logic        last;
  } beat_t;
  from_e       from, from_q;
  logic [63:0] long_q, short_q, outside_q, short;
  logic [3:0]  source_bytes_q;
  logic        source_some_q, source_last_q, some_q;
  beat_t       beat_q;
  assign req_valid  = state_q == ASK;
  assign in_ready_o = state_q == STREAM && !source_some_q;
  assign beat       = (own || (state_q == STREAM && in_valid_i)) && !source_some_q;
  always_comb begin
    unique case (state_q)
      COUNT:   short = {32'd0, second_q ? 8'd2 : 8'd1, 24'd0};
      LABEL:   short = job_i.kind == MAC_ROOT ? label_word(ROOT_LABEL, word_q[1:0]) : label_word(MESSAGE_LABEL, word_q[1:0]);
      CONTEXT: short = side_i[{1'b0, word_q[1:0], 6'd0}+:64];
      TAIL:    short = 64'h0001_0000;
      default: short = second_q ? 64'd2 : 64'd1;
    endcase
    from = state_q == IKM || state_q == PREV ? FROM_LONG : state_q == INFO || state_q == STREAM || testing ? FROM_OUTSIDE : FROM_SHORT;
  end
  always_ff @(posedge clk_i) begin
    if (!source_some_q) begin
      source_some_q  <= testing ? t_in_valid : beat;
      from_q         <= from;
      long_q         <= state_q == PREV ? made_i[{word_q[2:0], 6'd0}+:64] : base_i[{word_q[2:0], 6'd0}+:64];
      short_q        <= short;
      outside_q      <= testing ? t_data : state_q == STREAM ? in_data_i : info_i;
      source_bytes_q <= testing ? t_bytes : state_q == STREAM ? in_bytes_i : last_beat ? last_bytes_q : 4'd8;
      source_last_q  <= testing ? t_in_last : state_q == STREAM ? in_last_i : in_last && last_beat;
    end else if (!some_q) source_some_q <= 1'b0;
    if (!some_q) begin
      some_q <= source_some_q;
      beat_q <= '0;
      if (source_some_q) begin
        beat_q <= '{data: from_q == FROM_LONG ? long_q : from_q == FROM_SHORT ? short_q : outside_q,
                    bytes: source_bytes_q, last: source_last_q};
      end
    end else if (in_ready) some_q <= 1'b0;
    if (!rst_ni || stop_i) begin
      source_some_q <= 1'b0;
      some_q        <= 1'b0;
    end
  end

  // A result: told of, kept while it is taken, given back.
  always_ff @(posedge clk_i) begin
    first_q <= first_q >> 1;
    unique case (state_q)
      IDLE: begin
        extract_q <= job_i.kind == MAC_HKDF;
        second_q  <= 1'b0;
        word_q    <= '0;
        if (start_i) state_q <= PREPARE;
      end
      PREPARE: state_q <= ASK;
      ASK:
      if (req_ready) begin
        state_q <= state_d;
        first_q <= 2'b11;
      end
      STREAM: if (beat && in_last_i) state_q <= RESULT;
      RESULT: if (res_valid) state_q <= SHOW;
      SHOW:   state_q <= KEEP;
      KEEP:   state_q <= SETTLE;   // PRK is on its way to side
      SETTLE: state_q <= ACK;
      ACK: begin
        state_q   <= state_d;
        extract_q <= 1'b0;
        second_q  <= !extract_q;
      end
      default:
      if (beat) begin
        word_q <= last_beat ? '0 : word_q + 5'd1;
        if (last_beat) begin
          state_q <= state_d;
          first_q <= 2'b11;
        end
      end
    endcase
    if (!rst_ni || stop_i) state_q <= IDLE;
  end
  assign prk_o    = state_q == SHOW && extract_q;
  assign first_o  = state_q == SHOW && !extract_q && !second_q;
  assign second_o = state_q == SHOW && !extract_q && second_q;
  assign done_o   = state_q == SHOW && !extract_q && !more_q;

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
    .req_valid_o(t_req), .req_ready_i(hmac_ready), .req_o(t_request), .key_o(t_key),
    .in_valid_o(t_in_valid), .in_ready_i(testing && !source_some_q), .in_data_o(t_data), .in_bytes_o(t_bytes), .in_last_o(t_in_last),
    .expect_o(t_expect), .res_valid_i(hmac_res), .res_ready_o(t_res_ready), .res_ok_i(ok_o), .res_mac_i(mac_o)
  );
  hmac u_hmac (
    .clk_i, .rst_ni,
    .clear_i(stop_i),
    .req_valid_i(testing ? t_req : req_valid), .req_ready_o(hmac_ready), .req_i(testing ? t_request : req),
    .key_i(key_q),
    .in_valid_i(some_q), .in_ready_o(in_ready), .in_data_i(beat_q.data), .in_bytes_i(beat_q.bytes), .in_last_i(beat_q.last),
    .expect_i(expect_q),
    .res_valid_o(hmac_res), .res_ready_i(testing ? t_res_ready : state_q == ACK), .res_ok_o(ok_o), .res_mac_o(mac_o)
  );
endmodule
