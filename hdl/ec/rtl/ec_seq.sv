// SPDX-License-Identifier: Apache-2.0
//
// The sequencer: fetches microcode, holds each instruction back until the rows it reads are written and the units it needs are free, and
// sends it down the pipeline. All it decides depends on the program, the curve, the handshakes of words, and the flags that branches name.
//
// From the cycle t in which an instruction is issued: its row's address t+1, the row t+3, a sum's row to be written t+5; a product's
// t+13+n. The next instruction may read a sum's row from t+5 on, a product's from t+13+n; and at t+10+n, and then alone, a multiplication may
// take a product as it passes to the memory.
module ec_seq
  import ec_pkg::*;
(
  input  logic              clk_i,
  input  logic              clear_i,
  input  logic              start_i,
  input  ec_op_e            op_i,       // steady from start_i to halt_o
  input  logic              p384_i,
  input  logic              verify_i,
  input  logic              blind_i,
  output logic              halt_o,
  output ec_status_e        status_o,
  // Pipeline: with the address; the row two cycles later
  output logic [ROW_W-1:0]  raddr_o,
  output logic              load_a_o,
  output logic              load_b_o,
  output logic              load_m_o,
  output logic              bypass_o,        // the operand is the row on its way to the memory
  output logic [4:0]        n_o,
  output logic              term_o,
  output logic              term_first_o,
  output logic              term_neg_o,
  output logic              term_on_o,
  output logic              sum_write_o,     // after the last term
  output logic [VAR_W-1:0]  sum_rd_o,
  output logic [VAR_W-1:0]  product_rd_o,    // of the product that comes next
  input  logic              product_done_i,
  // Serial unit
  output logic              serial_start_o,
  output op_e               serial_op_o,
  output logic [2:0]        serial_x_o,
  output logic [VAR_W-1:0]  serial_rd_o,
  input  logic              serial_done_i,
  input  logic              carry_i,
  input  logic              zero_i,
  input  logic              odd_i,
  // Windows of the recoded scalar
  output logic [7:0]        window_index_o,  // bit 7: which scalar
  input  logic [5:0]        window_i,
  // Commands to the nonce unit: 0 start, 1 the last candidate is rejected
  output logic              nonce_o,
  output logic              nonce_reject_o
);
  // Fetch: two cycles of block RAM, one more register.
  (* rom_style = "block" *) logic [35:0] rom[2**PC_W];
  initial for (int i = 0; i < 2**PC_W; i++) rom[i] = ec_ucode_pkg::PROGRAM[i];
  logic [PC_W-1:0] pc_q, pc1_q, pc2_q, pci_q;
  logic [35:0] fetch_q, fetch2_q;
  ins_t ins_q;
  logic fetch_valid_q, fetch2_valid_q, valid_q, running_q;
  logic go, jump;
  logic [PC_W-1:0] target;

  always_ff @(posedge clk_i) begin
    if (go || !valid_q) begin
      fetch_q  <= rom[pc_q];
      fetch2_q <= fetch_q;
      ins_q    <= ins_t'(fetch2_q);
      pc_q     <= pc_q + 11'd1;
      pc1_q    <= pc_q;
      pc2_q    <= pc1_q;
      pci_q    <= pc2_q;
      fetch_valid_q  <= running_q;
      fetch2_valid_q <= fetch_valid_q;
      valid_q        <= fetch2_valid_q;
    end
    if (jump) begin
      pc_q           <= target;
      fetch_valid_q  <= 1'b0;
      fetch2_valid_q <= 1'b0;
      valid_q        <= 1'b0;
    end
    if (start_i) begin
      pc_q      <= 11'(op_i);
      running_q <= 1'b1;
    end
    if (clear_i || (valid_q && go && ins_q.op == I_HALT)) begin
      running_q      <= 1'b0;
      fetch_valid_q  <= 1'b0;
      fetch2_valid_q <= 1'b0;
      valid_q        <= 1'b0;
    end
  end

  // State that instructions set.
  logic [1:0] modulus_q;              // curve and field or order
  logic [4:0] n_q;
  logic [ROW_W-1:0] table_q;
  logic [7:0] x_q;
  logic [5:0] digit_q;
  logic [3:0][7:0] count_q;
  logic [5:0][PC_W-1:0] stack_q;
  logic [4:0] scan_q;
  assign n_o = n_q;
  assign window_index_o = {ins_q.x[0], x_q[6:0]};

  // What is on its way. since_q: cycles since the last multiplication was issued.
  logic [5:0] since_q;
  logic [5:0] product_q;              // bit i: since_q was n + 4 that many cycles and one ago
  logic product0_q, product1_q;       // products on their way, the older first
  logic [VAR_W-1:0] rd0_q, rd1_q;
  logic [3:0] sum_q;                  // sums on their way
  logic [3:0][VAR_W-1:0] sum_rd_q;
  logic drained, wait_q;
  assign drained = !product0_q && sum_q == '0;

  logic is_mul, is_acc, is_serial, reads, last, scanning;
  assign is_mul    = ins_q.op inside {I_MUL, I_SQR};
  assign is_acc    = ins_q.op == I_ACC;
  assign is_serial = ins_q.op inside {I_CANON, I_WIN, I_IN, I_OUT};
  assign reads     = ins_q.op inside {I_LDA, I_MUL, I_SQR, I_ACC};
  assign scanning  = is_acc && scan_q != ins_q.x[10:6];
  assign last      = is_acc && ins_q.x[2] && !scanning;

  logic source_product, source_sum, target_pending, source_pending, bypass, free;
  always_comb begin
    source_product = (product0_q && rd0_q == ins_q.ra[VAR_W-1:0]) || (product1_q && rd1_q == ins_q.ra[VAR_W-1:0]);
    source_sum     = 1'b0;
    for (int i = 0; i < 4; i++) source_sum |= sum_q[i] && sum_rd_q[i] == ins_q.ra[VAR_W-1:0];
    bypass = (is_mul || ins_q.op == I_LDA) && ins_q.mode == M_ABS && product_q[5] && rd0_q == ins_q.ra[VAR_W-1:0]
             && !(product1_q && rd1_q == ins_q.ra[VAR_W-1:0]) && !source_sum;
    // Microcode drains the pipeline between writing a table and reading it; the checker sees to that.
    source_pending = ins_q.mode == M_ABS && ((source_product && !bypass) || source_sum);
    // A sum would overtake a product; products and sums by themselves keep their order.
    target_pending = is_acc && ins_q.x[2] && ((product0_q && rd0_q == ins_q.rd) || (product1_q && rd1_q == ins_q.rd));
    unique case (ins_q.op)
      I_LDA:        free = since_q >= 6'(n_q == '0 ? 5'd4 : n_q);
      I_MUL, I_SQR: free = since_q >= 6'(n_q) + 6'd5 && !product1_q;
      // A sum and a product do not pass at the same time.
      I_ACC:        free = !(last && product_q[3]);
      I_SETM, I_HALT, I_NONCE: free = drained;
      I_CANON, I_WIN, I_IN, I_OUT: free = wait_q && serial_done_i;
      default:      free = 1'b1;
    endcase
  end
  assign go = valid_q && free && !(reads && (source_pending || target_pending)) && !scanning;
  logic issue;                                       // go, or a term of a scan before its last
  assign issue = valid_q && free && !(reads && (source_pending || target_pending));

  // Address, and what goes with it.
  logic [ROW_W-1:0] base, raddr;
  always_comb begin
    unique case (ins_q.mode)
      M_MOD:   base = {4'b1111, modulus_q, 5'd0};
      M_TAB:   base = table_q;
      default: base = '0;
    endcase
    if (ins_q.op == I_SETM) base = {4'b1111, p384_i, ins_q.x[0], 5'd0};
    raddr = base + ins_q.ra + ROW_W'(is_acc ? scan_q : 5'd0);
  end
  logic on;
  always_comb begin
    unique case (ins_q.x[5:3])
      3'd1:    on = carry_i;
      3'd2:    on = !carry_i;
      3'd3:    on = odd_i;
      3'd4:    on = !odd_i;
      3'd5:    on = digit_q[4:0] == scan_q;
      3'd6:    on = digit_q[5];
      3'd7:    on = !digit_q[5];
      default: on = 1'b1;
    endcase
  end

  // Stages t+1, t+2, t+3.
  typedef struct packed {
    logic load_a, load_b, load_m, bypass, term, first, neg, on, last;
    logic [VAR_W-1:0] rd;
  } stage_t;
  stage_t [2:0] stage_q;
  stage_t stage;
  logic begin_serial;
  assign begin_serial = valid_q && is_serial && drained && !wait_q;
  always_comb begin
    stage        = '0;
    stage.load_a = (issue && ins_q.op inside {I_LDA, I_SQR}) || (begin_serial && ins_q.op != I_IN);
    stage.load_b = issue && is_mul;
    stage.bypass = bypass;
    stage.load_m = issue && ins_q.op == I_SETM && !ins_q.x[1];
    stage.term   = issue && is_acc;
    stage.first  = ins_q.x[0] && scan_q == '0;
    stage.neg    = ins_q.x[1];
    stage.on     = on;
    stage.last   = issue && last;
    stage.rd     = ins_q.rd;
  end
  logic [2:0] serial_q;
  always_ff @(posedge clk_i) begin
    raddr_o  <= raddr;
    stage_q  <= {stage_q[1:0], stage};
    serial_q <= {serial_q[1:0], begin_serial};
    serial_start_o <= serial_q[2];
    // The sum passes a cycle after its last term.
    sum_write_o <= stage_q[2].last;
    sum_rd_o    <= stage_q[2].rd;
    if (clear_i) begin
      stage_q        <= '0;
      serial_q       <= '0;
      serial_start_o <= 1'b0;
      sum_write_o    <= 1'b0;
    end
  end
  assign load_a_o     = stage_q[2].load_a;
  assign load_b_o     = stage_q[2].load_b;
  assign load_m_o     = stage_q[2].load_m;
  assign bypass_o     = stage_q[2].bypass;
  assign term_o       = stage_q[2].term;
  assign term_first_o = stage_q[2].first;
  assign term_neg_o   = stage_q[2].neg;
  assign term_on_o    = stage_q[2].on;
  assign serial_op_o  = ins_q.op;
  assign serial_x_o   = ins_q.x[2:0];
  assign serial_rd_o  = ins_q.rd;
  assign product_rd_o = rd0_q;

  always_ff @(posedge clk_i) begin
    wait_q <= (wait_q || begin_serial) && !serial_done_i;
    scan_q <= issue && scanning ? scan_q + 5'd1 : issue ? '0 : scan_q;
    if (since_q != 6'd63) since_q <= since_q + 6'd1;
    product_q <= {product_q[4:0], since_q == 6'(n_q) + 6'd4};
    sum_q             <= {sum_q[2:0], go && last};
    sum_rd_q          <= {sum_rd_q[2:0], ins_q.rd};
    if (product_done_i) begin
      product0_q <= product1_q;
      product1_q <= 1'b0;
      rd0_q      <= rd1_q;
    end
    if (go && is_mul) begin
      since_q <= 6'd1;
      if (product0_q && !product_done_i) begin
        product1_q <= 1'b1;
        rd1_q      <= ins_q.rd;
      end else begin
        product0_q <= 1'b1;
        rd0_q      <= ins_q.rd;
      end
    end
    if (clear_i) begin
      wait_q            <= 1'b0;
      scan_q            <= '0;
      since_q           <= 6'd63;
      product_q         <= '0;
      product0_q        <= 1'b0;
      product1_q        <= 1'b0;
      sum_q             <= '0;
    end
  end

  // Control.
  logic taken;
  always_comb begin
    unique case (ins_q.x[2:0])
      3'd0:    taken = carry_i;
      3'd1:    taken = !carry_i;
      3'd2:    taken = zero_i;
      3'd3:    taken = !zero_i;
      3'd4:    taken = p384_i;
      3'd5:    taken = verify_i;
      3'd6:    taken = blind_i;
      default: taken = 1'b0;
    endcase
    target = ins_q.op == I_RET ? stack_q[0] : ins_q.ra;
    unique case (ins_q.op)
      I_JMP, I_CALL, I_RET: jump = go;
      I_BR:                 jump = go && taken;
      I_DJNZ:               jump = go && count_q[ins_q.rd[1:0]] != 8'd1;
      default:              jump = 1'b0;
    endcase
  end
  always_ff @(posedge clk_i) begin
    halt_o         <= 1'b0;
    nonce_o        <= 1'b0;
    nonce_reject_o <= ins_q.x[0];
    if (go) begin
      unique case (ins_q.op)
        I_CALL:  stack_q <= {stack_q[4:0], pci_q + 11'd1};
        I_RET:   stack_q <= {11'd0, stack_q[5:1]};
        I_SETC:  count_q[ins_q.rd[1:0]] <= ins_q.x[7:0];
        I_DJNZ:  count_q[ins_q.rd[1:0]] <= count_q[ins_q.rd[1:0]] - 8'd1;
        I_SETX:  x_q <= ins_q.x[7:0];
        I_ADDX:  x_q <= x_q + ins_q.x[7:0];
        I_DIG:   digit_q <= window_i;
        I_SETT:  table_q <= ins_q.ra;
        I_ADDT:  table_q <= table_q + ins_q.ra;
        I_ADDD:  table_q <= ins_q.x[0] ? table_q - 11'(digit_q[4:0]) : table_q + 11'(digit_q[4:0]);
        I_NONCE: nonce_o <= 1'b1;
        I_HALT: begin
          halt_o   <= 1'b1;
          status_o <= ec_status_e'(ins_q.x[2:0]);
        end
        I_SETM: begin
          if (ins_q.x[1]) n_q <= '0;
          else begin
            modulus_q <= {p384_i, ins_q.x[0]};
            n_q       <= digits_of(p384_i, ins_q.x[0]);
          end
        end
        default: ;
      endcase
    end
    if (clear_i) begin
      halt_o    <= 1'b0;
      nonce_o   <= 1'b0;
      digit_q   <= '0;
      modulus_q <= '0;
      n_q       <= '0;
      table_q   <= '0;
      x_q       <= '0;
      stack_q   <= '0;
      count_q   <= '0;
    end
  end
endmodule
