// SPDX-License-Identifier: Apache-2.0
//
// Bound into every instance: zero_o says that all its own registers are zero, words_zero_o that its memory is. drbg's state is public.
module hmac_drbg_core_zero (
  input  logic [3:0]   state_q,
  input  logic [2:0]   what_q,
  input  logic         before_q,
  input  logic         data_q,
  input  logic         seeding_q,
  input  logic         seeded_q,
  input  logic [47:0]  count_q,
  input  logic         tick_q,
  input  logic         due_q,
  input  logic [2:0]   word_q,
  input  logic [63:0]  words[8],
  input  logic [63:0]  put_word_q,
  input  logic         key_valid_q,
  input  logic [63:0]  key_q,
  input  logic [68:0]  beat_q,
  input  logic         some_q,
  input  logic         out_some_q,
  input  logic [63:0]  out_q,
  output logic         zero_o,
  output logic         words_zero_o
);
  always_comb begin
    zero_o = ~|{state_q, what_q, before_q, data_q, seeding_q, seeded_q, count_q, tick_q, due_q, word_q, put_word_q, key_valid_q, key_q,
                beat_q, some_q, out_some_q, out_q};
    words_zero_o = 1'b1;
    for (int i = 0; i < 8; i++) words_zero_o &= words[i] == '0;
  end
endmodule
bind hmac_drbg_core hmac_drbg_core_zero u_zero (.*, .zero_o(), .words_zero_o());

module drbg_zero #(
  parameter int unsigned WORDS = 1
) (
  input  logic [63:0] seed[WORDS],
  input  logic [63:0] put_word_q,
  input  logic [31:0] half_word_q,
  input  logic [63:0] data_q,
  input  logic        half_q,
  input  logic        reseed_q,
  output logic        seed_zero_o,
  output logic        zero_o
);
  always_comb begin
    seed_zero_o = half_word_q == '0 && data_q == '0 && put_word_q == '0;
    for (int i = 0; i < int'(WORDS); i++) seed_zero_o &= seed[i] == '0;
    zero_o = half_word_q == '0 && data_q == '0 && put_word_q == '0 && !half_q && !reseed_q;
  end
endmodule
bind drbg drbg_zero #(.WORDS(2 ** BEAT_W)) u_zero (.*, .seed_zero_o(), .zero_o());
