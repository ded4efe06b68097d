// SPDX-License-Identifier: Apache-2.0
//
// The engine's arithmetic and its program: rows, multiplier, accumulator, serial unit and sequencer. One operation at a time; its inputs
// and outputs are words of 32 bits, an integer's lowest first (8 words with P-256, 12 with P-384).
//
// After an operation, and on clear_i whatever is in flight, every variable row, window and register is zeroed: clean_o is low until it is
// done, 260 cycles. Constants stay.
module ec_core
  import ec_pkg::*;
(
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       clear_i,
  output logic       clean_o,     // nothing of any operation is left
  input  logic       start_i,     // with clean_o high
  input  ec_op_e     op_i,        // steady until done_o
  input  logic       p384_i,
  input  logic       verify_i,    // EC_SIGN: the signature is verified
  input  logic       blind_i,     // private scalars are split
  output logic       done_o,      // one cycle
  output ec_status_e status_o,
  // Words in, from where source_o says
  output ec_src_e    source_o,
  input  logic       in_valid_i,
  output logic       in_ready_o,
  input  logic [31:0] in_i,
  // Words out, to where target_o says
  output ec_dst_e    target_o,
  output logic       out_valid_o,
  input  logic       out_ready_i,
  output logic [31:0] out_o,
  // To the nonce unit
  output logic       nonce_start_o,
  output logic       nonce_reject_o,
  input  logic       fault_i      // test: flips a bit of a partial product
);
  logic clear_q;                  // registers
  logic [8:0] wipe_q;             // next window and row to zero; rows go round twice
  logic busy_q, wiping, window_we_q;
  assign wiping  = !wipe_q[8];
  assign clean_o = !busy_q && !wiping && !window_we_q && !clear_q;

  logic halt, nonce, nonce_reject, clear;
  ec_status_e status;
  assign clear = !rst_ni || clear_i || halt;
  always_ff @(posedge clk_i) begin
    clear_q <= clear;
    done_o  <= halt && busy_q && rst_ni && !clear_i;
    if (start_i && clean_o) busy_q <= 1'b1;
    if (halt) begin
      busy_q   <= 1'b0;
      status_o <= status;
    end
    if (clear_q) wipe_q <= '0;
    else if (wiping) wipe_q <= wipe_q + 9'd1;
    if (!rst_ni || clear_i) begin
      busy_q   <= 1'b0;
      status_o <= EC_OK;
    end
  end

  // Rows.
  logic [ROW_W-1:0] raddr;
  row_t row, operand, wdata;
  logic [DIGITS-1:0] we_q;
  logic [VAR_W-1:0] waddr_q;
  ec_mem u_mem (
    .clk_i,
    .raddr_i (raddr),
    .rdata_o (row),
    .we_i    (we_q),
    .waddr_i (waddr_q),
    .wdata_i (wdata)
  );

  logic load_a, load_b, load_m, bypass, shift_a, product_done, product_done_seq;
  logic [4:0] n;
  assign operand = bypass ? wdata : row;
  logic [K:0] a;
  sum_t product;
  ec_mul u_mul (
    .clk_i,
    .clear_i   (clear_q),
    .row_i     (operand),
    .load_a_i  (load_a),
    .load_b_i  (load_b),
    .load_m_i  (load_m),
    .n_i       (n),
    .shift_a_i (shift_a),
    .a_o       (a),
    .done_o    (product_done),
    .done_seq_o (product_done_seq),
    .product_o (product),
    .fault_i
  );

  logic sum_zero, sum_zero_q, sum_add, sum_first, sum_invert, sum_write;
  logic [VAR_W-1:0] sum_rd, product_rd, serial_rd;
  logic digit_write;
  logic [4:0] digit_index;
  logic [K-1:0] digit;
  logic serial_start;
  always_ff @(posedge clk_i) sum_zero_q <= clear || sum_zero;
  ec_acc u_acc (
    .clk_i,
    .clear_i         (clear_q),
    .zero_i          (sum_zero_q),
    .add_i           (sum_add),
    .first_i         (sum_first),
    .invert_i        (sum_invert),
    .row_i           (row),
    .product_valid_i (product_done),
    .product_i       (product),
    .digit_i         (digit),
    .row_o           (wdata)
  );
  always_ff @(posedge clk_i) begin
    we_q    <= sum_write || product_done ? '1 : '0;
    waddr_q <= product_done ? product_rd : sum_write ? sum_rd : serial_rd;
    if (digit_write) we_q <= DIGITS'(1) << digit_index;
    // What is written is zero.
    if (wiping) begin
      we_q    <= '1;
      waddr_q <= wipe_q[VAR_W-1:0];
    end
    if (clear_q) begin
      we_q    <= '0;
      waddr_q <= '0;
    end
  end

  logic serial_done, carry, zero, odd, window_write;
  op_e serial_op;
  logic [2:0] serial_x;
  logic [6:0] window_windex;
  logic [7:0] window_index;
  logic [5:0] window_wdata, window;
  ec_serial u_serial (
    .clk_i,
    .clear_i        (clear_q),
    .start_i        (serial_start),
    .op_i           (serial_op),
    .x_i            (serial_x[1:0]),
    .p384_i,
    .done_o         (serial_done),
    .a_i            (a),
    .shift_o        (shift_a),
    .write_o        (digit_write),
    .write_index_o  (digit_index),
    .write_digit_o  (digit),
    .carry_o        (carry),
    .zero_o         (zero),
    .odd_o          (odd),
    .window_write_o (window_write),
    .window_index_o (window_windex),
    .window_o       (window_wdata),
    .in_valid_i,
    .in_ready_o,
    .in_i,
    .out_valid_o,
    .out_ready_i,
    .out_o
  );
  assign source_o = ec_src_e'(serial_x);
  assign target_o = ec_dst_e'(serial_x[1:0]);

  // Windows of two scalars. Their addresses are public, what they hold is not.
  (* ram_style = "block", no_rw_check *) logic [5:0] windows[256];
  logic [7:0] window_waddr_q;
  logic [5:0] window_wdata_q, window_read_q;
  always_ff @(posedge clk_i) begin
    window_we_q    <= wiping || window_write;
    window_waddr_q <= wiping ? wipe_q[7:0] : {serial_x[1], window_windex};
    window_wdata_q <= wiping ? '0 : window_wdata;
    if (window_we_q) windows[window_waddr_q] <= window_wdata_q;
    window_read_q <= windows[window_index];
    window        <= window_read_q;
  end

  ec_seq u_seq (
    .clk_i,
    .clear_i        (clear_q),
    .start_i        (start_i && clean_o),
    .op_i,
    .p384_i,
    .verify_i,
    .blind_i,
    .halt_o         (halt),
    .status_o       (status),
    .raddr_o        (raddr),
    .load_a_o       (load_a),
    .load_b_o       (load_b),
    .load_m_o       (load_m),
    .bypass_o       (bypass),
    .n_o            (n),
    .sum_zero_o     (sum_zero),
    .sum_add_o      (sum_add),
    .sum_first_o    (sum_first),
    .sum_invert_o   (sum_invert),
    .sum_write_o    (sum_write),
    .sum_rd_o       (sum_rd),
    .product_rd_o   (product_rd),
    .product_done_i (product_done_seq),
    .serial_start_o (serial_start),
    .serial_op_o    (serial_op),
    .serial_x_o     (serial_x),
    .serial_rd_o    (serial_rd),
    .serial_done_i  (serial_done),
    .carry_i        (carry),
    .zero_i         (zero),
    .odd_i          (odd),
    .window_index_o (window_index),
    .window_i       (window),
    .nonce_o        (nonce),
    .nonce_reject_o (nonce_reject)
  );
  assign nonce_start_o  = nonce && !nonce_reject;
  assign nonce_reject_o = nonce && nonce_reject;
endmodule
