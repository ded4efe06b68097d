// SPDX-License-Identifier: Apache-2.0
//
// The S-box's inversion in GF(2^4) and the way out (see aes_sbox_tower). Latency 2.
module aes_tower_out (
  input  logic        clk_i,
  input  logic        zero_i,    // put out zero one cycle later
  input  logic [17:0] linear_i,
  input  logic [3:0]  norm_i,
  output logic [7:0]  data_o
);
  // The inverse of m20 to m23: m37 to m40.
  function automatic logic [3:0] invert(logic [3:0] m);
    logic m20, m21, m22, m23;
    logic m24, m25, m26, m27, m28, m29, m30, m31, m32, m33, m34, m35, m36, m37, m38, m39, m40;
    {m20, m21, m22, m23} = m;
    m24 = m22 ^ m23; m25 = m22 & m20; m26 = m21 ^ m25; m27 = m20 ^ m21; m28 = m23 ^ m25;
    m29 = m28 & m27; m30 = m26 & m24; m31 = m20 & m23; m32 = m27 & m31; m33 = m27 ^ m25; m34 = m21 & m22;
    m35 = m24 & m34; m36 = m24 ^ m25; m37 = m21 ^ m29; m38 = m32 ^ m33; m39 = m23 ^ m30; m40 = m35 ^ m36;
    return {m37, m38, m39, m40};
  endfunction

  /* verilator lint_off UNUSEDSIGNAL */  // named as in the paper
  // From the inverse to the output, affine map included.
  function automatic logic [7:0] bottom_layer(logic [17:0] linear, logic [3:0] inv);
    logic [27:1] t;
    logic u7;
    logic m37, m38, m39, m40;
    logic m41, m42, m43, m44, m45, m46, m47, m48, m49, m50, m51, m52, m53, m54, m55, m56, m57, m58, m59, m60,
      m61, m62, m63, l0, l1, l2, l3, l4, l5, l6, l7, l8, l9, l10, l11, l12, l13, l14, l15, l16, l17, l18, l19,
      l20, l21, l22, l23, l24, l25, l26, l27, l28, l29, s0, s1, s2, s3, s4, s5, s6, s7;
    t = '0;
    {
      t[1], t[2], t[3], t[4], t[6], t[8], t[9], t[10], t[13],
      t[15], t[16], t[17], t[19], t[20], t[22], t[23], t[27], u7
    } = linear;
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
  /* verilator lint_on UNUSEDSIGNAL */

  logic [17:0] linear_q;
  logic [3:0]  inv_q;
  always_ff @(posedge clk_i) begin
    linear_q <= linear_i;
    inv_q    <= invert(norm_i);
    data_o   <= zero_i ? '0 : bottom_layer(linear_q, inv_q);
  end
endmodule
