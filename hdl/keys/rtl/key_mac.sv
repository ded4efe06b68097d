// SPDX-License-Identifier: Apache-2.0
//
// What the key unit does with HMAC: MACs, HKDF (RFC 5869), the KDF in counter mode (SP 800-108r1, 4.1) and the device's own two keys by
// that mode (abi/README.md). A key that is derived has at most 64 bytes: one or two digests.
//
//   HKDF      PRK = HMAC(salt, base), T(1) = HMAC(PRK, info || 01), T(2) = HMAC(PRK, T(1) || info || 02)
//   KBKDF     K(i) = HMAC(base, i || fixed)
//   own       K(1) = HMAC-SHA-256(base or root, 00000001 || label || 00 || context || 00000100)
//
// Strings in memory order. The operands stay until done_o; mac_o is a digest, to be taken in the cycle of its strobe.
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
  typedef enum logic [3:0] {IDLE, ASK, STREAM, EMPTY, IKM, PREV, COUNT, LABEL, CONTEXT, INFO, TAIL, NUMBER, RESULT} state_e;
  state_e     state_q, state_d;
  logic       extract_q, second_q;
  logic [4:0] word_q;

  logic [6:0]  digest, left_len;
  logic        two;
  assign digest = {digest_beats(job_i.alg), 3'd0};
  assign two    = job_i.out_len > digest;

  // Lengths of a state's string, bytes; its beats are of 8 but for the last.
  logic [8:0]  len;
  logic [63:0] data;
  logic [3:0]  bytes;
  logic        last_beat;
  always_comb begin
    len  = '0;
    data = '0;
    unique case (state_q)
      IKM: begin
        len  = 9'(job_i.base_len);
        data = base_i[{word_q[2:0], 6'd0}+:64];
      end
      PREV: begin
        len  = 9'(digest);
        data = made_i[{word_q[2:0], 6'd0}+:64];
      end
      COUNT: begin
        len  = 9'd4;
        data = {32'd0, second_q ? 8'd2 : 8'd1, 24'd0};
      end
      LABEL: begin
        len  = 9'(job_i.kind == MAC_ROOT ? ROOT_BYTES : MESSAGE_BYTES);
        data = job_i.kind == MAC_ROOT ? label_word(ROOT_LABEL, word_q[1:0]) : label_word(MESSAGE_LABEL, word_q[1:0]);
      end
      CONTEXT: begin
        len  = job_i.kind == MAC_ROOT ? 9'd3 : 9'd32;
        data = side_i[{1'b0, word_q[1:0], 6'd0}+:64];
      end
      INFO: begin
        len  = job_i.info_len;
        data = info_i;
      end
      TAIL: begin
        len  = 9'd4;
        data = 64'h0001_0000;
      end
      NUMBER: begin
        len  = 9'd1;
        data = second_q ? 64'd2 : 64'd1;
      end
      default: ;
    endcase
    last_beat = 9'({word_q, 3'd0}) + 9'd8 >= len;
    bytes     = last_beat ? 4'(len - 9'({word_q, 3'd0})) : 4'd8;
  end
  assign info_at_o = word_q;

  logic      req_valid, req_ready, in_valid, in_ready, in_last, res_valid, beat;
  hmac_req_t req;
  logic [511:0] key;
  logic         more;     // a second digest follows
  assign more     = two && !second_q && job_i.kind inside {MAC_HKDF, MAC_KBKDF};
  assign left_len = job_i.out_len - digest;
  always_comb begin
    req = '{alg: job_i.alg, verify: job_i.kind == MAC_VERIFY, key_len: job_i.base_len, mac_len: job_i.out_len};
    key = base_i;
    if (job_i.kind == MAC_ROOT) begin
      key         = {256'd0, root_i};
      req.key_len = 7'd32;
    end
    if (job_i.kind == MAC_HKDF) begin
      key         = side_i;
      req.key_len = extract_q ? job_i.salt_len : digest;
    end
    if (extract_q || more) req.mac_len = digest;
    else if (second_q) req.mac_len = left_len;
  end

  // Which string comes first, and which after one.
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
      RESULT:  state_d = extract_q || more ? ASK : IDLE;
      default: ;
    endcase
  end

  logic own_beat;    // a beat of our own strings
  assign own_beat   = !(state_q inside {IDLE, ASK, STREAM, RESULT});
  assign req_valid  = state_q == ASK;
  assign in_valid   = own_beat || (state_q == STREAM && in_valid_i);
  assign in_ready_o = state_q == STREAM && in_ready;
  assign beat       = in_valid && in_ready;

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE: begin
        extract_q <= job_i.kind == MAC_HKDF;
        second_q  <= 1'b0;
        word_q    <= '0;
        if (start_i) state_q <= ASK;
      end
      ASK: if (req_ready) state_q <= state_d;
      STREAM: if (beat && in_last_i) state_q <= RESULT;
      RESULT:
      if (res_valid) begin
        state_q   <= state_d;
        extract_q <= 1'b0;
        second_q  <= !extract_q;
      end
      default:
      if (beat) begin
        word_q <= last_beat ? '0 : word_q + 5'd1;
        if (last_beat) state_q <= state_d;
      end
    endcase
    if (!rst_ni || stop_i) state_q <= IDLE;
  end

  assign prk_o    = res_valid && extract_q;
  assign first_o  = res_valid && !extract_q && !second_q;
  assign second_o = res_valid && !extract_q && second_q;
  assign done_o   = res_valid && state_d == IDLE;

  logic         testing, t_req, t_in_valid, t_in_last, t_res_ready, hmac_ready, hmac_in_ready, hmac_res;
  hmac_req_t    t_request;
  logic [511:0] t_key, t_expect;
  logic [63:0]  t_data;
  logic [3:0]   t_bytes;
  assign testing   = test_start_i && !test_done_o;
  assign req_ready = hmac_ready && !testing;
  assign in_ready  = hmac_in_ready && !testing;
  assign res_valid = hmac_res && !testing;
  hmac_selftest u_test (
    .clk_i, .rst_ni,
    .start_i(test_start_i), .done_o(test_done_o), .ok_o(test_ok_o), .fault_i(test_fault_i),
    .req_valid_o(t_req), .req_ready_i(hmac_ready), .req_o(t_request), .key_o(t_key),
    .in_valid_o(t_in_valid), .in_ready_i(hmac_in_ready), .in_data_o(t_data), .in_bytes_o(t_bytes), .in_last_o(t_in_last),
    .expect_o(t_expect), .res_valid_i(hmac_res), .res_ready_o(t_res_ready), .res_ok_i(ok_o), .res_mac_i(mac_o)
  );
  hmac u_hmac (
    .clk_i, .rst_ni,
    .clear_i(stop_i),
    .req_valid_i(testing ? t_req : req_valid), .req_ready_o(hmac_ready), .req_i(testing ? t_request : req),
    .key_i(testing ? t_key : key),
    .in_valid_i(testing ? t_in_valid : in_valid), .in_ready_o(hmac_in_ready),
    .in_data_i(testing ? t_data : own_beat ? data : in_data_i),
    .in_bytes_i(testing ? t_bytes : own_beat ? bytes : in_bytes_i),
    .in_last_i(testing ? t_in_last : own_beat ? in_last && last_beat : in_last_i),
    .expect_i(testing ? t_expect : side_i),
    .res_valid_o(hmac_res), .res_ready_i(testing ? t_res_ready : state_q == RESULT), .res_ok_o(ok_o), .res_mac_o(mac_o)
  );
endmodule
