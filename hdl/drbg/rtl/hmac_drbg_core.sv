// SPDX-License-Identifier: Apache-2.0
//
// HMAC_DRBG with SHA-256 (SP 800-90A Rev. 1, 10.1.2): the algorithm, fed with its inputs by drbg.sv (or by vectors).
//
// Data format. Strings in memory order: byte i in [8*i +: 8]. Seed material and additional input come in beats of 0 to
// 8 bytes, the last with data_last_i. The update function (10.1.2.2) reads them twice, so the caller sends the same
// string twice for OP_INSTANTIATE and OP_RESEED, and four times for OP_GENERATE with additional input.
//   OP_INSTANTIATE: entropy input || nonce || personalization string   (10.1.2.3)
//   OP_RESEED:      entropy input || additional input                  (10.1.2.4)
//   OP_GENERATE:    additional input, if cmd_data_i                    (10.1.2.5)
// A generate hands each block out as it is made, in words of 8 bytes, and updates the state after the last; only then is
// the next command taken.
//
// Key and V are in a memory of eight words. Every register is zeroed within 2 cycles of clear_i, the memories within 20: the
// instance is gone. Until then no command is taken.
module hmac_drbg_core
  import drbg_pkg::*;
#(
  parameter int unsigned BLOCKS_W = 8,               // a request is up to 2^BLOCKS_W - 1 blocks; at most 11
  parameter logic [47:0] RESEED_INTERVAL = 48'd4096  // requests between seedings, up to 2^48 - 1
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,
  // Command. Only OP_INSTANTIATE is taken before there is an instance, and no OP_GENERATE when due_o.
  input  logic                cmd_valid_i,
  output logic                cmd_ready_o,
  input  op_e                 cmd_op_i,
  input  logic                cmd_data_i,    // OP_GENERATE: with additional input
  input  logic [BLOCKS_W-1:0] cmd_blocks_i,  // OP_GENERATE: blocks of 32 bytes; 0 makes none
  // Seed material or additional input
  input  logic                data_valid_i,
  output logic                data_ready_o,
  input  logic [63:0]         data_i,
  input  logic [3:0]          data_bytes_i,
  input  logic                data_last_i,
  // Random blocks, four words each. Zero while out_valid_o is low.
  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [63:0]         out_o,
  output logic                out_last_o,    // the last word of the last block
  // Status
  output logic                idle_o,        // no command runs
  output logic                seeded_o,      // there is an instance
  output logic                due_o          // and it must be reseeded
);
  if (BLOCKS_W < 1 || BLOCKS_W > 11) begin : g_check
    $error("BLOCKS_W must be 1 to 11: at most 2^19 bits a request");
  end

  typedef enum logic [3:0] {
    IDLE,
    INIT,   // the instance's first K and V
    START,  // request to hmac
    KEY,    // its key: K
    V,      // its message: V
    TAG,    //   then, if what is K: one byte, 0 or 1
    DATA,   //   and the provided data
    WAIT,
    OUT     // a block waits to be taken
  } state_e;
  // What the HMAC makes: the four steps of an update, or a block.
  typedef enum logic [2:0] {
    K0,  // K = HMAC(K, V || 0x00 || data)
    V0,  // V = HMAC(K, V)
    K1,  // K = HMAC(K, V || 0x01 || data); this and the next only with data
    V1,  // V = HMAC(K, V)
    GEN  // V = HMAC(K, V)
  } what_e;
  typedef struct packed {
    logic [63:0] data;
    logic [3:0]  bytes;
    logic        last;
  } beat_t;

  state_e state_q, state_d;
  what_e what_q, what_d;
  logic before_q;                 // the update before the blocks
  logic data_q;                   // there is provided data
  logic seeding_q;                // the command gives new entropy
  logic seeded_q;
  logic [BLOCKS_W-1:0] blocks_q;  // left to make
  logic [47:0] count_q;           // reseed_counter: 1 after seeding
  logic tick_q, due_q;            // it counts, and is compared, a cycle late: long before the command ends
  logic [2:0] word_q;             // of what a state goes through
  logic clear_q;

  logic req_ready, in_ready, res_valid, mac_valid;
  logic [63:0] mac;
  /* verilator lint_off UNUSEDSIGNAL */  // nothing is compared, nobody waits
  logic mac_ok, expect_asked, mac_clean;
  /* verilator lint_on UNUSEDSIGNAL */
  logic is_k, updated, accept, give, taken;
  assign is_k    = what_q == K0 || what_q == K1;
  assign updated = what_q == V1 || (what_q == V0 && !data_q);
  assign accept  = cmd_valid_i && cmd_ready_o;

  // Words 0 to 3: K; 4 to 7: V.
  (* ram_style = "distributed", no_rw_check *) logic [63:0] words[8];
  logic [2:0]  sweep_q, sweep_left_q, put_at_q;
  logic        sweeping_q, wiping, put_q;
  logic [63:0] put_word_q, got;
  assign wiping = clear_q || sweeping_q;
  assign got    = words[{state_q != KEY, word_q[1:0]}];
  always_ff @(posedge clk_i) begin
    clear_q      <= !rst_ni || clear_i;
    sweep_q      <= sweep_q + 3'd1;
    sweep_left_q <= clear_q ? '1 : sweep_left_q - 3'(sweep_left_q != '0);
    sweeping_q   <= clear_q || sweep_left_q != '0;
    put_q        <= wiping || state_q == INIT || (mac_valid && !word_q[2]);
    put_at_q     <= wiping ? sweep_q : state_q == INIT ? word_q : {!is_k, word_q[1:0]};
    put_word_q   <= wiping ? '0 : state_q == INIT ? {8{7'd0, word_q[2]}} : mac;
    if (put_q) words[put_at_q] <= put_word_q;
  end

  assign seeded_o    = seeded_q;
  assign due_o       = due_q;
  assign idle_o      = state_q == IDLE && !clear_q && !sweeping_q;
  assign cmd_ready_o = idle_o && (cmd_op_i == OP_INSTANTIATE || (seeded_q && (cmd_op_i == OP_RESEED || !due_o)));

  // K on its way to the engine, eight words of which the second half is nothing.
  logic        key_valid_q;
  logic [63:0] key_q;
  always_ff @(posedge clk_i) begin
    key_valid_q <= state_q == KEY && !clear_q;
    key_q       <= state_q == KEY && !word_q[2] && !clear_q ? got : '0;
  end

  // A beat of the message, a word of a block: each is taken when there is none.
  beat_t       beat, beat_q;
  logic        some_q, beats, last_word, out_some_q;
  logic [63:0] out_q;
  assign last_word    = word_q[1:0] == 2'd3;
  assign data_ready_o = state_q == DATA && !some_q && !clear_q;
  assign beats        = !some_q && (state_q == V || state_q == TAG || (state_q == DATA && data_valid_i));
  always_comb begin
    beat = '{data: got, bytes: 4'd8, last: last_word && !is_k};
    if (state_q == TAG) beat = '{data: {63'd0, what_q == K1}, bytes: 4'd1, last: !data_q};
    if (state_q == DATA) beat = '{data: data_i, bytes: data_bytes_i, last: data_last_i};
  end
  assign give        = state_q == OUT && !out_some_q && !clear_q;
  assign taken       = out_valid_o && out_ready_i;
  assign out_valid_o = out_some_q && !clear_q;
  assign out_o       = out_valid_o ? out_q : '0;
  assign out_last_o  = out_valid_o && last_word && blocks_q == BLOCKS_W'(1);
  always_ff @(posedge clk_i) begin
    if (beats) beat_q <= beat;
    some_q     <= beats || (some_q && !in_ready);
    out_some_q <= give || (out_some_q && !taken);
    if (give) out_q <= got;
    else if (taken) out_q <= '0;
    if (clear_q) begin
      beat_q     <= '0;
      some_q     <= 1'b0;
      out_some_q <= 1'b0;
      out_q      <= '0;
    end
  end

  always_comb begin
    state_d = state_q;
    what_d  = what_q;
    unique case (state_q)
      IDLE: begin
        if (accept) begin
          state_d = cmd_op_i == OP_INSTANTIATE ? INIT : START;
          what_d  = cmd_op_i == OP_GENERATE && !cmd_data_i && cmd_blocks_i != '0 ? GEN : K0;
        end
      end
      INIT:  if (word_q == '1) state_d = START;
      START: if (req_ready) state_d = KEY;
      KEY:   if (word_q == '1) state_d = V;
      V:     if (beats && last_word) state_d = is_k ? TAG : WAIT;
      TAG:   if (beats) state_d = data_q ? DATA : WAIT;
      DATA:  if (beats && data_last_i) state_d = WAIT;
      WAIT: begin
        if (res_valid) begin
          state_d = START;
          unique case (what_q)
            K0:      what_d = V0;
            V0:      what_d = K1;
            K1:      what_d = V1;
            GEN:     state_d = OUT;
            default: ;
          endcase
          if (updated && before_q) what_d = blocks_q == '0 ? K0 : GEN;
          else if (updated) state_d = IDLE;
        end
      end
      OUT: begin
        if (taken && last_word) begin
          state_d = START;
          if (out_last_o) what_d = K0;
        end
      end
      default: ;
    endcase
  end

  always_ff @(posedge clk_i) begin
    state_q <= state_d;
    what_q  <= what_d;
    tick_q  <= accept && cmd_op_i == OP_GENERATE;
    if (tick_q) count_q <= count_q + 48'd1;
    due_q   <= seeded_q && count_q > RESEED_INTERVAL;
    // The words of a MAC are eight, those of a string four.
    if (state_q == INIT || state_q == KEY || mac_valid) word_q <= word_q + 3'd1;
    if ((state_q == V && beats) || taken) word_q <= {1'b0, word_q[1:0] + 2'd1};
    unique case (state_q)
      IDLE: begin
        if (accept) begin
          seeding_q <= cmd_op_i != OP_GENERATE;
          before_q  <= cmd_op_i == OP_GENERATE && cmd_data_i;
          data_q    <= cmd_op_i != OP_GENERATE || cmd_data_i;
          blocks_q  <= cmd_op_i == OP_GENERATE ? cmd_blocks_i : '0;
        end
      end
      INIT: seeded_q <= 1'b0;
      WAIT: begin
        if (res_valid) begin
          if (updated) before_q <= 1'b0;
          if (updated && seeding_q) begin
            seeded_q <= 1'b1;
            count_q  <= 48'd1;
            due_q    <= 1'b0;
          end
        end
      end
      OUT: if (taken && last_word) blocks_q <= blocks_q - BLOCKS_W'(1);
      default: ;
    endcase
    if (clear_q) begin
      state_q   <= IDLE;
      what_q    <= K0;
      before_q  <= 1'b0;
      data_q    <= 1'b0;
      seeding_q <= 1'b0;
      seeded_q  <= 1'b0;
      blocks_q  <= '0;
      tick_q    <= 1'b0;
      count_q   <= '0;
      due_q     <= 1'b0;
      word_q    <= '0;
    end
  end

  hmac u_hmac (
    .clk_i,
    .rst_ni,
    .clear_i,
    .clean_o      (mac_clean),
    .req_valid_i  (state_q == START && !clear_q),
    .req_ready_o  (req_ready),
    .req_i        ('{alg: sha2_pkg::SHA_256, verify: 1'b0, key_len: 7'd32, mac_len: 7'd32}),
    .word_valid_i (key_valid_q),
    .word_i       (key_q),
    .expect_o     (expect_asked),
    .in_valid_i   (some_q),
    .in_ready_o   (in_ready),
    .in_data_i    (beat_q.data),
    .in_bytes_i   (beat_q.bytes),
    .in_last_i    (beat_q.last),
    .mac_valid_o  (mac_valid),
    .mac_o        (mac),
    .res_valid_o  (res_valid),
    .res_ready_i  (state_q == WAIT),
    .res_ok_o     (mac_ok)
  );
endmodule
