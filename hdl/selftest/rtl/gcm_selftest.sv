// SPDX-License-Identifier: Apache-2.0
//
// Known answers of an AES-GCM lane, over the lane's own ports: for each key size a key is loaded into slot 0, a message is sealed,
// opened, and opened with a wrong tag; at the end the slot is cleared. Cases 4, 10 and 16 of McGrew and Viega, "The Galois/Counter
// Mode of Operation (GCM)": one message of 60 bytes with 20 bytes of AAD under three keys.
module gcm_selftest
  import gcm_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  output logic         done_o,       // until reset
  output logic         ok_o,         // when done
  input  logic         fault_i,      // for tests: makes what the lane puts out wrong
  // The lane.
  output logic         key_valid_o,
  input  logic         key_ready_i,
  output logic         key_clear_o,
  output key_size_e    key_size_o,
  output logic [255:0] key_o,
  input  logic         key_done_i,
  output logic         req_valid_o,
  input  logic         req_ready_i,
  output gcm_req_t     req_o,
  output logic         in_valid_o,
  input  logic         in_ready_i,
  output gcm_in_t      in_o,
  input  logic         out_valid_i,
  input  gcm_out_t     out_i,        // always taken
  input  logic         res_valid_i,
  input  gcm_res_t     res_i         // always taken
);
  // Strings as they are written, byte 0 first.
  function automatic logic [127:0] text(logic [127:0] t);
    for (int i = 0; i < 16; i++) text[8*i+:8] = t[8*(15-i)+:8];
  endfunction
  localparam logic [255:0] KEY = {2{text(128'hfeffe9928665731c6d6a8f9467308308)}};  // shorter ones are its beginning
  localparam logic [127:0] IV  = text(128'hcafebabefacedbaddecaf88800000000);
  localparam logic [1:0][127:0] AAD = {text(128'habaddad2000000000000000000000000), text(128'hfeedfacedeadbeeffeedfacedeadbeef)};
  localparam logic [3:0][127:0] PLAIN = {
    text(128'hb16aedf5aa0de657ba637b3900000000), text(128'h1c3c0c95956809532fcf0e2449a6b525),
    text(128'h86a7a9531534f7da2e4c303d8a318a72), text(128'hd9313225f88406e5a55909c5aff5269a)
  };
  // By key_size_e, the largest first.
  localparam logic [2:0][3:0][127:0] CIPHER = {
    text(128'hc5f61e6393ba7a0abcc9f66200000000), text(128'h8cb08e48590dbb3da7b08b1056828838),
    text(128'h643a8cdcbfe5c0c97598a2bd2555d1aa), text(128'h522dc1f099567d07f47f37a32a84427d),
    text(128'h18e2448b2fe324d9ccda271000000000), text(128'h7d773d00c144c525ac619d18c84a3f47),
    text(128'h859e1ceaa6efd984628593b40ca1e19c), text(128'h3980ca0b3c00e841eb06fac4872a2757),
    text(128'h1ba30b396a0aac973d58e09100000000), text(128'h21d514b25466931c7d8f6a5aac84aa05),
    text(128'he3aa212f2c02a4e035c17e2329aca12e), text(128'h42831ec2217774244b7221b784d0d49c)
  };
  localparam logic [2:0][127:0] TAG = {
    text(128'h76fc6ece0f4e1768cddf8853bb2d551b), text(128'h2519498e80f1478f37ba55bd6d27618c),
    text(128'h5bc94fbc3221a5db94fae95ae7121a47)
  };

  typedef enum logic [2:0] {IDLE, KEY_SEND, KEY_WAIT, HEAD, RUN, DONE} state_e;
  typedef enum logic [1:0] {SEAL, OPEN, WRONG} run_e;   // WRONG: an open whose tag is not the message's
  state_e     state_q;
  logic       clear_q;          // the key operation is the last one
  logic [1:0] size_q;           // key_size_e
  run_e       run_q;
  logic [2:0] in_q, out_q;      // blocks given and taken
  logic       res_q, bad_q;     // the result is there; an answer was wrong
  logic       pace_q;
  logic       opens;
  assign opens = run_q != SEAL;

  assign done_o      = state_q == DONE;
  assign ok_o        = done_o && !bad_q;
  assign key_valid_o = state_q == KEY_SEND;
  assign key_clear_o = clear_q;
  assign key_size_o  = key_size_e'(size_q);
  assign key_o       = KEY;
  assign req_valid_o = state_q == HEAD;
  assign req_o = '{
    decrypt: opens, slot: '0, key_size: key_size_e'(size_q), iv_len: 10'd12, iv: IV[95:0], aad_len: 32'd20, pay_len: 32'd60,
    tag_len: 5'd16
  };
  // AAD, payload, tag. Back to back, GHASH takes what it has just made; with a cycle between blocks, what its accumulators kept.
  assign in_valid_o = state_q == RUN && in_q < (opens ? 3'd7 : 3'd6) && (!opens || pace_q);
  always_comb begin
    in_o = '{abort: 1'b0, data: opens ? CIPHER[size_q][2'(in_q - 3'd2)] : PLAIN[2'(in_q - 3'd2)]};
    if (in_q < 3'd2) in_o.data = AAD[in_q[0]];
    if (in_q == 3'd6) in_o.data = TAG[size_q] ^ 128'(run_q == WRONG);
  end

  gcm_out_t out, out_due;
  gcm_res_t res_due;
  always_comb begin
    out         = out_i;
    out.data[0] = out_i.data[0] ^ fault_i;
    out_due     = '{last: out_q == 3'd3, bytes: out_q == 3'd3 ? 5'd12 : 5'd16, data: opens ? PLAIN[out_q[1:0]] : CIPHER[size_q][out_q[1:0]]};
    res_due     = '{aborted: 1'b0, tag_ok: run_q != WRONG, tag: opens ? '0 : TAG[size_q]};
  end

  always_ff @(posedge clk_i) begin
    pace_q <= in_ready_i && !pace_q;
    if (in_valid_o && in_ready_i) in_q <= in_q + 3'd1;
    if (out_valid_i) out_q <= out_q + 3'd1;
    if (res_valid_i) res_q <= 1'b1;
    if (state_q != DONE) begin
      if (out_valid_i && (state_q != RUN || out_q > 3'd3 || out != out_due)) bad_q <= 1'b1;
      if (res_valid_i && (state_q != RUN || res_q || res_i != res_due)) bad_q <= 1'b1;
    end
    unique case (state_q)
      IDLE: if (start_i) state_q <= KEY_SEND;
      KEY_SEND: if (key_ready_i) state_q <= KEY_WAIT;
      KEY_WAIT: if (key_done_i) state_q <= clear_q ? DONE : HEAD;
      HEAD:
      if (req_ready_i) begin
        in_q    <= '0;
        out_q   <= '0;
        res_q   <= 1'b0;
        state_q <= RUN;
      end
      RUN:
      if (res_q && out_q == 3'd4) begin
        unique case (run_q)
          SEAL: run_q <= OPEN;
          OPEN: run_q <= WRONG;
          default: run_q <= SEAL;
        endcase
        state_q <= HEAD;
        if (run_q == WRONG) begin
          clear_q <= size_q == KEY_256;
          if (size_q != KEY_256) size_q <= size_q + 2'd1;
          state_q <= KEY_SEND;
        end
      end
      default: ;
    endcase
    if (!rst_ni) begin
      state_q <= IDLE;
      clear_q <= 1'b0;
      size_q  <= KEY_128;
      run_q   <= SEAL;
      in_q    <= '0;
      out_q   <= '0;
      res_q   <= 1'b0;
      bad_q   <= 1'b0;
    end
  end
endmodule
