// SPDX-License-Identifier: Apache-2.0
//
// Bound into every instance: zero_o says that all its own registers are zero. drbg's state is public.
module hmac_drbg_core_zero (
  input  logic [2:0]   state_q,
  input  logic [2:0]   what_q,
  input  logic         before_q,
  input  logic         data_q,
  input  logic         seeding_q,
  input  logic         seeded_q,
  input  logic [47:0]  count_q,
  input  logic         tick_q,
  input  logic         due_q,
  input  logic [255:0] k_q,
  input  logic [255:0] v_q,
  input  logic [1:0]   beat_q,
  output logic         zero_o
);
  assign zero_o = ~|{state_q, what_q, before_q, data_q, seeding_q, seeded_q, count_q, tick_q, due_q, k_q, v_q, beat_q};
endmodule
bind hmac_drbg_core hmac_drbg_core_zero u_zero (.*, .zero_o());

module drbg_zero #(
  parameter int unsigned BEATS = 1
) (
  input  logic [63:0] seed_q[BEATS],
  input  logic [63:0] word_q,
  input  logic [63:0] data_q,
  input  logic        half_q,
  input  logic        shift_q,
  input  logic        reseed_q,
  output logic        seed_zero_o,
  output logic        zero_o
);
  always_comb begin
    seed_zero_o = word_q == '0 && data_q == '0;
    for (int i = 0; i < BEATS; i++) seed_zero_o &= seed_q[i] == '0;
    zero_o = seed_zero_o && !half_q && !shift_q && !reseed_q;
  end
endmodule
bind drbg drbg_zero #(.BEATS(SEED_BEATS)) u_zero (.*, .seed_zero_o(), .zero_o());
