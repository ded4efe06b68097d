// SPDX-License-Identifier: Apache-2.0
//
// The SHA-2 compression function (FIPS 180-4, 6.2.2 and 6.4.2) for SHA-256, SHA-384 and SHA-512, two cycles a round.
//
// Data format. A SHA-256 word lies in the upper half of the 64-bit datapath and the lower half stays zero: additions
// are then modulo 2^32 by themselves, and K and the initial value are the upper halves of SHA-512's.
//
// Time is cut into slots of two cycles, phase A and phase B. Each addition has a cycle of its own:
//
//   slot n      A  u = sigma0(W[t-15]) + W[t-16],  v = sigma1(W[t-2]) + W[t-7]      (or u = message word, v = 0)
//               B  W[t] = u + v
//   slot n + 1  A  kw = K[t] + W[t]
//               B  p = kw + h
//   slot n + 2  A  x = Sigma1(e) + Ch(e,f,g),  pd = p + d,  a = t1 + y of the round before
//               B  e = x + pd,  t1 = x + p,  y = Sigma0(a) + Maj(a,b,c)
//
// The variables a to d lag behind e to h by one cycle, and four slots between blocks, MIX, take the place of rounds:
// they rotate both chains once around, adding the hash value word by word, which ends a block and sets up the next
// together. At a message's start chains and hash value are zero and the initial value is added.
// A block takes 2*64+8 = 136 (SHA-256) or 2*80+8 = 168 cycles, a message 11 more. Only a missing word adds to that.
module sha2_core
  import sha2_pkg::*;
