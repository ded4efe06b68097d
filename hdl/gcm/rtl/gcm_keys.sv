// SPDX-License-Identifier: Apache-2.0
//
// Loads and clears the lane's copy of a slot: round keys (aes_key_expand) and H, H^2 .. H^5 (SP 800-38D, 6.4), the latter by
// sending blocks through the lane itself between those of requests: E(0) gives H, each product by H the next power.
// While wipe_i, with rst_ni low, clears one slot after another.
module gcm_keys
  import gcm_pkg::*;
  import ghash_pkg::*;
#(
  parameter  int unsigned SLOTS = 64,
  parameter  sbox_e       SBOX  = SBOX_TABLE,
  localparam int unsigned IW    = $clog2(SLOTS)
) (
  input  logic          clk_i,
  input  logic          rst_ni,
  input  logic          wipe_i,
  // Command.
  input  logic          valid_i,
  output logic          ready_o,
  input  logic          clear_i,
  input  logic [IW-1:0] slot_i,
  input  key_size_e     size_i,
  input  logic [255:0]  key_i,
  output logic          done_o,
  // Round-key RAMs.
  output logic          rk_write_o,
  output logic          rk_all_o,
  output logic [3:0]    rk_ram_o,
  output logic [127:0]  rk_o,
  // Power RAM.
  output logic          pow_write_o,
  output logic [2:0]    pow_o,
  output poly_t         pow_h_o,
  // Blocks of its own: encrypt zero, or multiply h by H.
  output logic          inject_o,
  output logic          inject_mul_o,
  output poly_t         inject_h_o,
  output logic [IW-1:0] slot_o,
  output key_size_e     size_o,
  input  logic          taken_i,
  // Their answers.
  input  logic          aes_valid_i,
  input  poly_t         aes_i,
  input  logic          mul_valid_i,
  input  poly_t         mul_i
);
  typedef enum logic [2:0] {IDLE, CLEAR, EXPAND, SEND, WAIT, DONE} state_e;
  state_e     state_q;
  logic [2:0] power_q;  // power being made or cleared
  poly_t      h_q;
  logic       clear_q, wait_q, last_q;  // state CLEAR; state WAIT; the last power
  logic       exp_write, exp_done;
  logic [3:0] exp_ram;
  logic [127:0] exp_key;

  aes_key_expand #(.SBOX(SBOX)) u_expand (
    .clk_i,
    .rst_ni,
    .start_i(valid_i && ready_o && !clear_i),
    .valid_i,
    .size_i,
    .key_i,
    .write_o(exp_write),
    .ram_o(exp_ram),
    .key_o(exp_key),
    .done_o(exp_done)
  );
  assign rk_write_o   = exp_write || clear_q;
  assign rk_all_o     = clear_q;
  assign rk_ram_o     = exp_ram;
  assign rk_o         = exp_key;  // zero but while it writes
  assign inject_o     = state_q == SEND;
  assign inject_h_o   = h_q;

  // An answer is taken over a register; h_q follows the power RAM's write, which is zero when nothing is written.
  logic  got_q, answer;
  poly_t got_h_q;
  assign answer = wait_q && got_q;
  always_ff @(posedge clk_i) begin
    got_q       <= state_q == WAIT && (inject_mul_o ? mul_valid_i : aes_valid_i);
    got_h_q     <= inject_mul_o ? mul_i : aes_i;
    pow_write_o <= (rst_ni && answer) || clear_q;
    pow_o       <= power_q;
    pow_h_o     <= answer ? got_h_q : '0;
    if (pow_write_o || done_o) h_q <= pow_h_o;
  end

  always_ff @(posedge clk_i) begin
    done_o <= 1'b0;
    unique case (state_q)
      IDLE: begin
        power_q      <= 3'd1;
        inject_mul_o <= 1'b0;
        if (valid_i) begin
          slot_o  <= slot_i;
          size_o  <= size_i;
          ready_o <= 1'b0;
          clear_q <= clear_i;
          state_q <= clear_i ? CLEAR : EXPAND;
        end
      end
      CLEAR: begin
        power_q <= power_q + 3'd1;
        if (power_q == 3'(WAYS)) begin
          clear_q <= 1'b0;
          state_q <= DONE;
        end
      end
      EXPAND: if (exp_done) state_q <= SEND;
      SEND:
      if (taken_i) begin
        wait_q  <= 1'b1;
        last_q  <= power_q == 3'(WAYS);
        state_q <= WAIT;
      end
      WAIT:
      if (answer) begin
        wait_q       <= 1'b0;
        inject_mul_o <= 1'b1;
        power_q      <= power_q + 3'd1;
        state_q      <= last_q ? DONE : SEND;
      end
      DONE: begin
        done_o  <= 1'b1;
        ready_o <= 1'b1;
        state_q <= IDLE;
      end
      default: state_q <= IDLE;
    endcase
    if (!rst_ni) begin
      state_q <= IDLE;
      ready_o <= 1'b1;
      clear_q <= 1'b0;
      wait_q  <= 1'b0;
      done_o  <= 1'b0;
    end
    if (wipe_i) begin
      clear_q <= 1'b1;
      power_q <= power_q == 3'(WAYS) ? 3'd1 : power_q + 3'd1;
      if (power_q == 3'(WAYS)) slot_o <= slot_o + 1'b1;
    end
  end
endmodule
