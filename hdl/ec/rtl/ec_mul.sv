// SPDX-License-Identifier: Apache-2.0
//
// Modular multiplication: A B / 2^(17 n) modulo m, by Montgomery's method with Orup's quotient pipelining (H. Orup, "Simplifying
// quotient determination in high-radix modular multiplication", 1995), radix 2^17, d = 3:
//
//   S[i+1] = S[i] div 2^17 + q[i-3] Mhat + a[i] B,  q[i] = S[i] mod 2^17,  i = 0 .. n+3
//   Mhat = (Mt + 1) / 2^68,  Mt = m (-1/m mod 2^68),  result = S[n+4] 2^51 + q[n+1] + q[n+2] 2^17 + q[n+3] 2^34
//
// The result is (A B + Q Mt) / 2^(17 n) with Q < 2^(17 n), so it is below A B / 2^(17 n) + Mt. n = 0 gives the plain product, of an A of
// at most 4 digits.
//
// Every column holds its digit of S and the carries out of it; they move on with the shift, and no carry runs further than a digit.
// One more shift than the algorithm needs leaves columns below 2^20.
//
// Time: B and A are there in the cycle after load_b_i, the result with done_o 8 + n cycles after that. The next load_b_i may follow n + 5
// cycles after this one, load_a_i in n (4 if n is 0).
module ec_mul
  import ec_pkg::*;
(
  input  logic       clk_i,
  input  logic       clear_i,
  input  row_t       row_i,
  input  logic       load_a_i,
  input  logic       load_b_i,   // and start
  input  logic       load_m_i,
  input  logic [4:0] n_i,        // steady while a multiplication is under way
  input  logic       shift_a_i,  // between multiplications: A as a stream of digits
  output logic [K:0] a_o,
  output logic       done_o,
  output sum_t       product_o,
  input  logic       fault_i     // test: flips a bit of a partial product. 0 in a device
);
  row_t a_q, b_q;
  logic [DIGITS-1:0][K-1:0] m_q;
  logic [DIGITS-1:0][2*K+1:0] p_q;      // a[i] B[j]
  logic [DIGITS-1:0][2*K:0]   r_q;      // q[i] Mhat[j]
  logic [DIGITS-1:0][K+1:0]   p_high_q;
  logic [DIGITS-1:0][K:0]     r_high_q;
  logic [DIGITS-1:0][K+2:0]   w_q, z_q, x_q;
  logic [K-1:0] quotient_q;
  logic [3:0][K-1:0] low_q;             // q[n+1] .. q[n+4]

  // Index of the S that is in x_q; negative while the first partial product is on its way.
  logic signed [6:0] i_q;
  logic [4:0] fed_q;                    // digits of A yet to be fed
  logic feed_q;
  logic [3:0] tail_q;
  logic signed [6:0] n;
  logic first, pick;
  assign n     = signed'({2'b0, n_i});
  assign first = i_q == 0;
  assign pick  = i_q >= 1 && i_q <= n;

  always_ff @(posedge clk_i) begin
    if (load_b_i) i_q <= -7'sd3;
    else if (i_q == n + 7'sd5) i_q <= 7'sd63;   // n may change from here on
    else if (i_q != 7'sd63) i_q <= i_q + 7'sd1;
    if (load_b_i) begin
      fed_q  <= n_i == '0 ? 5'd4 : n_i;
      feed_q <= 1'b1;
    end else if (feed_q) begin
      fed_q  <= fed_q - 5'd1;
      feed_q <= fed_q != 5'd1;
    end
    tail_q <= {tail_q[2:0], i_q == n + 7'sd1};   // the next may be starting
    if (clear_i) begin
      i_q    <= 7'sd63;
      fed_q  <= '0;
      feed_q <= 1'b0;
      tail_q <= '0;
    end
  end
  assign done_o = tail_q[3];

  always_ff @(posedge clk_i) begin
    if (load_a_i) a_q <= row_i;
    else if (feed_q || shift_a_i) a_q <= {18'd0, a_q[DIGITS-1:1]};
    if (load_b_i) b_q <= row_i;
    if (load_m_i) for (int j = 0; j < DIGITS; j++) m_q[j] <= row_i[j][K-1:0];
    quotient_q <= pick ? x_q[0][K-1:0] : '0;
    low_q      <= {x_q[0][K-1:0], low_q[3:1]};
    if (clear_i) begin
      a_q        <= '0;
      b_q        <= '0;
      m_q        <= '0;
      quotient_q <= '0;
      low_q      <= '0;
    end
  end
  assign a_o = a_q[0];

  // What crosses the top of a column joins it in the next step, when the column to its left has moved into it.
  always_ff @(posedge clk_i) begin
    for (int j = 0; j < DIGITS; j++) begin
      p_q[j]      <= feed_q ? 36'(a_q[0]) * 36'(b_q[j]) : '0;
      r_q[j]      <= 35'(quotient_q) * 35'(m_q[j]);
      p_high_q[j] <= p_q[j][2*K+1:K];
      r_high_q[j] <= r_q[j][2*K:K];
      w_q[j]      <= 20'(p_q[j][K-1:0]) + 20'(p_high_q[j]);
      z_q[j]      <= w_q[j] + 20'(r_q[j][K-1:0]) + 20'(r_high_q[j]);
      x_q[j]      <= z_q[j] + (first ? '0 : 20'(x_q[j][K+2:K]) + (j + 1 < DIGITS ? 20'(x_q[j == DIGITS - 1 ? j : j + 1][K-1:0]) : '0));
    end
    if (fault_i) p_q[5][3] <= !p_q[5][3];
    if (clear_i) begin
      p_q      <= '0;
      r_q      <= '0;
      p_high_q <= '0;
      r_high_q <= '0;
      w_q      <= '0;
      z_q      <= '0;
      x_q      <= '0;
    end
  end

  for (genvar j = 0; j < DIGITS; j++) begin : g_product
    if (j < 4) begin : g_low
      assign product_o[j] = 20'(low_q[j]);
    end else begin : g_high
      assign product_o[j] = x_q[j-4];
    end
  end
endmodule