(
  input  logic         clk_i,
  input  logic         clear_i,       // zeroes every register, but those of constants, in this cycle
  // A message starts: only after a clear.
  input  logic         start_i,
  input  alg_e         alg_i,         // steady till clear_i
  // Message words, padding included. SHA-256 takes the upper half.
  input  logic         word_valid_i,
  output logic         word_ready_o,
  input  logic [63:0]  word_i,
  input  logic         word_last_i,   // the last word of the last block
  output logic         idle_o,
  output logic         done_o,        // until clear_i
  // The digest, in the eight cycles up to the first of done_o: words of 8 bytes, byte i of one in [8*i +: 8], in the order in which they are
  // made. Of SHA-256 one half at a time; what is past the digest's end is not given. Zero when none is.
  output logic [1:0]   digest_we_o,   // halves of the word that are given
  output logic [2:0]   digest_at_o,
  output logic [63:0]  digest_o
);
  // cnt_q is the index t of the word made in this slot: from -2 in the first slot of MIX, which ends with 1.
  localparam logic [6:0] CNT_FIRST = 7'd126;

  alg_e alg_q;
  // One hot, or all zero when idle: they enable most registers without a gate.
  logic phase_a_q, phase_b_q, done_q;
  logic idle_q;
  logic close_q;               // with phase_a_q: no slot, but the last word of a to d and the end
  logic [6:0] cnt_q, cnt_d;
  logic mix_q, mix_d;
  logic mix_a_q;               // with phase_a_q: the slot before was MIX
  logic take_q;                // this slot takes a message word
  logic final_q;               // the last block's words are in
  logic closing_q;             // this MIX ends the message
  logic use_256_q, use_512_q;  // a round of this kind; both 0 in MIX
  logic is_256_q, is_512_q;    // the schedule, whatever the slot

  logic a_en, b_en, block_end;
  assign a_en = phase_a_q && (!take_q || word_valid_i);
  assign b_en = phase_b_q;
  assign word_ready_o = phase_a_q && take_q;
  assign idle_o = idle_q;

  assign block_end = cnt_q == (is_256_q ? 7'd65 : 7'd81);
  always_comb begin
    cnt_d = cnt_q + 7'd1;
    mix_d = mix_q;
    if (block_end) begin
      cnt_d = CNT_FIRST;
      mix_d = 1'b1;
    end else if (cnt_q == 7'd1) begin
      mix_d = 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    idle_q <= clear_i || (idle_q && !start_i);
    if (start_i) begin
      // Phase B of a slot before the first, in which all is zero, fetches the initial value.
      phase_b_q <= 1'b1;
      alg_q     <= alg_i;
      cnt_q     <= CNT_FIRST - 7'd1;
      mix_q     <= 1'b1;
      is_256_q  <= alg_i == SHA_256;
      is_512_q  <= alg_i != SHA_256;
    end
    if (a_en) begin
      phase_a_q <= 1'b0;
      mix_a_q   <= 1'b0;
      phase_b_q <= !close_q;
      done_q    <= close_q;
      if (take_q && word_last_i) final_q <= 1'b1;
    end
    if (b_en) begin
      phase_a_q <= 1'b1;
      mix_a_q   <= mix_q;
      phase_b_q <= 1'b0;
      close_q   <= closing_q && cnt_q == 7'd1;
      cnt_q     <= cnt_d;
      mix_q     <= mix_d;
      closing_q <= block_end ? final_q : closing_q;
      take_q    <= !final_q && cnt_d < 7'd16;
      use_256_q <= !mix_d && is_256_q;
      use_512_q <= !mix_d && is_512_q;
    end
    if (clear_i) begin
      phase_a_q <= 1'b0;
      phase_b_q <= 1'b0;
      mix_a_q   <= 1'b0;
      done_q    <= 1'b0;
      close_q   <= 1'b0;
      alg_q     <= SHA_256;
      cnt_q     <= '0;
      mix_q     <= 1'b0;
      take_q    <= 1'b0;
      final_q   <= 1'b0;
      closing_q <= 1'b0;
      use_256_q <= 1'b0;
      use_512_q <= 1'b0;
      is_256_q  <= 1'b0;
      is_512_q  <= 1'b0;
    end
  end

  // The constant of the slot after this: a ROM and a register, both a slot ahead.
  (* rom_style = "block" *) logic [63:0] rom[128];
  initial for (int i = 0; i < 128; i++) rom[i] = i < 80 ? K[i] : 64'd0;
  logic [63:0] rom_q, k_q;
  always_ff @(posedge clk_i) begin
    rom_q <= rom[cnt_q];
    if (b_en) k_q <= {rom_q[63:32], is_512_q ? rom_q[31:0] : 32'd0};
    if (clear_i) k_q <= '0;
  end

  // Initial value, in the order of the rotation: word 3 and 7 first. Zero but in a message's first MIX.
  function automatic logic [63:0] iv(alg_e alg, logic [2:0] word);
    unique case (alg)
      SHA_256: return {IV_512[word][63:32], 32'd0};
      SHA_384: return IV_384[word];
      default: return IV_512[word];
    endcase
  endfunction
  logic first_q;
  logic [1:0] turn_q;  // slots since the one of word 3 and 7
  logic [63:0] iv_a_q, iv_e_q;
  // Words of the table a cycle ahead, in phase A, and before the start.
  logic [63:0] next_a_q, next_e_q;
  always_ff @(posedge clk_i) begin
    next_a_q <= iv(alg_i, {1'b0, ~turn_q});
    next_e_q <= iv(alg_i, {1'b1, ~turn_q});
    if (start_i) begin
      first_q <= 1'b1;
      turn_q  <= '0;
    end
    if (b_en) begin
      if (!mix_d) first_q <= 1'b0;
      turn_q <= turn_q + 2'd1;
      iv_a_q <= first_q ? next_a_q : '0;
      iv_e_q <= first_q ? next_e_q : '0;
    end
    if (clear_i) begin
      first_q <= 1'b0;
      turn_q  <= '0;
      iv_a_q  <= '0;
      iv_e_q  <= '0;
    end
  end

  // 4.1.2 and 4.1.3: rotations of 32-bit words in the upper half, of 64-bit words in the whole.
  function automatic logic [31:0] r32(logic [31:0] x, int n);
    return 32'({x, x} >> n);
  endfunction
  function automatic logic [63:0] r64(logic [63:0] x, int n);
    return 64'({x, x} >> n);
  endfunction
  function automatic logic [63:0] choose(logic use_256, logic use_512, logic [31:0] x, logic [63:0] y);
    return ({64{use_512}} & y) | {{32{use_256}} & x, 32'd0};
  endfunction
  function automatic logic [63:0] sum0(logic u2, logic u5, logic [63:0] x);
    return choose(u2, u5, r32(x[63:32], 2) ^ r32(x[63:32], 13) ^ r32(x[63:32], 22),
                  r64(x, 28) ^ r64(x, 34) ^ r64(x, 39));
  endfunction
  function automatic logic [63:0] sum1(logic u2, logic u5, logic [63:0] x);
    return choose(u2, u5, r32(x[63:32], 6) ^ r32(x[63:32], 11) ^ r32(x[63:32], 25),
                  r64(x, 14) ^ r64(x, 18) ^ r64(x, 41));
  endfunction
  function automatic logic [63:0] sigma0(logic u2, logic u5, logic [63:0] x);
    return choose(u2, u5, r32(x[63:32], 7) ^ r32(x[63:32], 18) ^ (x[63:32] >> 3), r64(x, 1) ^ r64(x, 8) ^ (x >> 7));
  endfunction
  function automatic logic [63:0] sigma1(logic u2, logic u5, logic [63:0] x);
    return choose(u2, u5, r32(x[63:32], 17) ^ r32(x[63:32], 19) ^ (x[63:32] >> 10), r64(x, 19) ^ r64(x, 61) ^ (x >> 6));
  endfunction

  // Message schedule. w_q[0] is the oldest, W[t-16]. Registers of one phase's sums run freely: while a word is missing
  // they make the same sum again, and in the other phase what they hold is not used.
  logic [63:0] w_q[16];
  logic [63:0] u_q, v_q, kw_q, p_q, pd_q, x_q, y_q, t1_q;
  logic sched_256_q, sched_512_q;  // as is_*, but 0 in slots that take a message word
  logic [63:0] word;
  assign word = {word_i[63:32], is_512_q ? word_i[31:0] : 32'd0};
  always_ff @(posedge clk_i) begin
    if (b_en) begin
      sched_256_q <= is_256_q && (cnt_d[6:4] != 3'd0);
      sched_512_q <= is_512_q && (cnt_d[6:4] != 3'd0);
    end
    u_q  <= sigma0(sched_256_q, sched_512_q, w_q[1]) + (take_q ? word : w_q[0]);
    v_q  <= sigma1(sched_256_q, sched_512_q, w_q[14]) + (take_q ? 64'd0 : w_q[9]);
    kw_q <= k_q + w_q[15];
    if (b_en) begin
      for (int i = 0; i < 15; i++) w_q[i] <= w_q[i+1];
      w_q[15] <= u_q + v_q;
    end
    if (clear_i) begin
      sched_256_q <= 1'b0;
      sched_512_q <= 1'b0;
      for (int i = 0; i < 16; i++) w_q[i] <= '0;
      u_q  <= '0;
      v_q  <= '0;
      kw_q <= '0;
    end
  end

  // Working variables a to d and e to h, and the hash value as two rings, word 3 and 7 at their ends.
  logic [63:0] a_q[4], e_q[4], ha_q[4], he_q[4];
  logic live;
  assign live = !mix_q;
  always_ff @(posedge clk_i) begin
    x_q  <= sum1(use_256_q, use_512_q, e_q[0]) +
            ({64{live}} & ((e_q[0] & e_q[1]) ^ (~e_q[0] & e_q[2])));
    pd_q <= (mix_q ? e_q[3] : p_q) + (mix_q ? he_q[3] | iv_e_q : a_q[2]);
    if (a_en) begin
      a_q[0] <= t1_q + y_q;
      for (int i = 1; i < 4; i++) a_q[i] <= a_q[i-1];
    end
    if (mix_a_q && (!take_q || word_valid_i)) begin
      ha_q[0] <= t1_q;
      for (int i = 1; i < 4; i++) ha_q[i] <= ha_q[i-1];
    end
    if (b_en) begin
      p_q    <= kw_q + e_q[2];
      t1_q   <= (mix_q ? a_q[3] : x_q) + (mix_q ? ha_q[3] | iv_a_q : p_q);
      y_q    <= sum0(use_256_q, use_512_q, a_q[0]) +
                ({64{live}} & ((a_q[0] & a_q[1]) ^ (a_q[0] & a_q[2]) ^ (a_q[1] & a_q[2])));
      e_q[0] <= x_q + pd_q;
      for (int i = 1; i < 4; i++) e_q[i] <= e_q[i-1];
      if (mix_q) begin
        he_q[0] <= pd_q;
        for (int i = 1; i < 4; i++) he_q[i] <= he_q[i-1];
      end
    end
    if (clear_i) begin
      x_q  <= '0;
      pd_q <= '0;
      p_q  <= '0;
      t1_q <= '0;
      y_q  <= '0;
      for (int i = 0; i < 4; i++) begin
        a_q[i]  <= '0;
        e_q[i]  <= '0;
        ha_q[i] <= '0;
        he_q[i] <= '0;
      end
    end
  end

  // The last MIX makes the digest's words one by one: of both chains in turn, from each the last first. They are picked, then given.
  logic        ends, ends_q, gives;
  logic [2:0]  given_q, index;
  logic [63:0] made_q, turned;
  assign ends  = closing_q && (mix_a_q || (phase_b_q && mix_q));
  assign index = {!given_q[0], ~given_q[2:1]};
  assign gives = ends_q && (alg_q != SHA_384 || index < 3'd6);
  always_comb begin
    for (int i = 0; i < 8; i++) turned[8*i+:8] = made_q[8*(7-i)+:8];
    if (is_256_q) turned[63:32] = turned[31:0];
  end
  always_ff @(posedge clk_i) begin
    made_q      <= phase_a_q ? t1_q : pd_q;
    ends_q      <= ends;
    done_o      <= done_q;
    digest_at_o <= is_256_q ? {1'b0, index[2:1]} : index;
    digest_o    <= turned;
    digest_we_o <= is_256_q ? {index[0], !index[0]} : '1;
    if (ends_q) given_q <= given_q + 3'd1;
    if (!gives || clear_i) begin
      digest_we_o <= '0;
      digest_at_o <= '0;
      digest_o    <= '0;
    end
    if (clear_i) begin
      made_q  <= '0;
      ends_q  <= 1'b0;
      done_o  <= 1'b0;
      given_q <= '0;
    end
  end

`ifndef SYNTHESIS
  // A start without a clear would mix two messages.
  always_ff @(posedge clk_i) begin
    if (start_i && !clear_i) begin
      a_start_idle : assert (idle_o);
    end
  end
`endif
endmodule
