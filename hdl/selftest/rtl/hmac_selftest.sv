// SPDX-License-Identifier: Apache-2.0
//
// Known answers of an HMAC engine, over its own ports: test case 2 of RFC 4231 with SHA-256, SHA-384 and SHA-512, then the comparison
// of SHA-256's with the right MAC and with a wrong one.
module hmac_selftest
  import hmac_pkg::*;
  import sha2_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  output logic         done_o,       // until reset
  output logic         ok_o,         // when done
  input  logic         fault_i,      // for tests: makes what the engine gives wrong
  // The engine.
  output logic         req_valid_o,
  input  logic         req_ready_i,
  output hmac_req_t    req_o,
  output logic         word_valid_o,  // of the key, or the expected MAC
  output logic [63:0]  word_o,
  input  logic         expect_i,
  output logic         in_valid_o,
  input  logic         in_ready_i,
  output logic [63:0]  in_data_o,
  output logic [3:0]   in_bytes_o,
  output logic         in_last_o,
  input  logic         mac_valid_i,
  input  logic [63:0]  mac_i,
  input  logic         res_valid_i,
  output logic         res_ready_o,
  input  logic         res_ok_i
);
  // Strings as they are written, byte 0 first.
  function automatic logic [511:0] text(logic [511:0] t);
    for (int i = 0; i < 64; i++) text[8*i+:8] = t[8*(63-i)+:8];
  endfunction
  localparam logic [31:0]  KEY     = "efeJ";                          // "Jefe"
  localparam logic [255:0] MESSAGE = {32'd0, "?gnihton rof tnaw ay od tahw"};
  localparam logic [511:0] MAC_256 = text({256'h5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843, 256'd0});
  localparam logic [511:0] MAC_384 = text({
    384'haf45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649, 128'd0});
  localparam logic [511:0] MAC_512 = text({
    256'h164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554,
    256'h9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737});

  typedef enum logic [2:0] {IDLE, ASK, KEYS, SEND, WAIT, EXPECT, JUDGE, DONE} state_e;
  typedef enum logic [2:0] {SIGN_256, SIGN_384, SIGN_512, RIGHT, WRONG} run_e;
  state_e     state_q;
  run_e       run_q;
  logic [1:0] beat_q;
  logic [2:0] word_q;
  logic       bad_q, verify;
  assign verify = run_q inside {RIGHT, WRONG};
  // By the run that they are due in.
  (* rom_style = "block" *) logic [63:0] rom[32];
  initial begin
    for (int w = 0; w < 8; w++) begin
      rom[w]      = MAC_256[64*w+:64];
      rom[8 + w]  = MAC_384[64*w+:64];
      rom[16 + w] = MAC_512[64*w+:64];
      rom[24 + w] = '0;
    end
  end
  always_comb begin
    req_o = '{alg: SHA_256, verify: verify, key_len: 7'd4, mac_len: 7'd32};
    if (run_q == SIGN_384) {req_o.alg, req_o.mac_len} = {SHA_384, 7'd48};
    if (run_q == SIGN_512) {req_o.alg, req_o.mac_len} = {SHA_512, 7'd64};
  end
  assign done_o      = state_q == DONE;
  assign ok_o        = done_o && !bad_q;
  assign req_valid_o = state_q == ASK;
  assign in_valid_o  = state_q == SEND;
  assign in_data_o   = MESSAGE[64*beat_q+:64];
  assign in_last_o   = beat_q == 2'd3;
  assign in_bytes_o  = in_last_o ? 4'd4 : 4'd8;
  assign res_ready_o = state_q == JUDGE;

  // By pieces, against a word that is found a cycle before.
  logic [63:0] rom_q, due_q, first_q, mac_q;
  logic [3:0]  differs_q;
  logic [1:0]  mac_valid_q;
  logic        some_q, wrong_q, good;
  assign good = verify ? (res_ok_i ^ fault_i) == (run_q == RIGHT) : some_q && word_q == '0 && !wrong_q && !fault_i;
  always_ff @(posedge clk_i) begin
    word_valid_o <= state_q inside {KEYS, EXPECT};
    word_o       <= state_q == KEYS && word_q == '0 ? 64'(KEY) : state_q == EXPECT ? MAC_256[{word_q, 6'd0}+:64] ^ 64'(run_q == WRONG && word_q == '0) : '0;
    mac_valid_q  <= {mac_valid_q[0], mac_valid_i};
    first_q      <= mac_i;
    mac_q        <= first_q;
    rom_q        <= rom[{verify ? 2'd0 : run_q[1:0], word_q}];
    due_q        <= rom_q;
    for (int i = 0; i < 4; i++) differs_q[i] <= mac_valid_q[1] && mac_q[16*i+:16] != due_q[16*i+:16];
    some_q       <= state_q inside {WAIT, JUDGE} && (some_q || mac_valid_q[0]);
    wrong_q      <= state_q inside {WAIT, JUDGE} && (wrong_q || differs_q != '0);
    if (state_q inside {KEYS, EXPECT} || mac_valid_i) word_q <= word_q + 3'd1;
    unique case (state_q)
      IDLE: if (start_i) state_q <= ASK;
      ASK:  if (req_ready_i) state_q <= KEYS;
      KEYS: if (word_q == '1) state_q <= SEND;
      SEND:
      if (in_ready_i) begin
        beat_q <= beat_q + 2'd1;
        if (in_last_o) state_q <= WAIT;
      end
      WAIT:
      if (expect_i) state_q <= EXPECT;
      else if (res_valid_i && mac_valid_q == '0 && differs_q == '0) state_q <= JUDGE;
      EXPECT: if (word_q == '1) state_q <= WAIT;
      JUDGE: begin
        if (!good) bad_q <= 1'b1;
        run_q   <= run_q == WRONG ? SIGN_256 : run_e'(run_q + 3'd1);
        state_q <= run_q == WRONG ? DONE : ASK;
      end
      default: ;
    endcase
    if (!rst_ni) begin
      state_q <= IDLE;
      run_q   <= SIGN_256;
      beat_q  <= '0;
      word_q  <= '0;
      bad_q   <= 1'b0;
    end
  end
endmodule
