// SPDX-License-Identifier: Apache-2.0
//
// Bound into every instance: zero_o says that all its registers are zero. Left out are only the output registers of the
// tables, which hold public constants.
module sha2_core_zero (
  input  logic [63:0] a_q[4],
  input  logic [1:0] alg_q,
  input  logic closing_q,
  input  logic [6:0] cnt_q,
  input  logic [63:0] e_q[4],
  input  logic final_q,
  input  logic first_q,
  input  logic [63:0] ha_q[4],
  input  logic [63:0] he_q[4],
  input  logic is_256_q,
  input  logic is_512_q,
  input  logic [63:0] iv_a_q,
  input  logic [63:0] iv_e_q,
  input  logic [63:0] k_q,
  input  logic [63:0] kw_q,
  input  logic mix_q,
  input  logic [2:0] given_q,
  input  logic [1:0] digest_we_o,
  input  logic [2:0] digest_at_o,
  input  logic [63:0] digest_o,
  input  logic [63:0] p_q,
  input  logic [63:0] pd_q,
  input  logic phase_a_q,
  input  logic phase_b_q,
  input  logic done_q,
  input  logic close_q,
  input  logic sched_256_q,
  input  logic sched_512_q,
  input  logic [63:0] t1_q,
  input  logic take_q,
  input  logic [1:0] turn_q,
  input  logic [63:0] u_q,
  input  logic use_256_q,
  input  logic use_512_q,
  input  logic [63:0] v_q,
  input  logic [63:0] w_q[16],
  input  logic mix_a_q,
  input  logic [63:0] made_q,
  input  logic ends_q,
  input  logic done_o,
  input  logic [63:0] x_q,
  input  logic [63:0] y_q,
  output logic zero_o
);
  always_comb begin
    zero_o = ~|{alg_q, closing_q, cnt_q, final_q, first_q, is_256_q, is_512_q, iv_a_q, iv_e_q, k_q, kw_q, mix_q,
                p_q, pd_q, phase_a_q, phase_b_q, done_q, close_q, sched_256_q, sched_512_q, t1_q, take_q,
                given_q, digest_we_o, digest_at_o, digest_o, turn_q, u_q, use_256_q, use_512_q, v_q, mix_a_q, made_q, ends_q, done_o, x_q, y_q};
    for (int i = 0; i < 4; i++) zero_o &= a_q[i] == '0;
    for (int i = 0; i < 4; i++) zero_o &= e_q[i] == '0;
    for (int i = 0; i < 4; i++) zero_o &= ha_q[i] == '0;
    for (int i = 0; i < 4; i++) zero_o &= he_q[i] == '0;
    for (int i = 0; i < 16; i++) zero_o &= w_q[i] == '0;
  end
endmodule
bind sha2_core sha2_core_zero u_zero (.*, .zero_o());

module sha2_pad_zero (
  input  logic [60:0] bytes_q,
  input  logic fits_q,
  input  logic flush_q,
  input  logic [3:0] full_bytes_q,
  input  logic full_last_q,
  input  logic [63:0] full_q,
  input  logic full_valid_q,
  input  logic [3:0] in_bytes_q,
  input  logic [95:0] in_data_q,
  input  logic [2:0] place_q,
  input  logic at_length_q,
  input  logic in_last_q,
  input  logic in_valid_q,
  input  logic is_256_q,
  input  logic last_q,
  input  logic open_q,
  input  logic [3:0] pos_q,
  input  logic [2:0] rest_bytes_q,
  input  logic [55:0] rest_q,
  input  logic pads_q,
  input  logic one_q,
  input  logic [63:0] word_q,
  input  logic word_valid_q,
  input  logic more_q,
  output logic zero_o
);
  always_comb begin
    zero_o = ~|{bytes_q, fits_q, flush_q, full_bytes_q, full_last_q, full_q, full_valid_q, in_bytes_q, in_data_q, place_q, at_length_q,
                in_last_q, in_valid_q, is_256_q, last_q, open_q, pos_q, rest_bytes_q, rest_q, pads_q, one_q, word_q,
                word_valid_q, more_q};
  end
endmodule
bind sha2_pad sha2_pad_zero u_zero (.*, .zero_o());
