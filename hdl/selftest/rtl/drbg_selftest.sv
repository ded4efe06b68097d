// SPDX-License-Identifier: Apache-2.0
//
// A known answer of the HMAC_DRBG core, over its own ports: an instance of the entropy and nonce of NIST's CAVP, HMAC_DRBG with SHA-256,
// no reseed, 256 and 128 bits, no strings, COUNT = 0; of two requests for a block the second's, which needs the update after the first.
// At the end the instance is cleared.
module drbg_selftest
  import drbg_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  output logic         done_o,       // until reset
  output logic         ok_o,         // when done
  input  logic         fault_i,      // for tests: makes what the core gives wrong
  // The core.
  output logic         clear_o,
  output logic         cmd_valid_o,
  input  logic         cmd_ready_i,
  output op_e          cmd_op_o,
  output logic         data_valid_o,
  input  logic         data_ready_i,
  output logic [63:0]  data_o,
  output logic         data_last_o,
  input  logic         out_valid_i,
  output logic         out_ready_o,
  input  logic [63:0]  out_i
);
  // Strings as they are written, byte 0 first.
  function automatic logic [383:0] text(logic [383:0] t);
    for (int i = 0; i < 48; i++) text[8*i+:8] = t[8*(47-i)+:8];
  endfunction
  localparam logic [383:0] SEED = text({
    256'hca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488, 128'h659ba96c601dc69fc902940805ec0ca8});
  localparam logic [255:0] SECOND = 256'(text({
    256'h46bccfd88c2b55cb0e0b0d141e215c826f5ce8eda79d339310d9dd1605eddf22, 128'd0}));

  typedef enum logic [3:0] {IDLE, SEEDING, SEED_1, SEED_2, ASK, BLOCK, JUDGE, CLEAR, DONE} state_e;
  state_e     state_q;
  logic [2:0] beat_q;
  logic [1:0] word_q;
  logic       second_q, bad_q, last_beat;
  assign last_beat    = beat_q == 3'd5;
  assign done_o       = state_q == DONE;
  assign ok_o         = done_o && !bad_q;
  assign clear_o      = state_q == CLEAR;
  assign cmd_valid_o  = state_q == SEEDING || state_q == ASK;
  assign cmd_op_o     = state_q == ASK ? OP_GENERATE : OP_INSTANTIATE;
  assign data_valid_o = state_q == SEED_1 || state_q == SEED_2;
  assign data_o       = SEED[64*beat_q+:64];
  assign data_last_o  = last_beat;
  assign out_ready_o  = state_q == JUDGE;

  // By pieces first.
  logic [3:0] differs_q;

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 4; i++) differs_q[i] <= (out_i[16*i+:16] ^ 16'(fault_i)) != SECOND[{word_q, 2'(i), 4'd0}+:16];
    unique case (state_q)
      IDLE: if (start_i) state_q <= SEEDING;
      SEEDING: if (cmd_ready_i) state_q <= SEED_1;
      SEED_1, SEED_2:
      if (data_ready_i) begin
        beat_q <= last_beat ? '0 : beat_q + 3'd1;
        if (last_beat) state_q <= state_q == SEED_1 ? SEED_2 : ASK;
      end
      ASK: if (cmd_ready_i) state_q <= BLOCK;
      BLOCK: if (out_valid_i) state_q <= JUDGE;
      JUDGE: begin
        if (second_q && differs_q != '0) bad_q <= 1'b1;
        word_q  <= word_q + 2'd1;
        state_q <= BLOCK;
        if (word_q == 2'd3) begin
          second_q <= 1'b1;
          state_q  <= second_q ? CLEAR : ASK;
        end
      end
      CLEAR: state_q <= DONE;
      default: ;
    endcase
    if (!rst_ni) begin
      state_q  <= IDLE;
      beat_q   <= '0;
      word_q   <= '0;
      second_q <= 1'b0;
      bad_q    <= 1'b0;
    end
  end
endmodule
