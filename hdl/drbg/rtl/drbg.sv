// SPDX-License-Identifier: Apache-2.0
//
// The random bit generator: HMAC_DRBG of 256 bits of security strength (SP 800-90A Rev. 1) that seeds itself.
//
// Seeding. Each seeding takes 384 bits of min-entropy: 256 for the entropy input and 128 for the nonce (8.6.7), both
// from the same source in one string; a reseed takes as much. A raw bit is credited with H_MILLI/1000 bits of
// min-entropy, so a seeding reads ceil(384 * 1000 / H_MILLI) raw bits, rounded up to beats of 64: 768 at the default
// 0.5. They are kept in a memory for the two passes of the update function, and overwritten in the second.
//
// It instantiates itself after reset and after clear_i. It reseeds when reseed_i asks for it and after RESEED_INTERVAL
// requests, before the next request is taken.
//
// Data format. Entropy words come as the health tests pass them, the first in the lower half of a beat. A block is 32
// bytes, in the order of SP 800-90A's returned_bits: four words of 8, byte i of one in [8*i +: 8].
//
// alarm_i, the health tests' alarm, is final until reset: from its cycle on nothing comes out, every register of
// the state, the seed and the engine is zero within 2 cycles, and their memories within 20, or as many more as the seed's has
// words past 16. clear_i zeroes the same, then seeds anew.
module drbg
  import drbg_pkg::*;
