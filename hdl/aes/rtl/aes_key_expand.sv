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
  logic [31:0] old, sub_in, sub, temp, next_q;
  always_comb begin
    unique case (size_q)
      KEY_128: begin nk = 4'd4; rounds = 4'd10; old = win_q[4]; end
      KEY_192: begin nk = 4'd6; rounds = 4'd12; old = win_q[2]; end
      default: begin nk = 4'd8; rounds = 4'd14; old = win_q[0]; end
    endcase
  end
  // RotWord before SubWord, except in the middle of a 256-bit key's eight words.
  assign sub_in = mod_q == 4'd0 ? {win_q[7][7:0], win_q[7][31:8]} : win_q[7];
  for (genvar i = 0; i < 4; i++) begin : g_sub
    aes_sbox #(.SBOX(SBOX)) u_sbox (.clk_i, .data_i(sub_in[8*i+:8]), .data_o(sub[8*i+:8]));
  end
  always_comb begin
    if (mod_q == 4'd0) temp = sub ^ {24'd0, rcon_q};
    else if (size_q == KEY_256 && mod_q == 4'd4) temp = sub;
    else temp = win_q[7];
  end
  // In phase 3; the S-boxes answer in phase 2.
  always_ff @(posedge clk_i) next_q <= word_q < 6'(nk) ? key_q[31:0] : old ^ temp;

  logic last_of_key;
  assign last_of_key = run_q && phase_q == 2'd3 && word_q[1:0] == 2'd3;
  always_ff @(posedge clk_i) begin
    write_o <= last_of_key;
    key_o   <= last_of_key ? {next_q, part_q} : '0;
    ram_o   <= word_q[5:2] == 4'd0 ? 4'd0 : 4'd14 - rounds + word_q[5:2];
    done_o  <= last_of_key && word_q[5:2] == rounds;
    if (start_i) begin
      run_q   <= 1'b1;
      size_q  <= size_i;
      key_q   <= key_i;
      phase_q <= '0;
      word_q  <= '0;
      mod_q   <= '0;
      rcon_q  <= 8'h01;
    end else if (run_q) begin
      phase_q <= phase_q + 2'd1;
      if (phase_q == 2'd3) begin
        for (int i = 0; i < 7; i++) win_q[i] <= win_q[i+1];
        win_q[7] <= next_q;
        part_q   <= {next_q, part_q[95:32]};
        word_q   <= word_q + 6'd1;
        mod_q    <= mod_q == nk - 4'd1 ? 4'd0 : mod_q + 4'd1;
        if (word_q < 6'(nk)) key_q <= {32'd0, key_q[255:32]};
        else if (mod_q == 4'd0) rcon_q <= aes_pkg::xtime(rcon_q);
        if (last_of_key && word_q[5:2] == rounds) run_q <= 1'b0;
      end
    end else begin
      // Nothing of a key stays between loads.
      key_q  <= '0;
      part_q <= '0;
      for (int i = 0; i < 8; i++) win_q[i] <= '0;
    end
    if (!rst_ni) begin
      run_q   <= 1'b0;
      write_o <= 1'b0;
      done_o  <= 1'b0;
    end
  end
endmodule
