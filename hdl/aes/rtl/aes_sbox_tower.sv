// SPDX-License-Identifier: Apache-2.0
//
// AES S-box (FIPS 197, 5.1.1) in the tower field GF(((2^2)^2)^2): the circuit of J. Boyar and R. Peralta,
// "A small depth-16 circuit for the AES S-box" (2012), 128 gates, cut in three, before and after the inversion in GF(2^4).
// Latency 3. The paper numbers bits from the most significant: u0 is bit 7.
module aes_sbox_tower (
  input  logic       clk_i,
  input  logic       zero_i,  // put out zero one cycle later
  input  logic [7:0] data_i,
  output logic [7:0] data_o
);
  /* verilator lint_off UNUSEDSIGNAL */  // each half takes the bits it needs
  // The linear layer before the inversion; both halves need it.
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

  // Their inverse: m37 to m40.
  function automatic logic [3:0] invert(logic [3:0] m);
    logic m20, m21, m22, m23;
    logic m24, m25, m26, m27, m28, m29, m30, m31, m32, m33, m34, m35, m36, m37, m38, m39, m40;
    {m20, m21, m22, m23} = m;
    m24 = m22 ^ m23; m25 = m22 & m20; m26 = m21 ^ m25; m27 = m20 ^ m21; m28 = m23 ^ m25;
    m29 = m28 & m27; m30 = m26 & m24; m31 = m20 & m23; m32 = m27 & m31; m33 = m27 ^ m25; m34 = m21 & m22;
    m35 = m24 & m34; m36 = m24 ^ m25; m37 = m21 ^ m29; m38 = m32 ^ m33; m39 = m23 ^ m30; m40 = m35 ^ m36;
    return {m37, m38, m39, m40};
  endfunction

  // From the inverse to the output, affine map included.
  function automatic logic [7:0] bottom_layer(logic [27:1] t, logic u7, logic [3:0] inv);
    logic m37, m38, m39, m40;
    logic m41, m42, m43, m44, m45, m46, m47, m48, m49, m50, m51, m52, m53, m54, m55, m56, m57, m58, m59, m60,
      m61, m62, m63, l0, l1, l2, l3, l4, l5, l6, l7, l8, l9, l10, l11, l12, l13, l14, l15, l16, l17, l18, l19,
      l20, l21, l22, l23, l24, l25, l26, l27, l28, l29, s0, s1, s2, s3, s4, s5, s6, s7;
    {m37, m38, m39, m40} = inv;
    m41 = m38 ^ m40; m42 = m37 ^ m39; m43 = m37 ^ m38; m44 = m39 ^ m40; m45 = m42 ^ m41; m46 = m44 & t[6];
    m47 = m40 & t[8]; m48 = m39 & u7; m49 = m43 & t[16]; m50 = m38 & t[9]; m51 = m37 & t[17];
    m52 = m42 & t[15]; m53 = m45 & t[27]; m54 = m41 & t[10]; m55 = m44 & t[13]; m56 = m40 & t[23];
    m57 = m39 & t[19]; m58 = m43 & t[3]; m59 = m38 & t[22]; m60 = m37 & t[20]; m61 = m42 & t[1];
    m62 = m45 & t[4]; m63 = m41 & t[2];
    l0 = m61 ^ m62; l1 = m50 ^ m56; l2 = m46 ^ m48; l3 = m47 ^ m55; l4 = m54 ^ m58; l5 = m49 ^ m61;
    l6 = m62 ^ l5; l7 = m46 ^ l3; l8 = m51 ^ m59; l9 = m52 ^ m53; l10 = m53 ^ l4; l11 = m60 ^ l2;
    l12 = m48 ^ m51; l13 = m50 ^ l0; l14 = m52 ^ m61; l15 = m55 ^ l1; l16 = m56 ^ l0; l17 = m57 ^ l1;
    l18 = m58 ^ l8; l19 = m63 ^ l4; l20 = l0 ^ l1; l21 = l1 ^ l7; l22 = l3 ^ l12; l23 = l18 ^ l2;
    l24 = l15 ^ l9; l25 = l6 ^ l10; l26 = l7 ^ l9; l27 = l8 ^ l10; l28 = l11 ^ l14; l29 = l11 ^ l17;
    s0 = l6 ^ l24; s1 = l16 ~^ l26; s2 = l19 ~^ l28; s3 = l6 ^ l21; s4 = l20 ^ l22; s5 = l25 ^ l29;
    s6 = l13 ~^ l27; s7 = l6 ~^ l23;
    return {s0, s1, s2, s3, s4, s5, s6, s7};
  endfunction

  logic [7:0] data_q, data_qq;
  logic [3:0] norm_q, inv_q;
  logic [27:1] t_in, t_q;
  /* verilator lint_on UNUSEDSIGNAL */
  assign t_in = top_layer(data_i);
  assign t_q  = top_layer(data_qq);
  always_ff @(posedge clk_i) begin
    data_q  <= data_i;
    norm_q  <= norm(t_in, data_i[0]);
    data_qq <= data_q;
    inv_q   <= invert(norm_q);
    data_o  <= zero_i ? '0 : bottom_layer(t_q, data_qq[0], inv_q);
  end
endmodule
