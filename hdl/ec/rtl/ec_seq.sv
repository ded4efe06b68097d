// SPDX-License-Identifier: Apache-2.0
//
// The sequencer: fetches microcode, holds each instruction back until the rows it reads are written and the units it needs are free, and
// sends it down the pipeline. All it decides depends on the program, the curve, the handshakes of words, and the flags that branches name.
//
// From the cycle t in which an instruction is issued: its row's address t+1, the row t+3, a sum's row to be written t+5; a product's
// t+13+n. The next instruction may read a sum's row from t+5 on, a product's from t+13+n; and at t+10+n, and then alone, a multiplication may
// take a product as it passes to the memory. Multiplications are issued n+4 cycles apart.
//
// What an instruction waits for is worked out a cycle ahead, as it comes into ins_q or stays there: after_…_q its rows, able_q its unit.
// Control instructions take a cycle more, DIG two.
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
  output logic              sum_zero_o,      // a cycle ahead of the others: the sum becomes zero
  output logic              sum_add_o,
  output logic              sum_first_o,
  output logic              sum_invert_o,
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
  // Windows of the recoded scalar; two cycles from index to window
  output logic [7:0]        window_index_o,  // bit 7: which scalar
  input  logic [5:0]        window_i,
  // Commands to the nonce unit: 0 start, 1 the last candidate is rejected
  output logic              nonce_o,
  output logic              nonce_reject_o
);
  // Fetch: two cycles of block RAM, one more register.
  (* rom_style = "block" *) logic [35:0] rom[2**PC_W];
  initial for (int i = 0; i < 2**PC_W; i++) rom[i] = ec_ucode_pkg::PROGRAM[i];
  logic [PC_W-1:0] pc_q, pc1_q, pc2_q, pci_q, target_q;
  logic [35:0] fetch_q, fetch2_q;
  ins_t ins_q, next;
  logic fetch_valid_q, fetch2_valid_q, valid_q, running_q;
  logic go, issue, advance, jump, halting;
  assign next    = ins_t'(fetch2_q);
  assign advance = go || !valid_q;

  always_ff @(posedge clk_i) begin
    if (advance) begin
      fetch_q  <= rom[pc_q];
      fetch2_q <= fetch_q;
      ins_q    <= next;
      pc_q     <= pc_q + 11'd1;
      pc1_q    <= pc_q;
      pc2_q    <= pc1_q;
      pci_q    <= pc2_q;
      fetch_valid_q  <= running_q;
      fetch2_valid_q <= fetch_valid_q;
      valid_q        <= fetch2_valid_q;
    end else if (issue) ins_q.ra <= ins_q.ra + 11'd1;   // a scan's next row
    if (jump) begin
      pc_q           <= target_q;
      fetch_valid_q  <= 1'b0;
      fetch2_valid_q <= 1'b0;
      valid_q        <= 1'b0;
    end
    if (start_i) begin
      pc_q      <= 11'(op_i);
      running_q <= 1'b1;
    end
    if (clear_i || halting) begin
      running_q      <= 1'b0;
      fetch_valid_q  <= 1'b0;
      fetch2_valid_q <= 1'b0;
      valid_q        <= 1'b0;
    end
  end

  // What an instruction is.
  typedef struct packed {
    logic lda, mul, acc, serial, drain, control, digit, other;
    logic abs_row;       // it reads a row that an instruction may be writing
    logic setm, setc, djnz;
    logic tab, tab_set, tab_row;   // it changes the table's address; to a new one; by what it holds
  } kind_t;
  function automatic kind_t kind_of(op_e what, mode_e mode);
    kind_t k;
    k.lda     = what == I_LDA;
    k.mul     = what inside {I_MUL, I_SQR};
    k.acc     = what == I_ACC;
    k.serial  = what inside {I_CANON, I_WIN, I_IN, I_OUT};
    k.drain   = what inside {I_SETM, I_HALT, I_NONCE};
    k.control = what inside {I_JMP, I_CALL, I_RET, I_BR, I_DJNZ};
    k.digit   = what == I_DIG;
    k.other   = !(k.lda || k.mul || k.acc || k.serial || k.drain || k.control || k.digit);
    k.abs_row = (k.lda || k.mul || k.acc) && mode == M_ABS;
    k.setm    = what == I_SETM;
    k.setc    = what == I_SETC;
    k.djnz    = what == I_DJNZ;
    k.tab     = what inside {I_SETT, I_ADDT, I_ADDD};
    k.tab_set = what == I_SETT;
    k.tab_row = what inside {I_SETT, I_ADDT};
    return k;
  endfunction
  kind_t kind_q, kind_next;
  logic seen_q;                       // it has been in ins_q for a cycle
  assign kind_next = kind_of(next.op, next.mode);

  // State that instructions set.
  logic [1:0] modulus_q;              // curve and field or order
  logic [4:0] n_q;
  logic [ROW_W-1:0] table_q;
  logic [7:0] x_q;
  logic [5:0] digit_q;
  logic [3:0][7:0] count_q;
  logic [5:0][PC_W-1:0] stack_q;
  assign n_o = n_q;
  assign window_index_o = {ins_q.x[0], x_q[6:0]};

  // Scans: the term's index, how many follow, whether one does.
  logic [4:0] scan_q, rem_q;
  logic more_q, more_d, last_term;
  assign more_d    = advance ? kind_next.acc && next.x[10:6] != '0 : issue ? rem_q != 5'd1 && more_q : more_q;
  assign last_term = ins_q.x[2] && !more_q;
  always_ff @(posedge clk_i) begin
    more_q <= more_d;
    if (advance) begin
      scan_q <= '0;
      rem_q  <= next.x[10:6];
    end else if (issue) begin
      scan_q <= scan_q + 5'd1;
      rem_q  <= rem_q - 5'd1;
    end
    if (clear_i) begin
      more_q <= 1'b0;
      scan_q <= '0;
      rem_q  <= '0;
    end
  end

  // What is on its way. since_q: cycles since the last multiplication was issued.
  logic [5:0] since_q;
  logic armed_q;                      // it has not come as far as product_q yet
  logic [4:0] product_q;              // bit i: it was issued n + 5 + i cycles ago
  logic product0_q, product1_q;       // products on their way, the older first
  logic [VAR_W-1:0] rd0_q, rd1_q;
  logic [2:0] sum_q;                  // sums on their way
  logic [2:0][VAR_W-1:0] sum_rd_q;
  logic [5:0] lda_at_q, mul_at_q, pass_at_q;
  logic product0, product1;           // in the next cycle, of those that are on their way
  assign product0 = product_done_i ? product1_q : product0_q;
  assign product1 = !product_done_i && product1_q;

  // Rows. Bit i of sums: a sum issued i cycles ago writes it; bits 0 and 1 of products and of targets: the older product, the newer.
  logic [2:0] sums_q;
  logic [3:0] sums_new;
  logic [1:0] products_q, products_new, targets_q, targets_new;
  // What ins_q waits for: a product that it reads, a sum, what the instruction before it writes; a product that a sum must not overtake.
  logic after_product_q, after_sum_q, after_last_q, after_target_q;
  logic after_product_new, after_product, bypass_q, bypass_new, bypass;
  logic mul_goes, sum_goes;           // if ins_q goes
  logic older, newer, issued, other, behind, near;
  logic sums_left, products_left;
  assign mul_goes = valid_q && kind_q.mul;
  assign sum_goes = valid_q && kind_q.acc && ins_q.x[2];
  function automatic logic same(logic [VAR_W-1:0] a, logic [VAR_W-1:0] b);
    return a == b;
  endfunction
  always_comb begin
    // Of the next instruction. Microcode drains the pipeline between writing a table and reading it; the checker sees to that.
    older  = kind_next.abs_row && product0_q && same(next.ra[VAR_W-1:0], rd0_q);
    newer  = kind_next.abs_row && product1_q && same(next.ra[VAR_W-1:0], rd1_q);
    issued = kind_next.abs_row && same(next.ra[VAR_W-1:0], ins_q.rd);
    sums_new[0] = issued && sum_goes;
    for (int i = 0; i < 3; i++) sums_new[i+1] = kind_next.abs_row && sum_q[i] && same(next.ra[VAR_W-1:0], sum_rd_q[i]);
    products_new[0] = (product_done_i ? newer : older) || (issued && mul_goes && !product0);
    products_new[1] = (!product_done_i && newer) || (issued && mul_goes && product0);
    // A sum would overtake a product; products and sums by themselves keep their order.
    other = kind_next.acc && next.x[2];
    targets_new[0] = other && (product_done_i ? product1_q && same(next.rd, rd1_q) : product0_q && same(next.rd, rd0_q));
    targets_new[1] = other && !product_done_i && product1_q && same(next.rd, rd1_q);
    // after_last_q sees to the cycle in which the instruction before it goes.
    behind = other && mul_goes && same(next.rd, ins_q.rd);
    // product_q[4] and product_done_i do not come together.
    near       = product_q[4] && (kind_next.lda || kind_next.mul);
    bypass_new = near && older && !newer && !(issued && (mul_goes || sum_goes)) && sums_new[3:1] == '0;
    after_product_new = (older && !product_done_i && !near) || newer;
    // Of ins_q, if it stays
    sums_left     = sums_q != '0;
    products_left = product_done_i ? products_q[1] : products_q != '0;
    bypass        = product_q[4] && (kind_q.lda || kind_q.mul) && products_q == 2'b01 && !sums_left;
    after_product = products_left && !bypass;
  end

  // Units.
  logic able_q, able_new, able, drained_q, drained, wait_q, mul_free, lda_free;
  logic mul_time_q, lda_time_q;       // long enough after the last multiplication
  assign mul_free = mul_time_q && !product1;
  assign lda_free = lda_time_q;
  assign drained  = !product0 && !product1 && sum_q == '0 && !mul_goes && !sum_goes;
  always_comb begin
    // A sum and a product do not pass at the same time. A term that may be the last is taken for it.
    able_new = (kind_next.lda && lda_free && !mul_goes) || (kind_next.mul && mul_free && !mul_goes)
             || (kind_next.acc && !(product_q[2] && next.x[2] && next.x[10:6] == '0)) || (kind_next.drain && drained) || kind_next.other;
    able     = (kind_q.lda && lda_free) || (kind_q.mul && mul_free)
             || (kind_q.acc && !(product_q[2] && ins_q.x[2] && (!more_q || rem_q == 5'd1))) || (kind_q.drain && drained)
             || kind_q.control || (kind_q.digit && seen_q) || kind_q.other;
  end
  always_ff @(posedge clk_i) begin
    kind_q     <= advance ? kind_next : kind_q;
    seen_q     <= !advance;
    sums_q     <= advance ? sums_new[2:0] : {sums_q[1:0], 1'b0};
    products_q <= advance ? products_new : product_done_i ? {1'b0, products_q[1]} : products_q;
    targets_q  <= advance ? targets_new | {behind && product0, behind && !product0} : product_done_i ? {1'b0, targets_q[1]} : targets_q;
    after_product_q <= advance ? after_product_new : after_product;
    after_sum_q     <= advance ? sums_new[3:1] != '0 : sums_left;
    after_last_q    <= advance && ((issued && (mul_goes || sum_goes)) || behind);
    after_target_q  <= advance ? targets_new != '0 : product_done_i ? targets_q[1] : targets_q != '0;
    bypass_q   <= advance ? bypass_new : bypass;
    able_q     <= advance ? able_new : able;
    drained_q  <= drained;
    // A cycle ahead: since_q goes on by one.
    lda_at_q   <= n_q == '0 ? 6'd2 : 6'(n_q) - 6'd2;
    mul_at_q   <= 6'(n_q) + 6'd2;
    lda_time_q <= !(issue && kind_q.mul) && since_q >= lda_at_q;
    mul_time_q <= !(issue && kind_q.mul) && since_q >= mul_at_q;
    pass_at_q  <= 6'(n_q) + 6'd4;
    if (clear_i) begin
      kind_q     <= '0;
      seen_q     <= 1'b0;
      sums_q     <= '0;
      products_q <= '0;
      targets_q  <= '0;
      after_product_q <= 1'b0;
      after_sum_q     <= 1'b0;
      after_last_q    <= 1'b0;
      after_target_q  <= 1'b0;
      bypass_q   <= 1'b0;
      able_q     <= 1'b0;
      drained_q  <= 1'b0;
    end
  end
  assign issue = valid_q && (able_q || (wait_q && serial_done_i))
                 && !(after_product_q || after_sum_q || after_last_q || after_target_q);
  assign go    = issue && !more_q;

  // Address, and what goes with it.
  logic [ROW_W-1:0] base;
  always_comb begin
    unique case (ins_q.mode)
      M_MOD:   base = {4'b1111, modulus_q, 5'd0};
      M_TAB:   base = table_q;
      default: base = '0;
    endcase
    if (kind_q.setm) base = {4'b1111, p384_i, ins_q.x[0], 5'd0};
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
  assign begin_serial = valid_q && kind_q.serial && drained_q && !wait_q;
  always_comb begin
    stage        = '0;
    stage.load_a = (issue && (kind_q.lda || ins_q.op == I_SQR)) || (begin_serial && ins_q.op != I_IN);
    stage.load_b = issue && kind_q.mul;
    stage.bypass = bypass_q;
    stage.load_m = issue && kind_q.setm && !ins_q.x[1];
    stage.term   = issue && kind_q.acc;
    stage.first  = ins_q.x[0] && scan_q == '0;
    stage.neg    = ins_q.x[1];
    stage.on     = on;
    stage.last   = issue && kind_q.acc && last_term;
    stage.rd     = ins_q.rd;
  end
  logic [2:0] serial_q;
  // The accumulator's controls. Where the last term that counted was subtracted, it holds the sum inverted.
  logic inverted_q;
  assign sum_zero_o = serial_q[2] || (stage_q[1].term && stage_q[1].first && !stage_q[1].on);
  always_ff @(posedge clk_i) begin
    sum_add_o    <= stage_q[1].term && stage_q[1].on;
    sum_first_o  <= stage_q[1].first;
    sum_invert_o <= stage_q[1].neg != (inverted_q && !stage_q[1].first);
    if (stage_q[1].term && stage_q[1].on) inverted_q <= stage_q[1].neg;
    if (clear_i || sum_zero_o) inverted_q <= 1'b0;
    if (clear_i) begin
      sum_add_o    <= 1'b0;
      sum_first_o  <= 1'b0;
      sum_invert_o <= 1'b0;
    end
  end
  always_ff @(posedge clk_i) begin
    raddr_o  <= base + ins_q.ra;
    stage_q  <= {stage_q[1:0], stage};
    serial_q <= {serial_q[1:0], begin_serial};
    serial_start_o <= serial_q[2];
    // The sum passes a cycle after its last term.
    sum_write_o <= stage_q[2].last;
    sum_rd_o    <= stage_q[2].rd;
    if (clear_i) begin
      raddr_o        <= '0;
      stage_q        <= '0;
      serial_q       <= '0;
      serial_start_o <= 1'b0;
      sum_write_o    <= 1'b0;
      sum_rd_o       <= '0;
    end
  end
  assign load_a_o     = stage_q[2].load_a;
  assign load_b_o     = stage_q[2].load_b;
  assign load_m_o     = stage_q[2].load_m;
  assign bypass_o     = stage_q[2].bypass;
  assign serial_op_o  = ins_q.op;
  assign serial_x_o   = ins_q.x[2:0];
  assign serial_rd_o  = ins_q.rd;
  assign product_rd_o = rd0_q;

  always_ff @(posedge clk_i) begin
    wait_q  <= (wait_q || begin_serial) && !serial_done_i;
    since_q <= since_q == 6'd63 ? since_q : since_q + 6'd1;
    armed_q <= armed_q && since_q != pass_at_q;
    product_q <= {product_q[3:0], armed_q && since_q == pass_at_q};
    sum_q     <= {sum_q[1:0], issue && kind_q.acc && last_term};
    sum_rd_q  <= {sum_rd_q[1:0], ins_q.rd};
    product0_q <= product0;
    product1_q <= product1;
    if (product_done_i) rd0_q <= rd1_q;
    if (issue && kind_q.mul) begin
      since_q <= 6'd1;
      armed_q <= 1'b1;
      if (product0) begin
        product1_q <= 1'b1;
        rd1_q      <= ins_q.rd;
      end else begin
        product0_q <= 1'b1;
        rd0_q      <= ins_q.rd;
      end
    end
    if (clear_i) begin
      wait_q     <= 1'b0;
      since_q    <= 6'd63;
      armed_q    <= 1'b0;
      product_q  <= '0;
      product0_q <= 1'b0;
      product1_q <= 1'b0;
      rd0_q      <= '0;
      rd1_q      <= '0;
      sum_q      <= '0;
      sum_rd_q   <= '0;
    end
  end

  // Control: what it does is worked out in its first cycle, and done in the second.
  logic flag, taken_q;
  logic [7:0] less_q;
  always_comb begin
    unique case (ins_q.x[2:0])
      3'd0:    flag = carry_i;
      3'd1:    flag = !carry_i;
      3'd2:    flag = zero_i;
      3'd3:    flag = !zero_i;
      3'd4:    flag = p384_i;
      3'd5:    flag = verify_i;
      3'd6:    flag = blind_i;
      default: flag = 1'b0;
    endcase
  end
  always_ff @(posedge clk_i) begin
    unique case (ins_q.op)
      I_BR:    taken_q <= flag;
      I_DJNZ:  taken_q <= count_q[ins_q.rd[1:0]] != 8'd1;
      default: taken_q <= 1'b1;
    endcase
    target_q <= ins_q.op == I_RET ? stack_q[0] : ins_q.ra;
    less_q   <= count_q[ins_q.rd[1:0]] - 8'd1;
    if (clear_i) begin
      taken_q  <= 1'b0;
      target_q <= '0;
      less_q   <= '0;
    end
  end
  // One adder: x[0] subtracts the digit.
  logic [ROW_W-1:0] table_next, table_by;
  assign table_by   = kind_q.tab_row ? ins_q.ra : 11'(digit_q[4:0]) ^ {11{ins_q.x[0]}};
  assign table_next = (kind_q.tab_set ? '0 : table_q) + table_by + 11'(!kind_q.tab_row && ins_q.x[0]);

  assign jump    = go && kind_q.control && taken_q;
  assign halting = go && ins_q.op == I_HALT;
  always_ff @(posedge clk_i) begin
    halt_o         <= 1'b0;
    nonce_o        <= 1'b0;
    nonce_reject_o <= ins_q.x[0];
    if (go) begin
      unique case (ins_q.op)
        I_CALL:  stack_q <= {stack_q[4:0], pci_q + 11'd1};
        I_RET:   stack_q <= {11'd0, stack_q[5:1]};
        I_SETX:  x_q <= ins_q.x[7:0];
        I_ADDX:  x_q <= x_q + ins_q.x[7:0];
        I_DIG:   digit_q <= window_i;
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
    if (go && (kind_q.setc || kind_q.djnz)) count_q[ins_q.rd[1:0]] <= kind_q.djnz ? less_q : ins_q.x[7:0];
    if (go && kind_q.tab) table_q <= table_next;
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
