// SPDX-License-Identifier: Apache-2.0
//
// Known answers of a key_wrap engine, over its own ports. AES-256-GCM: case 16 of McGrew and Viega, "The Galois/Counter Mode of
// Operation (GCM)", sealed, opened, and opened with a wrong tag. AES key wrap with padding: the first example of RFC 5649, section 6,
// wrapped, unwrapped, and unwrapped with a wrong bit.
module wrap_selftest
  import gcm_pkg::*;
  import wrap_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,
  output logic         done_o,       // until reset
  output logic         ok_o,         // when done
  input  logic         fault_i,      // for tests: makes what the engine gives wrong
  // The engine.
  output logic         valid_o,
  input  logic         ready_i,
  output wrap_op_e     op_o,
  output key_size_e    key_size_o,
  output logic [6:0]   aad_len_o,
  output logic [6:0]   payload_len_o,
  output logic         in_valid_o,
  output logic [31:0]  in_o,
  input  logic         out_valid_i,
  input  logic [31:0]  out_i,
  input  logic         done_i,
  output logic         ack_o,
  input  logic         ok_i,
  input  logic [6:0]   payload_len_i
);
  // Strings as they are written, byte 0 first, at the upper end.
  function automatic logic [575:0] text(logic [575:0] t);
    for (int i = 0; i < 72; i++) text[8*i+:8] = t[8*(71-i)+:8];
  endfunction
  localparam logic [255:0] GCM_KEY = 256'(text({{2{128'hfeffe9928665731c6d6a8f9467308308}}, 320'd0}));
  localparam logic [95:0]  GCM_IV  = 96'(text({96'hcafebabefacedbaddecaf888, 480'd0}));
  localparam logic [511:0] GCM_AAD = 512'(text({160'hfeedfacedeadbeeffeedfacedeadbeefabaddad2, 416'd0}));
  localparam logic [575:0] PLAIN = text({
    480'hd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39,
    96'd0});
  localparam logic [575:0] CIPHER = text({
    480'h522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662,
    96'd0});
  localparam logic [127:0] TAG = 128'(text({128'h76fc6ece0f4e1768cddf8853bb2d551b, 448'd0}));
  localparam logic [255:0] KWP_KEY = 256'(text({192'h5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8, 384'd0}));
  localparam logic [575:0] BARE    = text({160'hc37b7e6492584340bed12207808941155068f738, 416'd0});
  localparam logic [575:0] WRAPPED = text({256'h138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a, 320'd0});

  // What goes in, and what is to come out, by wrap_op_e: words of the engine's own order.
  localparam logic [3:0][1599:0] IN = {
    {WRAPPED, 512'd0, 128'd0, 128'd0, KWP_KEY}, {BARE, 512'd0, 128'd0, 128'd0, KWP_KEY},
    {CIPHER, GCM_AAD, TAG, 32'd0, GCM_IV, GCM_KEY}, {PLAIN, GCM_AAD, 128'd0, 32'd0, GCM_IV, GCM_KEY}
  };
  localparam logic [3:0][703:0] OUT = {{BARE, 128'd0}, {WRAPPED, 128'd0}, {PLAIN, 128'd0}, {CIPHER, TAG}};
  (* rom_style = "block" *) logic [31:0] rom[512];
  initial begin
    for (int o = 0; o < 4; o++) begin
      for (int w = 0; w < 64; w++) begin
        rom[128*o+w]    = w < IN_WORDS ? IN[o][32*w+:32] : '0;
        rom[128*o+64+w] = w < OUT_WORDS ? OUT[o][32*w+:32] : '0;
      end
    end
  end

  typedef enum logic [2:0] {IDLE, PREPARE, ASK, SEND, WAIT, JUDGE, DONE} state_e;
  typedef enum logic [2:0] {SEAL, OPEN, OPEN_WRONG, WRAP, UNWRAP, UNWRAP_WRONG} run_e;
  state_e state_q;
  run_e   run_q;
  logic   bad_q, gcm, fails, good;
  assign gcm   = run_q inside {SEAL, OPEN, OPEN_WRONG};
  assign fails = run_q inside {OPEN_WRONG, UNWRAP_WRONG};

  logic [6:0] due_len, payload_len;
  wrap_op_e   op;
  always_comb begin
    op          = WRAP_GCM_SEAL;
    payload_len = 7'd60;
    due_len     = 7'd60;
    unique case (run_q)
      SEAL: ;
      OPEN, OPEN_WRONG: op = WRAP_GCM_OPEN;
      WRAP: begin
        op          = WRAP_KWP_WRAP;
        payload_len = 7'd20;
        due_len     = 7'd32;
      end
      default: begin
        op          = WRAP_KWP_UNWRAP;
        payload_len = 7'd32;
        due_len     = 7'd20;
      end
    endcase
    if (fails) due_len = '0;
  end
  assign done_o  = state_q == DONE;
  assign ok_o    = done_o && !bad_q;
  assign valid_o = state_q == ASK;
  assign ack_o   = state_q == JUDGE;

  // A wrong bit in the first word of tag or wrapped key.
  logic [5:0]  word_q;
  logic [31:0] rom_q, due_q, first_q, out_q;
  logic        sent_q, flip_q;
  logic [1:0]  came_q;
  logic [3:0]  differs_q;
  logic        wrong_q;
  assign good = (ok_i ^ fault_i) == !fails && !wrong_q && word_q == 6'(OUT_WORDS) && payload_len_i == due_len;
  always_ff @(posedge clk_i) begin
    op_o          <= op;
    payload_len_o <= payload_len;
    key_size_o    <= gcm ? KEY_256 : KEY_192;
    aad_len_o     <= gcm ? 7'd20 : '0;
    rom_q         <= rom[{op_o, state_q != SEND, word_q}];
    // What goes in: two steps.
    sent_q        <= state_q == SEND && rst_ni;
    flip_q        <= fails && word_q == (gcm ? 6'd12 : 6'd32);
    in_valid_o    <= sent_q && rst_ni;
    in_o          <= sent_q ? rom_q ^ 32'(flip_q) : '0;
    // What comes out, beside what is due; by pieces.
    came_q        <= {came_q[0], out_valid_i && rst_ni};
    first_q       <= out_i;
    out_q         <= first_q;
    due_q         <= rom_q & {32{!fails}};
    for (int i = 0; i < 4; i++) differs_q[i] <= came_q[1] && out_q[8*i+:8] != due_q[8*i+:8];
    wrong_q       <= state_q inside {WAIT, JUDGE} && (wrong_q || differs_q != '0);
    if (state_q == SEND || out_valid_i) word_q <= word_q + 6'd1;
    unique case (state_q)
      IDLE:    if (start_i) state_q <= PREPARE;
      PREPARE: begin
        word_q  <= '0;
        state_q <= ASK;
      end
      ASK:  if (ready_i) state_q <= SEND;
      SEND:
      if (word_q == 6'(IN_WORDS - 1)) begin
        word_q  <= '0;
        state_q <= WAIT;
      end
      WAIT: if (done_i && came_q == '0 && differs_q == '0) state_q <= JUDGE;
      JUDGE: begin
        if (!good) bad_q <= 1'b1;
        run_q   <= run_q == UNWRAP_WRONG ? SEAL : run_e'(run_q + 3'd1);
        state_q <= run_q == UNWRAP_WRONG ? DONE : PREPARE;
      end
      default: ;
    endcase
    if (!rst_ni) begin
      state_q <= IDLE;
      run_q   <= SEAL;
      bad_q   <= 1'b0;
    end
  end
endmodule
