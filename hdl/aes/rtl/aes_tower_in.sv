// SPDX-License-Identifier: Apache-2.0
//
// The S-box's way into GF(2^4) (see aes_sbox_tower): the linear layer, as far as the way out needs it, and the norm. Latency 1.
module aes_tower_in (
  input  logic        clk_i,
  input  logic [7:0]  data_i,
  output logic [17:0] linear_o,  // t1, t2, ..., t27, u7: what aes_tower_out takes
  output logic [3:0]  norm_o
);
  // The linear layer.
  function automatic logic [27:1] top_layer(logic [7:0] u);
    logic u0, u1, u2, u3, u4, u5, u6, u7;
    logic t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15, t16, t17, t18, t19, t20, t21, t22,
      t23, t24, t25, t26, t27;
    {u0, u1, u2, u3, u4, u5, u6, u7} = u;
    t1 = u0 ^ u3; t2 = u0 ^ u5; t3 = u0 ^ u6; t4 = u3 ^ u5; t5 = u4 ^ u6; t6 = t1 ^ t5; t7 = u1 ^ u2;
    t8 = u7 ^ t6; t9 = u7 ^ t7; t10 = t6 ^ t7; t11 = u1 ^ u5; t12 = u2 ^ u5; t13 = t3 ^ t4; t14 = t6 ^ t11;
    t15 = t5 ^ t11; t16 = t5 ^ t12; t17 = t9 ^ t16; t18 = u3 ^ u7; t19 = t7 ^ t18; t20 = t1 ^ t19;
    t21 = u6 ^ u7; t22 = t7 ^ t21; t23 = t2 ^ t22; t24 = t2 ^ t10; t25 = t20 ^ t17; t26 = t3 ^ t16;
    t27 = t1 ^ t12;
    return {t27, t26, t25, t24, t23, t22, t21, t20, t19, t18, t17, t16, t15, t14, t13, t12, t11, t10, t9, t8,
      t7, t6, t5, t4, t3, t2, t1};
  endfunction

  /* verilator lint_off UNUSEDSIGNAL */  // named as in the paper
  // The four bits to be inverted in GF(2^4): m20 to m23.
  function automatic logic [3:0] norm(logic [27:1] t, logic u7);
    logic m1, m2, m3, m4, m5, m6, m7, m8, m9, m10, m11, m12, m13, m14, m15, m16, m17, m18, m19, m20, m21, m22, m23;
    m1 = t[13] & t[6]; m2 = t[23] & t[8]; m3 = t[14] ^ m1; m4 = t[19] & u7; m5 = m4 ^ m1; m6 = t[3] & t[16];
    m7 = t[22] & t[9]; m8 = t[26] ^ m6; m9 = t[20] & t[17]; m10 = m9 ^ m6; m11 = t[1] & t[15];
    m12 = t[4] & t[27]; m13 = m12 ^ m11; m14 = t[2] & t[10]; m15 = m14 ^ m11; m16 = m3 ^ m2;
    m17 = m5 ^ t[24]; m18 = m8 ^ m7; m19 = m10 ^ m15; m20 = m16 ^ m13; m21 = m17 ^ m15; m22 = m18 ^ m13;
    m23 = m19 ^ t[25];
    return {m20, m21, m22, m23};
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  logic [27:1] t;
  assign t = top_layer(data_i);
  always_ff @(posedge clk_i) begin
    linear_o <= {
      t[1], t[2], t[3], t[4], t[6], t[8], t[9], t[10], t[13],
      t[15], t[16], t[17], t[19], t[20], t[22], t[23], t[27], data_i[0]
    };
    norm_o <= norm(t, data_i[0]);
  end
endmodule
