// SPDX-License-Identifier: Apache-2.0
//
// AES encryption (FIPS 197), fully unrolled: a block enters every cycle, each with the slot of its key; latency 59.
// There are always 14 rounds' time in the pipe: a block of AES-192 or AES-128 waits beside the first 2 or 4 rounds and enters after
// them, so that every key size takes equally long. Round key r of Nr is in RAM 14 - Nr + r.
module aes_pipe
  import gcm_pkg::*;
#(
  parameter  int unsigned SLOTS   = 64,
  parameter  sbox_e       SBOX    = SBOX_TABLE,
  parameter  int unsigned BRAM_ROUNDS = 14,  // SBOX_BRAM: the rounds that are; the others are SBOX_TOWER
  localparam int unsigned IW      = $clog2(SLOTS)
) (
  input  logic          clk_i,
  // One round key of a slot, written at a time; write_all_i writes it to every RAM.
  input  logic          write_i,
  input  logic          write_all_i,
  input  logic [3:0]    write_ram_i,
  input  logic [IW-1:0] write_slot_i,
  input  logic [127:0]  write_key_i,
  input  logic [IW-1:0] slot_i,
  input  key_size_e     key_size_i,
  input  logic [127:0]  block_i,
  output logic [127:0]  block_o
);
  // Slot and size beside the block: element t is t cycles after the input.
  localparam int unsigned ROUND = 4;               // cycles a round
  localparam int unsigned SLOT_DELAY = 14 * ROUND;
  localparam int unsigned SIZE_DELAY = 4 * ROUND + 1;
  logic [IW-1:0] slot_q[SLOT_DELAY+1];
  key_size_e     size_q[SIZE_DELAY+1];
  assign slot_q[0] = slot_i;
  assign size_q[0] = key_size_i;
  for (genvar t = 1; t <= int'(SLOT_DELAY); t++) begin : g_slot
    always_ff @(posedge clk_i) slot_q[t] <= slot_q[t-1];
  end
  for (genvar t = 1; t <= int'(SIZE_DELAY); t++) begin : g_size
    always_ff @(posedge clk_i) size_q[t] <= size_q[t-1];
  end

  // Round keys on their way to the RAMs, a register for every three rounds: the RAMs lie all over the chip.
  typedef struct packed {
    logic          write;
    logic          all;
    logic [3:0]    ram;
    logic [IW-1:0] slot;
    logic [127:0]  key;
  } write_t;
  write_t      write[6];  // [g]: on its way to group g
  logic [14:0] write_q;   // by RAM
  assign write[0] = '{write_i, write_all_i, write_ram_i, write_slot_i, write_key_i};
  for (genvar g = 0; g < 5; g++) begin : g_write
    always_ff @(posedge clk_i) write[g+1] <= write[g];
  end
  for (genvar r = 0; r <= 14; r++) begin : g_which
    always_ff @(posedge clk_i) write_q[r] <= write[r/3].write && (write[r/3].all || write[r/3].ram == 4'(r));
  end

  logic [127:0] key[15];
  for (genvar r = 0; r <= 14; r++) begin : g_key
    // Round r adds its key in the cycle 4r + 2 after the input; the RAM takes two.
    aes_key_ram #(.SLOTS(SLOTS)) u_ram (
      .clk_i,
      .write_i(write_q[r]),
      .write_slot_i(write[r/3+1].slot),
      .write_key_i(write[r/3+1].key),
      .slot_i(slot_q[ROUND*r]),
      .key_o(key[r])
    );
  end

  // What enters late, zero for other key sizes. Past round 2 it does not matter what a block of AES-128 did there.
  logic [127:0] block_q, block_qq, late2_q, late4_q, late[5], state[15];
  aes_delay #(.CYCLES(2 * ROUND)) u_late_2 (.clk_i, .data_i(late2_q), .data_o(late[2]));
  aes_delay #(.CYCLES(2 * ROUND - 1)) u_late_4 (.clk_i, .data_i(late4_q), .data_o(late[4]));
  always_ff @(posedge clk_i) begin
    block_q  <= block_i;
    block_qq <= block_q;
    late2_q  <= size_q[1] != KEY_256 ? block_q : '0;
    late4_q  <= size_q[2*ROUND+2] == KEY_128 ? late[2] : '0;
    state[0] <= block_qq ^ key[0];
  end
  for (genvar r = 1; r <= 14; r++) begin : g_round
    logic         zero;
    logic [127:0] entering;
    if (r == 2 || r == 4) begin : g_enter
      assign zero     = size_q[ROUND*r+1] == (r == 2 ? KEY_192 : KEY_128);
      assign entering = late[r];
    end else begin : g_pass
      assign zero     = 1'b0;
      assign entering = '0;
    end
    aes_round #(
      .SBOX(SBOX == SBOX_BRAM && r > int'(BRAM_ROUNDS) ? SBOX_TOWER : SBOX),
      .LAST(r == 14)
    ) u_round (
      .clk_i,
      .state_i(state[r-1]),
      .key_i(key[r]),
      .zero_i(zero),
      .block_i(entering),
      .state_o(state[r])
    );
  end
  assign block_o = state[14];
endmodule
