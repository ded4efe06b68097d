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
// Every column holds its digit of S and the carries out of it, below 2^20 together; they join the column to the left as that moves into its
// place, so no carry runs further than a digit.
//
// The factors of each product, and it, have registers of their own, without enable or reset, to become those of the DSP blocks.
//
// Time: B and A are there in the cycle after load_b_i, the result with done_o n + 9 cycles after load_b_i. The next load_b_i may follow
// n + 4 cycles after this one, load_a_i in n (4 if n is 0).
//
// Smaller digits, and fewer, are for tests (K >= 2).
module ec_mul #(
  parameter int unsigned K      = ec_pkg::K,
  parameter int unsigned DIGITS = ec_pkg::DIGITS
) (
  input  logic       clk_i,
  input  logic       clear_i,
  input  logic [DIGITS-1:0][K:0] row_i,
  input  logic       load_a_i,
  input  logic       load_b_i,   // and start
  input  logic       load_m_i,
  input  logic [4:0] n_i,        // steady while a multiplication is under way
  input  logic       shift_a_i,  // between multiplications: A as a stream of digits
  output logic [K:0] a_o,
  output logic       done_o,
  output logic       done_seq_o,  // the same, for who does not take the product
  output logic [DIGITS-1:0][K+2:0] product_o,
  input  logic       fault_i     // test: flips a bit of a partial product. 0 in a device
);
  logic [DIGITS-1:0][K:0]     a_q, b_q;
  localparam int unsigned MHAT = DIGITS - 4;   // digits of Mhat
  logic [MHAT-1:0][K-1:0]     m_q;
  logic [K:0]                 digit_q;  // a[i]
  logic [K-1:0]               s_q;      // S mod 2^17 where it is a quotient digit
  logic [K:0]                 a1_q;
  logic [DIGITS-1:0][K:0]     b1_q;
  logic [K-1:0]               q1_q;
  logic [MHAT-1:0][K-1:0]     m1_q;
  logic [DIGITS-1:0][2*K+1:0] p_q;      // a[i] B[j]
  logic [MHAT-1:0][2*K-1:0]   r_q;      // q[i] Mhat[j]
  logic [K+1:0]               top_q;    // what the top column's product has above it
  logic [DIGITS-1:0][K+1:0]   w_q, w;
  logic [DIGITS-1:0][K+2:0]   z_q, x_q, x;
  logic [2:0][K-1:0]          low_q;    // q[n+1] .. q[n+3]

  // Index of the S that is in x_q; negative while the first partial product is on its way. Another multiplication may start at n.
  logic signed [6:0] i_q, last_q;       // last_q: n - 1
  logic [4:0] fed_q;                    // digits of A yet to be fed
  logic feed_q, first_q, pick_q;        // pick_q: the next S gives a quotient digit
  logic [4:0] tail_q;
  // done_o leads to every column; a register of its own keeps that out of the sequencer's paths.
  (* keep *) logic done_seq_q;
  always_ff @(posedge clk_i) begin
    if (load_b_i) i_q <= -7'sd4;
    else if (i_q != 7'sd63) i_q <= i_q == signed'({2'b0, n_i}) ? 7'sd63 : i_q + 7'sd1;
    first_q <= i_q == -7'sd1;
    tail_q  <= {tail_q[3:0], i_q == last_q};
    done_seq_q <= tail_q[3];
    last_q  <= signed'({2'b0, n_i}) - 7'sd1;
    pick_q  <= !load_b_i && i_q >= -7'sd1 && i_q < last_q;
    if (load_b_i) begin
      fed_q  <= n_i == '0 ? 5'd4 : n_i;
      feed_q <= 1'b1;
    end else if (feed_q) begin
      fed_q  <= fed_q - 5'd1;
      feed_q <= fed_q != 5'd1;
    end
    if (clear_i) begin
      i_q     <= 7'sd63;
      fed_q   <= '0;
      feed_q  <= 1'b0;
      first_q <= 1'b0;
      pick_q  <= 1'b0;
      tail_q  <= '0;
      done_seq_q <= 1'b0;
    end
  end
  assign done_o     = tail_q[4];
  assign done_seq_o = done_seq_q;

  always_ff @(posedge clk_i) begin
    if (load_a_i) a_q <= row_i;
    else if (feed_q || shift_a_i) a_q <= {(K+1)'(0), a_q[DIGITS-1:1]};
    if (load_b_i) b_q <= row_i;
    if (load_m_i) for (int j = 0; j < MHAT; j++) m_q[j] <= row_i[j][K-1:0];
    // The digit that a_q[0] will be, if it is to be fed.
    if (load_b_i) digit_q <= load_a_i ? row_i[0] : a_q[0];
    else if (feed_q && fed_q != 5'd1) digit_q <= a_q[1];
    else digit_q <= '0;
    s_q   <= x[0][K-1:0];
    low_q <= {x_q[0][K-1:0], low_q[2:1]};
    if (!pick_q) s_q <= '0;
    if (clear_i) begin
      a_q     <= '0;
      b_q     <= '0;
      m_q     <= '0;
      digit_q <= '0;
      s_q     <= '0;
      low_q   <= '0;
    end
  end
  assign a_o = a_q[0];

  always_ff @(posedge clk_i) begin
    a1_q <= digit_q;
    b1_q <= b_q;
    q1_q <= s_q;
    m1_q <= m_q;
    for (int j = 0; j < DIGITS; j++) p_q[j] <= (2*K+2)'(a1_q) * (2*K+2)'(b1_q[j]);
    for (int j = 0; j < MHAT; j++) r_q[j] <= (2*K)'(q1_q) * (2*K)'(m1_q[j]);
  end

  always_comb begin
    for (int j = 0; j < DIGITS; j++) begin
      w[j] = (K+2)'(p_q[j][K-1:0]) + (j > 0 ? p_q[j == 0 ? 0 : j - 1][2*K+1:K] : '0) + (j == DIGITS - 1 ? top_q : '0);
      x[j] = z_q[j] + (first_q ? '0 : (K+3)'(x_q[j][K+2:K]))
           + (first_q || j == DIGITS - 1 ? '0 : (K+3)'(x_q[j == DIGITS - 1 ? j : j + 1][K-1:0]));
    end
  end
  always_ff @(posedge clk_i) begin
    top_q <= p_q[DIGITS-1][2*K+1:K];
    for (int j = 0; j < DIGITS; j++) begin
      z_q[j] <= (K+3)'(w_q[j]) + (j < MHAT ? (K+3)'(r_q[j < MHAT ? j : 0][K-1:0]) : '0)
              + (j > 0 && j <= MHAT ? (K+3)'(r_q[j > 0 && j <= MHAT ? j - 1 : 0][2*K-1:K]) : '0);
    end
    w_q <= w;
    x_q <= x;
    if (fault_i) w_q[5][3] <= !w[5][3];
    if (clear_i) begin
      top_q <= '0;
      w_q   <= '0;
      z_q   <= '0;
      x_q   <= '0;
    end
  end

  for (genvar j = 0; j < DIGITS; j++) begin : g_product
    if (j < 3) begin : g_low
      assign product_o[j] = (K+3)'(low_q[j]);
    end else begin : g_high
      assign product_o[j] = x_q[j-3];
    end
  end
endmodule
