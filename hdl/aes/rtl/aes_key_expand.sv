// SPDX-License-Identifier: Apache-2.0
//
// AES key expansion (FIPS 197, 5.2), four cycles a word over four S-boxes. Each round key is given out once,
// with the number of the RAM that keeps it (see aes_pipe). The key register is shifted out as it is used and ends as zero.
module aes_key_expand
  import gcm_pkg::*;
#(
  parameter sbox_e SBOX = SBOX_TABLE
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  input  logic         valid_i,  // key_i is a key; with start_i, or before it
  input  key_size_e    size_i,
  input  logic [255:0] key_i,    // byte i in [8*i +: 8]
  output logic         write_o,
  output logic [3:0]   ram_o,
  output logic [127:0] key_o,
  output logic         done_o    // with the last key
);
  logic         run_q;
  key_size_e    size_q;
  logic [1:0]   phase_q;
  logic [5:0]   word_q;      // word being made
  logic [3:0]   mod_q;       // word_q mod Nk
  logic [7:0]   rcon_q;
  logic [255:0] key_q;
  logic [31:0]  win_q[8];    // the last 8 words, 7 the newest
  logic [95:0]  part_q;      // words 0 to 2 of the round key being put together

  logic [3:0] nk, rounds;
  logic [31:0] old, sub, next;
  always_comb begin
    unique case (size_q)
      KEY_128: begin nk = 4'd4; rounds = 4'd10; old = win_q[4]; end
      KEY_192: begin nk = 4'd6; rounds = 4'd12; old = win_q[2]; end
      default: begin nk = 4'd8; rounds = 4'd14; old = win_q[0]; end
    endcase
  end
  // RotWord comes after SubWord here, which is the same.
  for (genvar i = 0; i < 4; i++) begin : g_sub
    aes_sbox #(.SBOX(SBOX)) u_sbox (.clk_i, .zero_i(1'b0), .data_i(win_q[7][8*i+:8]), .data_o(sub[8*i+:8]));
  end
  // Words and counters move in phase 3 only. Flags know them in phase 1, all but the S-boxes' part is there in phase 2; those
  // answer in phase 3.
  logic        step_q, shift_q, last_q, wipe_q;
  logic        wraps_q, final_q, first_q, middle_q;
  logic        of_key_q;   // the word is one of the key
  logic [3:0]  ram_q;
  logic [31:0] base_q;
  always_ff @(posedge clk_i) begin
    step_q   <= rst_ni && run_q && phase_q == 2'd2;
    shift_q  <= rst_ni && run_q && phase_q == 2'd2 && of_key_q;
    last_q   <= rst_ni && run_q && phase_q == 2'd2 && word_q[1:0] == 2'd3;
    wipe_q   <= !run_q && !start_i;
    first_q  <= !of_key_q && mod_q == 4'd0;
    middle_q <= !of_key_q && mod_q == 4'd4 && size_q == KEY_256;
    wraps_q  <= mod_q == nk - 4'd1;
    final_q  <= word_q[5:2] == rounds;
    ram_q    <= 4'd14 - rounds + word_q[5:2];
    if (of_key_q) base_q <= key_q[31:0];
    else if (first_q) base_q <= old ^ {24'd0, rcon_q};
    else if (middle_q) base_q <= old;
    else base_q <= old ^ win_q[7];
  end
  assign next = base_q ^ ({sub[7:0], sub[31:8]} & {32{first_q}}) ^ (sub & {32{middle_q}});

  always_ff @(posedge clk_i) begin
    write_o <= rst_ni && last_q;
    key_o   <= last_q ? {next, part_q} : '0;
    ram_o   <= ram_q;
    done_o  <= rst_ni && last_q && final_q;
    if (run_q) phase_q <= phase_q + 2'd1;
    if (step_q) begin
      word_q <= word_q + 6'd1;
      mod_q  <= wraps_q ? 4'd0 : mod_q + 4'd1;
      if (wraps_q) of_key_q <= 1'b0;
      if (first_q) rcon_q <= aes_pkg::xtime(rcon_q);
    end
    if (last_q && final_q) run_q <= 1'b0;
    if (start_i) begin
      run_q    <= 1'b1;
      of_key_q <= 1'b1;
      size_q   <= size_i;
      phase_q  <= '0;
      word_q   <= '0;
      mod_q    <= '0;
      rcon_q   <= 8'h01;
    end
    // Nothing of a key stays between loads.
    if (wipe_q) begin
      part_q <= '0;
      for (int i = 0; i < 8; i++) win_q[i] <= '0;
    end else if (step_q) begin
      part_q <= {next, part_q[95:32]};
      for (int i = 0; i < 7; i++) win_q[i] <= win_q[i+1];
      win_q[7] <= next;
    end
    // Without start_i, which comes late and would have to reach all of it.
    if (!run_q) key_q <= key_i & {256{valid_i}};
    else if (shift_q) key_q <= {32'd0, key_q[255:32]};
    if (!rst_ni) run_q <= 1'b0;
  end
endmodule
