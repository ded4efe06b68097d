// SPDX-License-Identifier: Apache-2.0
//
// AES encryption (FIPS 197), fully unrolled: a block enters every cycle, each with the slot of its key; latency 45.
// There are always 14 rounds in the pipe; AES-192 and AES-128 pass the first 2 or 4 unchanged, so that every key
// size takes equally long. Round key 0 is in RAM 0; round key r of Nr in RAM 14 - Nr + r.
module aes_pipe
  import gcm_pkg::*;
#(
  parameter  int unsigned SLOTS   = 64,
  parameter  sbox_e       SBOX    = SBOX_TABLE,
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
  logic [IW-1:0] slot_q[43];
  key_size_e     size_q[13];
  assign slot_q[0] = slot_i;
  assign size_q[0] = key_size_i;
  for (genvar t = 1; t < 43; t++) begin : g_slot
    always_ff @(posedge clk_i) slot_q[t] <= slot_q[t-1];
  end
  for (genvar t = 1; t < 13; t++) begin : g_size
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
  write_t write_q[5];
  for (genvar g = 0; g < 5; g++) begin : g_write
    if (g == 0) begin : g_first
      always_ff @(posedge clk_i) write_q[g] <= '{write_i, write_all_i, write_ram_i, write_slot_i, write_key_i};
    end else begin : g_next
      always_ff @(posedge clk_i) write_q[g] <= write_q[g-1];
    end
  end

  logic [127:0] key[15];
  for (genvar r = 0; r <= 14; r++) begin : g_key
    // Round r adds its key in the cycle 3r + 2 after the input; the RAM takes two.
    aes_key_ram #(.SLOTS(SLOTS)) u_ram (
      .clk_i,
      .write_i(write_q[r/3].write && (write_q[r/3].all || write_q[r/3].ram == 4'(r))),
      .write_slot_i(write_q[r/3].slot),
      .write_key_i(write_q[r/3].key),
      .slot_i(slot_q[3*r]),
      .key_o(key[r])
    );
  end

  logic [127:0] block_q, block_qq, state[15];
  always_ff @(posedge clk_i) begin
    block_q  <= block_i;
    block_qq <= block_q;
    state[0] <= block_qq ^ key[0];
  end
  for (genvar r = 1; r <= 14; r++) begin : g_round
    logic bypass;
    if (r <= 4) begin : g_bypass
      // The state enters round r in the cycle 3r after the input.
      assign bypass = (size_q[3*r] == KEY_128) || (r <= 2 && size_q[3*r] == KEY_192);
    end else begin : g_always
      assign bypass = 1'b0;
    end
    aes_round #(
      .SBOX(SBOX),
      .LAST(r == 14),
      .CAN_SKIP(r <= 4)
    ) u_round (
      .clk_i,
      .bypass_i(bypass),
      .state_i(state[r-1]),
      .key_i(key[r]),
      .state_o(state[r])
    );
  end
  assign block_o = state[14];
endmodule
