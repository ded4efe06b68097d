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
// A generate hands each block out as it is made and updates the state after the last; only then is the next command
// taken.
//
// Every register is zeroed within 2 cycles of clear_i: the instance is gone.
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
  // Random blocks. Zero while out_valid_o is low.
  output logic                out_valid_o,
  input  logic                out_ready_i,
  output logic [255:0]        out_o,
  output logic                out_last_o,
  // Status
  output logic                idle_o,        // no command runs
  output logic                seeded_o,      // there is an instance
  output logic                due_o          // and it must be reseeded
);
  if (BLOCKS_W < 1 || BLOCKS_W > 11) begin : g_check
    $error("BLOCKS_W must be 1 to 11: at most 2^19 bits a request");
  end

  typedef enum logic [2:0] {
    IDLE,
    INIT,   // the instance's first K and V
    START,  // request to hmac
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

  state_e state_q, state_d;
  what_e what_q, what_d;
  logic before_q;                 // the update before the blocks
  logic data_q;                   // there is provided data
  logic seeding_q;                // the command gives new entropy
  logic seeded_q;
  logic [BLOCKS_W-1:0] blocks_q;  // left to make
  logic [47:0] count_q;           // reseed_counter: 1 after seeding
  logic tick_q, due_q;            // it counts, and is compared, a cycle late: long before the command ends
  logic [255:0] k_q, v_q;         // v_q rotates while it is sent
  logic [1:0] beat_q;
  logic clear_q;

  logic req_ready, in_valid, in_ready, in_last, res_valid;
  logic [63:0] in_data;
  logic [3:0] in_bytes;
  /* verilator lint_off UNUSEDSIGNAL */  // SHA-256 has the lower half; nothing is compared
  logic [511:0] mac;
  logic mac_ok;
  /* verilator lint_on UNUSEDSIGNAL */
  logic is_k, updated, taken, accept;

  always_ff @(posedge clk_i) clear_q <= !rst_ni || clear_i;
  assign seeded_o    = seeded_q;
  assign due_o       = due_q;
  assign idle_o      = state_q == IDLE && !clear_q;
  assign cmd_ready_o = idle_o && (cmd_op_i == OP_INSTANTIATE || (seeded_q && (cmd_op_i == OP_RESEED || !due_o)));
  assign accept      = cmd_valid_i && cmd_ready_o;
  assign out_valid_o = state_q == OUT && !clear_q;
  assign out_o       = out_valid_o ? v_q : '0;
  assign out_last_o  = out_valid_o && blocks_q == BLOCKS_W'(1);

  assign is_k = what_q == K0 || what_q == K1;
  always_comb begin
    in_valid     = 1'b0;
    in_data      = v_q[63:0];
    in_bytes     = 4'd8;
    in_last      = 1'b0;
    data_ready_o = 1'b0;
    unique case (state_q)
      V: begin
        in_valid = 1'b1;
        in_last  = beat_q == 2'd3 && !is_k;
      end
      TAG: begin
        in_valid = 1'b1;
        in_data  = {63'd0, what_q == K1};
        in_bytes = 4'd1;
        in_last  = !data_q;
      end
      DATA: begin
        in_valid     = data_valid_i && !clear_q;
        in_data      = data_i;
        in_bytes     = data_bytes_i;
        in_last      = data_last_i;
        data_ready_o = in_ready && !clear_q;
      end
      default: ;
    endcase
  end
  assign taken   = out_valid_o && out_ready_i;
  assign updated = what_q == V1 || (what_q == V0 && !data_q);

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
      INIT:  state_d = START;
      START: if (req_ready) state_d = V;
      V:     if (in_ready && beat_q == 2'd3) state_d = is_k ? TAG : WAIT;
      TAG:   if (in_ready) state_d = data_q ? DATA : WAIT;
      DATA:  if (data_valid_i && in_ready && data_last_i) state_d = WAIT;
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
        if (taken) begin
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
    unique case (state_q)
      IDLE: begin
        if (accept) begin
          seeding_q <= cmd_op_i != OP_GENERATE;
          before_q  <= cmd_op_i == OP_GENERATE && cmd_data_i;
          data_q    <= cmd_op_i != OP_GENERATE || cmd_data_i;
          blocks_q  <= cmd_op_i == OP_GENERATE ? cmd_blocks_i : '0;
        end
      end
      INIT: begin
        seeded_q <= 1'b0;
        k_q      <= '0;
        v_q      <= {32{8'h01}};
      end
      V: begin
        if (in_ready) begin
          beat_q <= beat_q + 2'd1;
          v_q    <= {v_q[63:0], v_q[255:64]};
        end
      end
      WAIT: begin
        // Zero until it is valid; the engine has its copy of the old ones.
        if (is_k) k_q <= mac[255:0];
        else v_q <= mac[255:0];
        if (res_valid) begin
          if (updated) before_q <= 1'b0;
          if (updated && seeding_q) begin
            seeded_q <= 1'b1;
            count_q  <= 48'd1;
            due_q    <= 1'b0;
          end
        end
      end
      OUT: if (taken) blocks_q <= blocks_q - BLOCKS_W'(1);
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
      k_q       <= '0;
      v_q       <= '0;
      beat_q    <= '0;
    end
  end

  hmac u_hmac (
    .clk_i,
    .rst_ni,
    .clear_i,
    .req_valid_i (state_q == START && !clear_q),
    .req_ready_o (req_ready),
    .req_i       ('{alg: sha2_pkg::SHA_256, verify: 1'b0, key_len: 7'd32, mac_len: 7'd32}),
    .key_i       ({256'd0, k_q}),
    .in_valid_i  (in_valid),
    .in_ready_o  (in_ready),
    .in_data_i   (in_data),
    .in_bytes_i  (in_bytes),
    .in_last_i   (in_last),
    .expect_i    ('0),
    .res_valid_o (res_valid),
    .res_ready_i (state_q == WAIT),
    .res_ok_o    (mac_ok),
    .res_mac_o   (mac)
  );
endmodule