#(
  parameter int unsigned H_MILLI = 500,              // assumed min-entropy of a raw bit in thousandths, 50 to 1000
  parameter int unsigned BLOCKS_W = 8,               // a request is up to 2^BLOCKS_W - 1 blocks; at most 11
  parameter logic [47:0] RESEED_INTERVAL = 48'd4096, // requests between seedings
  parameter bit CLOCK_GATES = 1'b0                   // see clock_gate
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,
  // Entropy that has passed the health tests; one valid cycle a word, taken or not
  input  logic                ent_valid_i,
  output logic                ent_ready_o,
  input  logic [31:0]         ent_i,
  input  logic                alarm_i,
  // Request
  input  logic                reseed_i,      // a pulse
  input  logic                req_valid_i,
  output logic                req_ready_o,
  input  logic [BLOCKS_W-1:0] req_blocks_i,  // blocks of 32 bytes; 0 gives none and updates the state
  // Random blocks, four words each. Zero while out_valid_o is low.
  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [63:0]         out_o,
  output logic                out_last_o,    // the last word of the last block
  // Self-test: started by a signal that stays; the generator seeds itself after it. Never started, it is not waited for.
  input  logic                test_start_i,
  output logic                test_done_o,
  output logic                test_ok_o,
  input  logic                test_fault_i,
  // Status
  output logic                seeded_o,
  output logic                error_o        // until reset
);
  if (H_MILLI < 50 || H_MILLI > 1000) begin : g_check
    $error("H_MILLI must be 50 to 1000");
  end
  localparam int unsigned SEED_BITS  = (384 * 1000 + H_MILLI - 1) / H_MILLI;
  localparam int unsigned SEED_BEATS = (SEED_BITS + 63) / 64;
  localparam int unsigned BEAT_W     = $clog2(SEED_BEATS);
  // Cycles that it goes on after its last work: longer than a sweep of any of its memories.
  localparam int unsigned REST_W     = BEAT_W < 4 ? 5 : BEAT_W + 1;

  typedef enum logic [2:0] {
    FILL,   // read raw words
    SEED,   // command to the core: instantiate or reseed
    FIRST,  // seed material, first pass
    SECOND,
    SERVE,
    ERROR
  } state_e;

  state_e state_q, state_d;
  logic [31:0] half_word_q;  // the first of a beat
  logic half_q;              // it is there
  logic [BEAT_W-1:0] beat_q;
  logic [63:0] data_q;       // on its way to the core
  logic data_valid_q, data_last_q;
  logic reseed_q;
  logic clear_q;

  logic wipe, halt, serving, cmd_valid, cmd_ready, data_ready, beat_last;
  logic core_valid, core_last, seeded, due, idle;
  logic [63:0] core_out;
  op_e op;

  // It stands still while it is seeded and nobody asks for anything: from some cycles after the last work on.
  logic clk, work, testing;
  logic [REST_W-1:0] rest_q;
  assign testing = test_start_i && !test_done_o;
  assign work = !rst_ni || clear_i || reseed_i || req_valid_i || testing || (state_q != ERROR && (alarm_i || state_q != SERVE || !idle || due || reseed_q));
  clock_gate #(.ON(CLOCK_GATES)) u_clock (.clk_i, .on_i(work || rest_q != '0), .clk_o(clk));
  always_ff @(posedge clk) rest_q <= work ? '1 : rest_q - REST_W'(rest_q != '0);

  // The core registers its clear itself: it sees the alarm in the same cycle as this module.
  assign halt = alarm_i || state_q == ERROR;
  assign wipe = clear_i || halt;
  always_ff @(posedge clk) clear_q <= !rst_ni || wipe;

  logic sweeping_q;     // the seed's memory is overwritten
  assign ent_ready_o = state_q == FILL && !clear_q && !sweeping_q && !halt;
  assign beat_last   = beat_q == BEAT_W'(SEED_BEATS - 1);
  assign serving     = state_q == SERVE && !reseed_q && !halt;
  assign req_ready_o = serving && cmd_ready;
  assign out_valid_o = core_valid && !halt;
  assign out_o       = out_valid_o ? core_out : '0;
  assign out_last_o  = out_valid_o && core_last;
  assign seeded_o    = seeded && !halt && !clear_q;
  assign error_o     = halt;

  always_comb begin
    op        = OP_GENERATE;
    cmd_valid = req_valid_i && serving;
    if (state_q == SEED) begin
      op        = seeded ? OP_RESEED : OP_INSTANTIATE;
      cmd_valid = 1'b1;
    end
  end

  // Raw words by pairs in, beats out twice.
  (* no_rw_check *) logic [63:0] seed[2 ** BEAT_W];
  logic [BEAT_W-1:0] sweep_q, sweep_left_q, put_at_q;
  logic              wiping, put_q, fill, give;
  logic [63:0]       put_word_q;
  assign wiping = clear_q || sweeping_q;
  assign fill   = ent_valid_i && ent_ready_o && half_q;
  assign give   = (state_q == FIRST || state_q == SECOND) && !data_valid_q;
  always_ff @(posedge clk) begin
    sweep_q      <= sweep_q + 1'b1;
    sweep_left_q <= clear_q ? '1 : sweep_left_q - BEAT_W'(sweep_left_q != '0);
    sweeping_q   <= clear_q || sweep_left_q != '0;
    put_q        <= wiping || fill || (give && state_q == SECOND);
    put_at_q     <= wiping ? sweep_q : beat_q;
    put_word_q   <= fill && !wiping ? {ent_i, half_word_q} : '0;
    if (put_q) seed[put_at_q] <= put_word_q;
  end

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      FILL:    if (fill && beat_last) state_d = SEED;
      SEED:    if (cmd_ready) state_d = FIRST;
      FIRST:   if (give && beat_last) state_d = SECOND;
      SECOND:  if (give && beat_last) state_d = SERVE;
      SERVE:   if (idle && (due || reseed_q)) state_d = FILL;
      default: ;
    endcase
  end

  always_ff @(posedge clk) begin
    state_q <= state_d;
    if (reseed_i) reseed_q <= 1'b1;
    if (fill || give) beat_q <= beat_last ? '0 : beat_q + BEAT_W'(1);
    if (ent_valid_i && ent_ready_o) begin
      half_word_q <= half_q ? '0 : ent_i;
      half_q      <= !half_q;
    end
    if (give) begin
      data_q       <= seed[beat_q];
      data_valid_q <= 1'b1;
      data_last_q  <= beat_last;
    end else if (data_ready) begin
      data_q       <= '0;
      data_valid_q <= 1'b0;
    end
    // A wish that comes while the seed is read is met by it only if it came before the first word.
    if (state_q == SERVE && state_d == FILL) reseed_q <= reseed_i;
    if (clear_q) begin
      state_q      <= FILL;
      half_word_q  <= '0;
      half_q       <= 1'b0;
      beat_q       <= '0;
      reseed_q     <= 1'b0;
      data_q       <= '0;
      data_valid_q <= 1'b0;
      data_last_q  <= 1'b0;
    end
    // Last, so that nothing but a reset leads out of it.
    if (halt) state_q <= ERROR;
    if (!rst_ni) state_q <= FILL;
  end

  logic         t_clear, t_cmd, t_data_valid, t_data_last, t_out_ready, core_cmd_ready, core_data_ready, core_out_valid;
  op_e          t_op;
  logic [63:0]  t_data;
  assign cmd_ready  = core_cmd_ready && !testing;
  assign data_ready = core_data_ready && !testing;
  assign core_valid = core_out_valid && !testing;
  drbg_selftest u_test (
    .clk_i        (clk),
    .rst_ni,
    .start_i      (test_start_i),
    .done_o       (test_done_o),
    .ok_o         (test_ok_o),
    .fault_i      (test_fault_i),
    .clear_o      (t_clear),
    .cmd_valid_o  (t_cmd),
    .cmd_ready_i  (core_cmd_ready),
    .cmd_op_o     (t_op),
    .data_valid_o (t_data_valid),
    .data_ready_i (core_data_ready),
    .data_o       (t_data),
    .data_last_o  (t_data_last),
    .out_valid_i  (core_out_valid),
    .out_ready_o  (t_out_ready),
    .out_i        (core_out)
  );

  hmac_drbg_core #(
    .BLOCKS_W        (BLOCKS_W),
    .RESEED_INTERVAL (RESEED_INTERVAL)
  ) u_core (
    .clk_i        (clk),
    .rst_ni,
    .clear_i      (wipe || t_clear),
    .cmd_valid_i  (testing ? t_cmd : cmd_valid),
    .cmd_ready_o  (core_cmd_ready),
    .cmd_op_i     (testing ? t_op : op),
    .cmd_data_i   (1'b0),
    .cmd_blocks_i (testing ? BLOCKS_W'(1) : req_blocks_i),
    .data_valid_i (testing ? t_data_valid : data_valid_q),
    .data_ready_o (core_data_ready),
    .data_i       (testing ? t_data : data_q),
    .data_bytes_i (4'd8),
    .data_last_i  (testing ? t_data_last : data_last_q),
    .out_valid_o  (core_out_valid),
    .out_ready_i  (testing ? t_out_ready : out_ready_i && !halt),
    .out_o        (core_out),
    .out_last_o   (core_last),
    .idle_o       (idle),
    .seeded_o     (seeded),
    .due_o        (due)
  );
endmodule
