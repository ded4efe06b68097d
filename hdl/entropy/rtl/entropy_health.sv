// SPDX-License-Identifier: Apache-2.0
//
// Health tests of raw entropy (SP 800-90B, 4.3 and 4.4): repetition count and adaptive proportion, continuous and at
// start-up, between the noise source and the generator.
//
// Data format. Raw words of 32 bits; bit 0 was sampled first. The sample of SP 800-90B is the bit: sources on an FPGA
// make bits, and min-entropy is assessed per bit. Both tests also run on whole words as 32-bit samples, which the
// standard allows on top: a source that repeats a pattern (a stuck bus, a locked oscillator) may have the right share
// of ones and short runs, but its words come again, and words with a period of up to some hundred are seen in a window.
//
// Cutoffs, for a false alarm in 2^30 samples at H = 0.5 bits of min-entropy a raw bit, 16 a word (README: others):
//   repetition count (4.4.1)     C = 1 + ceil(30 / H)                        bits 61, words 3
//   adaptive proportion (4.4.2)  C = 1 + critbinom(W, 2^-H, 1 - 2^-30)       bits 810 of 1024, words 4 of 512
//
// Start-up (4.3): the first STARTUP_WORDS words, 1024 bits, are tested and not passed on; again after clear_i. A word
// is passed on in one cycle, once all its bits and the word itself have passed every test; if nobody takes it then it
// is dropped, so that the source is tested all the time. A word takes 36 cycles.
//
// An alarm is final until reset: nothing is passed on with it or after it. Every register of a raw word is zeroed
// within 2 cycles of clear_i, which does not end an alarm.
module entropy_health #(
  parameter int unsigned STARTUP_WORDS   = 32,    // at least 32: 1024 samples
  parameter int unsigned BIT_RCT_CUTOFF  = 61,    // equal bits in a row
  parameter int unsigned BIT_APT_CUTOFF  = 810,   // equal to the first of 1024, itself included
  parameter int unsigned WORD_RCT_CUTOFF = 3,     // equal words in a row
  parameter int unsigned WORD_APT_CUTOFF = 4      // equal to the first of 512, itself included
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  input  logic        clear_i,
  // Noise source
  input  logic        raw_valid_i,
  output logic        raw_ready_o,
  input  logic [31:0] raw_i,
  // Words that passed: valid for one cycle, zero otherwise
  output logic        out_valid_o,
  output logic [31:0] out_o,
  // Status
  output logic        ready_o,   // start-up has passed, no alarm
  output logic        alarm_o,   // until reset
  output logic [3:0]  cause_o    // tests that failed: word APT, word RCT, bit APT, bit RCT
);
  if (STARTUP_WORDS < 32) begin : g_check_startup
    $error("STARTUP_WORDS must be at least 32: SP 800-90B asks for 1024 samples");
  end
  if (BIT_RCT_CUTOFF < 2 || BIT_APT_CUTOFF < 2 || BIT_APT_CUTOFF > 1024 || WORD_RCT_CUTOFF < 2 ||
      WORD_APT_CUTOFF < 2 || WORD_APT_CUTOFF > 512) begin : g_check_cutoffs
    $error("a cutoff outside its window never fails, or always");
  end
  localparam int unsigned BIT_RCT_W  = $clog2(BIT_RCT_CUTOFF + 1);
  localparam int unsigned WORD_RCT_W = $clog2(WORD_RCT_CUTOFF + 1);
  localparam int unsigned STARTUP_W  = $clog2(STARTUP_WORDS + 1);

  typedef enum logic [2:0] {
    IDLE,
    BITS,  // one bit a cycle
    SAME,  // the word's comparisons
    WORD,  // the word's tests
    PASS
  } state_e;

  state_e state_q;
  logic [31:0] word_q;                  // rotates: after its bits it is whole again
  logic [4:0] bit_q;
  logic clear_q;
  logic [3:0] cause_q;
  logic [STARTUP_W-1:0] startup_q;      // words still to test

  logic bit_last_q, bit_any_q;          // the bit before, if there was one
  logic [BIT_RCT_W-1:0] bit_run_q;
  logic bit_first_q;
  logic [9:0] bit_at_q;                 // samples of the window done
  logic [10:0] bit_count_q;

  logic [31:0] word_last_q, word_first_q;
  logic word_any_q;
  logic word_same_q, word_again_q;      // equal to the last, to the window's first
  logic [WORD_RCT_W-1:0] word_run_q;
  logic [8:0] word_at_q;
  logic [9:0] word_count_q;

  always_ff @(posedge clk_i) clear_q <= !rst_ni || clear_i;
  assign raw_ready_o = state_q == IDLE && !clear_q;
  assign alarm_o     = cause_q != '0;
  assign cause_o     = cause_q;
  assign ready_o     = startup_q == '0 && !alarm_o && !clear_q;
  assign out_valid_o = state_q == PASS && ready_o;
  assign out_o       = out_valid_o ? word_q : '0;

  logic sample, bit_same;
  logic [BIT_RCT_W-1:0] bit_run_d;
  logic [10:0] bit_count_d;
  logic [WORD_RCT_W-1:0] word_run_d;
  logic [9:0] word_count_d;
  assign sample       = word_q[0];
  assign bit_same     = bit_any_q && sample == bit_last_q;
  assign bit_run_d    = bit_same ? bit_run_q + BIT_RCT_W'(1) : BIT_RCT_W'(1);
  assign bit_count_d  = bit_at_q == '0 ? 11'd1 : bit_count_q + 11'(sample == bit_first_q);
  assign word_run_d   = word_same_q ? word_run_q + WORD_RCT_W'(1) : WORD_RCT_W'(1);
  assign word_count_d = word_at_q == '0 ? 10'd1 : word_count_q + 10'(word_again_q);

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE: begin
        if (raw_valid_i) begin
          state_q <= BITS;
          word_q  <= raw_i;
        end
      end
      BITS: begin
        word_q      <= {word_q[0], word_q[31:1]};
        bit_q       <= bit_q + 5'd1;
        if (bit_q == 5'd31) state_q <= SAME;
        bit_any_q   <= 1'b1;
        bit_last_q  <= sample;
        bit_at_q    <= bit_at_q + 10'd1;
        bit_count_q <= bit_count_d;
        if (bit_at_q == '0) bit_first_q <= sample;
        // The alarm is final: counters need not stop at their cutoffs.
        bit_run_q   <= bit_run_d;
        if (bit_run_d == BIT_RCT_W'(BIT_RCT_CUTOFF)) cause_q[0] <= 1'b1;
        if (bit_count_d == 11'(BIT_APT_CUTOFF)) cause_q[1] <= 1'b1;
      end
      SAME: begin
        state_q      <= WORD;
        word_same_q  <= word_any_q && word_q == word_last_q;
        word_again_q <= word_q == word_first_q;
      end
      WORD: begin
        state_q      <= PASS;
        word_any_q   <= 1'b1;
        word_last_q  <= word_q;
        word_at_q    <= word_at_q + 9'd1;
        word_count_q <= word_count_d;
        if (word_at_q == '0) word_first_q <= word_q;
        word_run_q   <= word_run_d;
        if (word_run_d == WORD_RCT_W'(WORD_RCT_CUTOFF)) cause_q[2] <= 1'b1;
        if (word_count_d == 10'(WORD_APT_CUTOFF)) cause_q[3] <= 1'b1;
      end
      default: begin  // PASS
        state_q <= IDLE;
        if (startup_q != '0) startup_q <= startup_q - STARTUP_W'(1);
      end
    endcase
    if (clear_q) begin
      state_q      <= IDLE;
      word_q       <= '0;
      bit_q        <= '0;
      startup_q    <= STARTUP_W'(STARTUP_WORDS);
      bit_last_q   <= 1'b0;
      bit_any_q    <= 1'b0;
      bit_run_q    <= '0;
      bit_first_q  <= 1'b0;
      bit_at_q     <= '0;
      bit_count_q  <= '0;
      word_last_q  <= '0;
      word_first_q <= '0;
      word_any_q   <= 1'b0;
      word_same_q  <= 1'b0;
      word_again_q <= 1'b0;
      word_run_q   <= '0;
      word_at_q    <= '0;
      word_count_q <= '0;
    end
    if (!rst_ni) cause_q <= '0;
  end
endmodule
