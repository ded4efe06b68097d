// SPDX-License-Identifier: Apache-2.0
//
// AES-128/192/256 (FIPS 197), encryption (5.1) and decryption (5.3), one key and one block at a time over four S-boxes: a column a
// cycle, 11 cycles a round. Round keys are in one 64 x 32 RAM.
//
// Data format: byte i of a block in bits [8*i +: 8]; word w of it, which is column w of the state, in bits [32*w +: 32].
// Blocks come and go as four words, word 0 first.
//
// ready_o: idle. Then one of
//   key_valid_i  takes a word of the key, word 0 first, from the second cycle of ready_o on: eight, whatever its size;
//   expand_i  expands it (5.2): 172, 188 or 232 cycles for 128, 192, 256 bits until ready_o;
//   start_i   takes a block: data_i is taken in each of four cycles of take_o; the result leaves in four cycles of valid_o.
//             11 * rounds + 7 cycles until ready_o, decrypt_i or not.
// clear_i, whatever is in flight, zeroes every register in four cycles and the round keys in 65; then ready_o. So does a reset.
// Nothing of a block stays in registers after it.
module aes_iter
  import gcm_pkg::*;
#(
  parameter sbox_e SBOX = SBOX_TABLE
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         clear_i,
  output logic         ready_o,
  // Key.
  input  logic         key_valid_i,
  input  logic [31:0]  key_i,
  input  logic         expand_i,
  input  key_size_e    key_size_i,
  // Block.
  input  logic         start_i,
  input  logic         decrypt_i,
  output logic         take_o,
  output logic         take_last_o,    // of the four
  input  logic [31:0]  data_i,
  output logic         valid_o,
  output logic         valid_last_o,
  output logic [31:0]  data_o
);
  typedef enum logic [2:0] {ST_IDLE, ST_EXPAND, ST_LOAD, ST_ROUND, ST_WIPE} state_e;
  // One bit a state, by state_e.
  typedef logic [4:0] states_t;
  function automatic states_t go(state_e s);
    return 5'd1 << s;
  endfunction
  states_t    state_q, state_d, state_n;  // state_n: state_d but for clear_i and reset, off their path
  logic [3:0] ph_q, ph_d;          // cycle within a word, a load or a round
  logic       active_q, decrypt_q, last_q;
  logic       capture_q, commit_q;         // a word of the key schedule is made, is kept
  logic       last_word_q, swept_q;        // of the key schedule; of a wipe
  logic       shift_q, permute_q, back_q;  // what the state does in this cycle
  key_size_e  size_q;
  logic [3:0] nk_q, rounds_q, left_q, round_key_q;
  logic [5:0] word_q;              // word of the key schedule, or of the RAM when wiping
  logic [3:0] mod_q;               // word_q mod Nk
  logic [7:0] rcon_q;
  logic       given_q;             // word_q is a word of the key itself
  logic       sub_q, rot_q;        // this word has SubWord, and RotWord with it
  logic       forget_q;            // the window is not needed any more

  // Control.
  always_comb begin
    state_n = state_q;
    ph_d    = ph_q + 4'd1;
    unique case (1'b1)
      state_q[ST_IDLE]: begin
        ph_d = '0;
        if (expand_i) state_n = go(ST_EXPAND);
        else if (start_i) state_n = go(ST_LOAD);
      end
      state_q[ST_EXPAND]: begin
        if (ph_q == 4'd0 && !sub_q) ph_d = 4'd5;
        if (ph_q == 4'd6) begin
          ph_d = '0;
          if (last_word_q) state_n = go(ST_IDLE);
        end
      end
      state_q[ST_LOAD]: if (ph_q == 4'd5) begin
        ph_d    = '0;
        state_n = go(ST_ROUND);
      end
      state_q[ST_ROUND]: if (ph_q == 4'd10) begin
        ph_d = '0;
        if (last_q) state_n = go(ST_IDLE);
      end
      default: begin
        ph_d = '0;
        if (swept_q) state_n = go(ST_IDLE);
      end
    endcase
    // A wipe under way is not started again, so its length is bounded.
    state_d = (clear_i && !state_q[ST_WIPE]) || !rst_ni ? go(ST_WIPE) : state_n;
  end

  logic wipe, expanding;
  assign wipe      = state_q[ST_WIPE];
  assign expanding = state_q[ST_EXPAND];
  assign ready_o   = state_q[ST_IDLE];
  always_ff @(posedge clk_i) begin
    state_q   <= state_d;
    ph_q      <= ph_d;
    active_q  <= state_d[ST_EXPAND] || state_d[ST_LOAD] || state_d[ST_ROUND];
    // What happens in the next cycle.
    capture_q <= state_q[ST_EXPAND] && (ph_q == 4'd4 || (ph_q == 4'd0 && !sub_q));
    commit_q  <= state_q[ST_EXPAND] && ph_q == 4'd5;
    take_o      <= state_q[ST_LOAD] && ph_q <= 4'd3;
    take_last_o <= state_q[ST_LOAD] && ph_q == 4'd3;
    shift_q   <= (state_q[ST_LOAD] && ph_q != 4'd0) || (state_q[ST_ROUND] && (ph_q <= 4'd2 || (ph_q >= 4'd6 && !last_q)));
    back_q    <= state_q[ST_ROUND] && ph_q >= 4'd6 && ph_q <= 4'd9 && !last_q;
    permute_q <= (state_q[ST_LOAD] && ph_q == 4'd4) || (state_q[ST_ROUND] && ph_q == 4'd9 && !last_q);
    valid_o      <= state_q[ST_ROUND] && ph_q >= 4'd6 && ph_q <= 4'd9 && last_q;
    valid_last_o <= state_q[ST_ROUND] && ph_q == 4'd9 && last_q;
    last_word_q <= word_q == {rounds_q, 2'd3};
    swept_q     <= wipe && rst_ni && word_q == 6'd62;
    last_q      <= state_q[ST_ROUND] && left_q == 4'd0;
    if (state_q[ST_IDLE]) begin
      decrypt_q   <= start_i && decrypt_i;
      round_key_q <= decrypt_i ? rounds_q : 4'd0;
      left_q      <= rounds_q - 4'd1;
    end else if ((state_q[ST_LOAD] && ph_q == 4'd5) || (state_q[ST_ROUND] && ph_q == 4'd10)) begin
      round_key_q <= decrypt_q ? round_key_q - 4'd1 : round_key_q + 4'd1;
      if (state_q[ST_ROUND]) left_q <= left_q - 4'd1;
      if (state_q[ST_ROUND] && last_q) decrypt_q <= 1'b0;
    end
    if (wipe) decrypt_q <= 1'b0;
  end

  // Key schedule. The key enters by the window's end and its words go once round, so that the window is in place for every size.
  logic [31:0] win_q[8], next_q, old;
  always_comb begin
    unique case (size_q)
      KEY_128: old = win_q[4];
      KEY_192: old = win_q[2];
      default: old = win_q[0];
    endcase
  end
  logic [31:0] sub;                // out of the S-boxes
  logic [3:0]  mod_next_q;         // found long before a word is kept
  logic        turns_q, half_q;    // it is 0; it is 4
  always_ff @(posedge clk_i) begin
    mod_next_q <= mod_q + 4'd1 == nk_q ? 4'd0 : mod_q + 4'd1;
    turns_q    <= mod_q + 4'd1 == nk_q;
    half_q     <= mod_q == 4'd3 && nk_q[3];
    if (ready_o && expand_i) begin
      size_q  <= key_size_i;
      word_q  <= '0;
      mod_q   <= '0;
      rcon_q  <= 8'h01;
      given_q <= 1'b1;
      sub_q   <= 1'b0;
      rot_q   <= 1'b0;
      unique case (key_size_i)
        KEY_128: begin nk_q <= 4'd4; rounds_q <= 4'd10; end
        KEY_192: begin nk_q <= 4'd6; rounds_q <= 4'd12; end
        default: begin nk_q <= 4'd8; rounds_q <= 4'd14; end
      endcase
    end
    if (expanding) begin
      if (capture_q) next_q <= given_q ? win_q[0] : old ^ (sub_q ? sub ^ (rot_q ? {24'd0, rcon_q} : '0) : win_q[7]);
      if (commit_q) begin
        word_q   <= word_q + 6'd1;
        mod_q    <= mod_next_q;
        if (turns_q) given_q <= 1'b0;
        rot_q    <= turns_q;
        // A 256-bit key has SubWord in the middle too.
        sub_q    <= turns_q || (half_q && !given_q);
        if (rot_q) rcon_q <= aes_pkg::xtime(rcon_q);
      end
    end else next_q <= '0;
    if (commit_q || key_valid_i) begin
      for (int i = 0; i < 7; i++) win_q[i] <= win_q[i+1];
      win_q[7] <= key_valid_i ? key_i : next_q;
    end
    // Only the RAM keeps the key.
    forget_q <= wipe || (expanding && state_n[ST_IDLE]);
    if (forget_q) for (int i = 0; i < 8; i++) win_q[i] <= '0;
    if (wipe) word_q <= word_q + 6'd1;
    if ((clear_i && !wipe) || !rst_ni) word_q <= '0;
  end

  // Round keys. Decryption adds its key two stages before encryption does.
  (* ram_style = "block", no_rw_check *) logic [31:0] round_keys[64];
  logic [31:0] read_q, key_q;
  logic [1:0]  column;
  assign column = ph_q[1:0] ^ {state_q[ST_ROUND] && decrypt_q, 1'b0};
  always_ff @(posedge clk_i) begin
    if (commit_q || wipe) round_keys[word_q] <= wipe ? '0 : next_q;
    read_q <= round_keys[{round_key_q, column}];
    key_q  <= active_q ? read_q : '0;
  end

  // State: column 0 is at the head. Columns leave to the S-boxes in the first four cycles of a round and are back from the eighth on;
  // ShiftRows (5.1.2) or its inverse (5.3.1) is done as the last one enters.
  logic [31:0] column_q[4], entered[4], in_q, tail, mixed_q;
  assign tail = (state_q[ST_LOAD] ? in_q ^ key_q : '0) ^ (back_q ? mixed_q : '0);
  always_comb begin
    for (int c = 0; c < 3; c++) entered[c] = column_q[c+1];
    entered[3] = tail;
  end
  always_ff @(posedge clk_i) begin
    in_q <= take_o ? data_i : '0;
    if (shift_q) begin
      for (int c = 0; c < 4; c++) begin
        for (int r = 0; r < 4; r++) begin
          column_q[c][8*r+:8] <= !permute_q ? entered[c][8*r+:8]
              : decrypt_q ? entered[(c+4-r)%4][8*r+:8] : entered[(c+r)%4][8*r+:8];
        end
      end
    end
    // SubWord of the key schedule goes through the same S-boxes; win_q[7] is the word before.
    if (expanding) begin
      column_q[0] <= ph_q != 4'd0 ? '0 : rot_q ? {win_q[7][7:0], win_q[7][31:8]} : win_q[7];
    end
    if (wipe) begin
      in_q <= '0;
      for (int c = 0; c < 4; c++) column_q[c] <= '0;
    end
  end

  // A column through the round: head at cycle c, S-box out at c + 4, then a register each for the key of decryption, the first
  // half of InvMixColumns, and MixColumns with the key of encryption. InvMixColumns (5.3.3) is MixColumns after adding
  // 4 (b0 + b2) to the even bytes and 4 (b1 + b3) to the odd ones.
  function automatic logic [7:0] times4(logic [7:0] b);
    return aes_pkg::xtime(aes_pkg::xtime(b));
  endfunction
  function automatic logic [31:0] halfway(logic [31:0] b);
    logic [7:0] even, odd;
    even = times4(b[7:0] ^ b[23:16]);
    odd  = times4(b[15:8] ^ b[31:24]);
    return b ^ {odd, even, odd, even};
  endfunction
  function automatic logic [31:0] mix(logic [31:0] b);
    logic [31:0] m;
    for (int r = 0; r < 4; r++) begin
      m[8*r+:8] = aes_pkg::xtime(b[8*r+:8] ^ b[8*((r+1)%4)+:8]) ^ b[8*((r+1)%4)+:8] ^ b[8*((r+2)%4)+:8]
          ^ b[8*((r+3)%4)+:8];
    end
    return m;
  endfunction

  for (genvar i = 0; i < 4; i++) begin : g_sub
    aes_sbox_both #(.SBOX(SBOX)) u_sbox (
      .clk_i,
      .flush_i(!active_q),
      .inverse_i(decrypt_q),
      .data_i(column_q[0][8*i+:8]),
      .data_o(sub[8*i+:8])
    );
  end
  logic [31:0] keyed_q, halfway_q;
  always_ff @(posedge clk_i) begin
    keyed_q   <= sub ^ (decrypt_q ? key_q : '0);
    halfway_q <= decrypt_q && !last_q ? halfway(keyed_q) : keyed_q;
    mixed_q   <= (last_q ? halfway_q : mix(halfway_q)) ^ (decrypt_q ? '0 : key_q);
    if (!active_q) begin
      keyed_q   <= '0;
      halfway_q <= '0;
      mixed_q   <= '0;
    end
  end
  assign data_o = mixed_q;
endmodule
