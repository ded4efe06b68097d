// SPDX-License-Identifier: Apache-2.0
//
// State of every queue: configuration, ring counters, domain, interrupts; and its registers. Counters run freely modulo 2^16;
// an entry's index is its counter modulo the depth.
//
//   tail    submissions the host has written          cq_head  completions the host has consumed
//   fetch   submissions whose read has been issued    alloc    completions whose write has been issued
//   head    submissions handed to the guard           posted   completions whose write was answered
//
// cq_head <= posted <= alloc <= head <= fetch <= tail; a submission is fetched only if its completion has room.
module queues
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned QUEUES = 8,
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  // Registers: a queue's page, or its QUEUE_BIND. Answer one cycle after the request.
  input  logic              reg_valid_i,
  input  logic              reg_bind_i,
  input  logic              reg_write_i,
  input  logic [QW-1:0]     reg_queue_i,
  input  logic [11:0]       reg_off_i,
  input  logic [31:0]       reg_wdata_i,
  output logic [31:0]       reg_rdata_o,
  output logic              reg_err_o,
  input  logic              clear_counters_i,
  // The fetcher: which queues have something to fetch, and the one it asks about.
  output logic [QUEUES-1:0] fetchable_o,
  input  logic [QW-1:0]     ask_i,
  output logic [63:0]       ask_addr_o,    // of the next descriptor
  output logic [12:0]       ask_count_o,   // how many may be read from there: not past the ring's end
  output logic [3:0]        ask_weight_o,
  input  logic              fetch_i,       // a read of fetch_count_i descriptors of queue ask_i is issued
  input  logic [2:0]        fetch_count_i,
  input  logic              fetched_i,     // a read has come back
  input  logic              fetched_err_i,
  input  logic [QW-1:0]     fetched_queue_i,
  // Hand-over of a descriptor to the guard.
  input  logic [QW-1:0]     deliver_queue_i,
  output logic              deliver_ok_o,  // the queue is still served
  input  logic              deliver_i,
  // Completions.
  input  logic [QW-1:0]     cpl_queue_i,
  output logic [63:0]       cpl_addr_o,
  output logic              cpl_phase_o,
  output logic [15:0]       cpl_sq_head_o,
  output logic              cpl_dead_o,    // its ring is unusable: count the completion, do not write it
  input  logic              cpl_alloc_i,
  input  logic              cpl_posted_i,
  input  logic [QW-1:0]     cpl_posted_queue_i,
  input  logic              cpl_posted_err_i,  // the write failed
  input  logic              cpl_posted_ok_i,   // the completion's status was OK
  // For the guard and the channels.
  output logic [7:0]        domain_o[QUEUES],
  output logic [QUEUES-1:0] resetting_o,
  output logic              any_error_o,
  output logic              any_busy_o,
  output logic [QUEUES:0]   irq_o
);
  // By queue; each set by its own part of g_queue.
  queue_state_e state[QUEUES];
  queue_error_e error[QUEUES];
  logic [3:0]   sq_log2[QUEUES], cq_log2[QUEUES], weight[QUEUES];
  logic [63:0]  sq_base[QUEUES], cq_base[QUEUES];
  logic [15:0]  irq_count[QUEUES], irq_time[QUEUES];
  logic [7:0]   domain[QUEUES];
  logic [15:0]  tail[QUEUES], fetch[QUEUES], head[QUEUES], cq_head[QUEUES], alloc[QUEUES], posted[QUEUES];
  logic [31:0]  reqs[QUEUES], errors[QUEUES];

  function automatic logic [12:0] depth(logic [3:0] log2);
    return 13'd1 << log2;
  endfunction
  function automatic logic [63:0] entry(logic [63:0] base, logic [15:0] counter, logic [3:0] log2, logic [2:0] size_log2);
    return base + ((64'(counter) & (64'(depth(log2)) - 64'd1)) << size_log2);
  endfunction

  // ------------------------------------------------------------- answers
  logic [15:0] pending, room;
  logic [12:0] to_end;
  assign ask_addr_o   = entry(sq_base[ask_i], fetch[ask_i], sq_log2[ask_i], 3'd6);
  assign ask_weight_o = weight[ask_i] == '0 ? 4'd1 : weight[ask_i];
  assign pending      = tail[ask_i] - fetch[ask_i];
  assign room         = 16'(depth(cq_log2[ask_i])) - (fetch[ask_i] - cq_head[ask_i]);
  assign to_end       = depth(sq_log2[ask_i]) - (fetch[ask_i][12:0] & (depth(sq_log2[ask_i]) - 13'd1));
  always_comb begin
    ask_count_o = pending[12:0];
    if (room < pending) ask_count_o = room[12:0];
    if (to_end < ask_count_o) ask_count_o = to_end;
    // The fetcher chose this queue some cycles ago. A read begun after a reset would outlive it, and what it brings would be
    // served as the ring's that is enabled next.
    if (state[ask_i] != QUEUE_STATE_ENABLED) ask_count_o = '0;
  end

  assign deliver_ok_o  = state[deliver_queue_i] == QUEUE_STATE_ENABLED;
  assign cpl_addr_o    = entry(cq_base[cpl_queue_i], alloc[cpl_queue_i], cq_log2[cpl_queue_i], 3'd5);
  assign cpl_phase_o   = !alloc[cpl_queue_i][cq_log2[cpl_queue_i]];
  assign cpl_sq_head_o = head[cpl_queue_i];
  assign cpl_dead_o    = error[cpl_queue_i] == QUEUE_ERROR_CQ_WRITE;

  always_comb begin
    any_error_o = 1'b0;
    any_busy_o  = 1'b0;
    domain_o    = domain;
    for (int i = 0; i < int'(QUEUES); i++) begin
      resetting_o[i] = state[i] == QUEUE_STATE_RESETTING;
      any_error_o   |= state[i] == QUEUE_STATE_ERROR;
      any_busy_o    |= head[i] != posted[i];
    end
  end

  // ----------------------------------------------------------- registers
  logic        disabled, page_err, page_write;
  logic [31:0] page_data;
  logic [15:0] new_count, waiting;
  assign disabled   = state[reg_queue_i] == QUEUE_STATE_DISABLED;
  assign page_write = reg_valid_i && reg_write_i && !page_err;
  assign new_count  = reg_wdata_i[15:0];
  assign waiting    = head[reg_queue_i] - posted[reg_queue_i];
  // Writes that do more than set a register of the queue.
  logic put_tail, put_head, put_ctrl;
  assign put_tail = page_write && !reg_bind_i && {8'h10, reg_off_i} == REG_QUEUE_SQ_TAIL;
  assign put_head = page_write && !reg_bind_i && {8'h10, reg_off_i} == REG_QUEUE_CQ_HEAD;
  assign put_ctrl = page_write && !reg_bind_i && {8'h10, reg_off_i} == REG_QUEUE_CTRL;
  // A doorbell is measured against the reads of its own cycle, too: a tail behind them would look far ahead.
  logic [15:0] fetch_d;
  logic        bad_tail, bad_head, doorbell_bad;
  assign fetch_d  = fetch[reg_queue_i] + (fetch_i && ask_i == reg_queue_i ? 16'(fetch_count_i) : 16'd0);
  assign bad_tail = (new_count - head[reg_queue_i]) > 16'(depth(sq_log2[reg_queue_i]))
                 || (new_count - fetch_d) > 16'(depth(sq_log2[reg_queue_i]));
  assign bad_head = (alloc[reg_queue_i] - new_count) > (alloc[reg_queue_i] - cq_head[reg_queue_i]);
  assign doorbell_bad = (put_tail && bad_tail) || (put_head && bad_head);
  always_comb begin
    page_data = '0;
    page_err  = 1'b0;
    unique case ({8'h10, reg_off_i})
      REG_QUEUE_SQ_TAIL: page_data = 32'(tail[reg_queue_i]);
      REG_QUEUE_CQ_HEAD: page_data = 32'(cq_head[reg_queue_i]);
      REG_QUEUE_CTRL: ;
      REG_QUEUE_STATE: begin
        page_data = {waiting, error[reg_queue_i], state[reg_queue_i]};
        page_err  = reg_write_i;
      end
      REG_QUEUE_DEPTH: begin
        page_data = {20'd0, cq_log2[reg_queue_i], 4'd0, sq_log2[reg_queue_i]};
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_SQ_BASE_LO: begin
        page_data = sq_base[reg_queue_i][31:0];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_SQ_BASE_HI: begin
        page_data = sq_base[reg_queue_i][63:32];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_CQ_BASE_LO: begin
        page_data = cq_base[reg_queue_i][31:0];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_CQ_BASE_HI: begin
        page_data = cq_base[reg_queue_i][63:32];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_IRQ_COALESCE: page_data = {irq_time[reg_queue_i], irq_count[reg_queue_i]};
      REG_QUEUE_SQ_HEAD: begin
        page_data = 32'(head[reg_queue_i]);
        page_err  = reg_write_i;
      end
      REG_QUEUE_CQ_TAIL: begin
        page_data = 32'(posted[reg_queue_i]);
        page_err  = reg_write_i;
      end
      REG_QUEUE_REQS: begin
        page_data = reqs[reg_queue_i];
        page_err  = reg_write_i;
      end
      REG_QUEUE_ERRORS: begin
        page_data = errors[reg_queue_i];
        page_err  = reg_write_i;
      end
      default: page_err = 1'b1;
    endcase
    if (reg_bind_i) begin
      page_data = {20'd0, weight[reg_queue_i], domain[reg_queue_i]};
      page_err  = reg_write_i && !disabled;
    end
  end
  always_ff @(posedge clk_i) begin
    reg_rdata_o <= page_data;
    reg_err_o   <= page_err;
  end

  // --------------------------------------------------------------- state
  for (genvar g = 0; g < int'(QUEUES); g++) begin : g_queue
    localparam logic [QW-1:0] ME = QW'(g);
    queue_state_e state_q;
    queue_error_e error_q;
    logic [3:0]   sq_log2_q, cq_log2_q, weight_q;
    logic [63:0]  sq_base_q, cq_base_q;
    logic [15:0]  irq_count_q, irq_time_q;
    logic [7:0]   domain_q;
    logic [15:0]  tail_q, fetch_q, head_q, cq_head_q, alloc_q, posted_q;
    logic [4:0]   reads_q;         // reads of this queue in flight
    logic [31:0]  reqs_q, errors_q;
    logic [15:0]  irq_waiting_q;   // completions not yet announced
    logic [19:0]  irq_timer_q;     // cycles since the first of them
    assign state[g]     = state_q;
    assign error[g]     = error_q;
    assign sq_log2[g]   = sq_log2_q;
    assign cq_log2[g]   = cq_log2_q;
    assign weight[g]    = weight_q;
    assign sq_base[g]   = sq_base_q;
    assign cq_base[g]   = cq_base_q;
    assign irq_count[g] = irq_count_q;
    assign irq_time[g]  = irq_time_q;
    assign domain[g]    = domain_q;
    assign tail[g]      = tail_q;
    assign fetch[g]     = fetch_q;
    assign head[g]      = head_q;
    assign cq_head[g]   = cq_head_q;
    assign alloc[g]     = alloc_q;
    assign posted[g]    = posted_q;
    assign reqs[g]      = reqs_q;
    assign errors[g]    = errors_q;

    logic mine, irq, newly_bad, read, post, config_ok;
    assign mine = page_write && reg_queue_i == ME && !reg_bind_i;
    assign read = fetch_i && ask_i == ME;
    assign post = cpl_posted_i && cpl_posted_queue_i == ME;
    assign irq  = irq_waiting_q >= (irq_count_q == '0 ? 16'd1 : irq_count_q)
        || (irq_waiting_q != '0 && irq_time_q != '0 && irq_timer_q >= {irq_time_q, 4'd0});
    assign config_ok = sq_log2_q >= 4'd1 && sq_log2_q <= 4'd12 && cq_log2_q >= 4'd1 && cq_log2_q <= 4'd12
        && sq_base_q[5:0] == '0 && cq_base_q[5:0] == '0;
    queue_error_e fault;
    always_comb begin
      fault = QUEUE_ERROR_NONE;
      if (fetched_i && fetched_err_i && fetched_queue_i == ME) fault = QUEUE_ERROR_SQ_FETCH;
      if (doorbell_bad && reg_queue_i == ME) fault = QUEUE_ERROR_BAD_DOORBELL;
      if (post && cpl_posted_err_i) fault = QUEUE_ERROR_CQ_WRITE;
    end
    always_ff @(posedge clk_i) begin
      fetchable_o[g] <= state_q == QUEUE_STATE_ENABLED && tail_q != fetch_q
          && (fetch_q - cq_head_q) != 16'(depth(cq_log2_q)) && !read && reads_q != '1;
      newly_bad <= 1'b0;
      irq_o[g]  <= irq;

      if (read) fetch_q <= fetch_q + 16'(fetch_count_i);
      reads_q <= reads_q + 5'(read) - 5'(fetched_i && fetched_queue_i == ME);
      if (deliver_i && deliver_queue_i == ME) head_q <= head_q + 16'd1;
      if (cpl_alloc_i && cpl_queue_i == ME) alloc_q <= alloc_q + 16'd1;
      if (post) begin
        posted_q <= posted_q + 16'd1;
        reqs_q   <= reqs_q + 32'd1;
        errors_q <= errors_q + 32'(!cpl_posted_ok_i);
      end
      irq_waiting_q <= (irq ? 16'd0 : irq_waiting_q) + 16'(post && !cpl_posted_err_i);
      irq_timer_q   <= (irq || irq_waiting_q == '0) ? '0 : irq_timer_q + 20'd1;

      if (mine) begin
        unique case ({8'h10, reg_off_i})
          REG_QUEUE_DEPTH: begin
            sq_log2_q <= reg_wdata_i[3:0];
            cq_log2_q <= reg_wdata_i[11:8];
          end
          REG_QUEUE_SQ_BASE_LO: sq_base_q[31:0] <= reg_wdata_i;
          REG_QUEUE_SQ_BASE_HI: sq_base_q[63:32] <= reg_wdata_i;
          REG_QUEUE_CQ_BASE_LO: cq_base_q[31:0] <= reg_wdata_i;
          REG_QUEUE_CQ_BASE_HI: cq_base_q[63:32] <= reg_wdata_i;
          REG_QUEUE_IRQ_COALESCE: {irq_time_q, irq_count_q} <= reg_wdata_i;
          default: ;
        endcase
        if (put_tail && state_q == QUEUE_STATE_ENABLED && fault == QUEUE_ERROR_NONE) tail_q <= new_count;
        if (put_head && state_q != QUEUE_STATE_DISABLED && fault == QUEUE_ERROR_NONE) cq_head_q <= new_count;
      end
      if (page_write && reg_bind_i && reg_queue_i == ME) begin
        domain_q <= reg_wdata_i[7:0];
        weight_q <= reg_wdata_i[11:8];
      end

      if (fault != QUEUE_ERROR_NONE && state_q == QUEUE_STATE_ENABLED) begin
        state_q   <= QUEUE_STATE_ERROR;
        error_q   <= fault;
        newly_bad <= 1'b1;
      end else if (fault == QUEUE_ERROR_CQ_WRITE) error_q <= fault;
      // Nothing is in flight, in no stage.
      if (state_q == QUEUE_STATE_RESETTING && head_q == posted_q && reads_q == '0) begin
        state_q <= QUEUE_STATE_DISABLED;
        error_q <= QUEUE_ERROR_NONE;
      end
      if (mine && put_ctrl) begin
        if (reg_wdata_i[REG_QUEUE_CTRL_RESET_LSB]) begin
          if (state_q != QUEUE_STATE_DISABLED) state_q <= QUEUE_STATE_RESETTING;
        end else if (reg_wdata_i[REG_QUEUE_CTRL_ENABLE_LSB] && state_q == QUEUE_STATE_DISABLED) begin
          state_q   <= config_ok ? QUEUE_STATE_ENABLED : QUEUE_STATE_ERROR;
          error_q   <= config_ok ? QUEUE_ERROR_NONE : QUEUE_ERROR_BAD_CONFIG;
          newly_bad <= !config_ok;
          {tail_q, fetch_q, head_q, cq_head_q, alloc_q, posted_q} <= '0;
          irq_waiting_q <= '0;
        end
      end
      if (clear_counters_i) begin
        reqs_q   <= '0;
        errors_q <= '0;
      end
      if (!rst_ni) begin
        state_q        <= QUEUE_STATE_DISABLED;
        error_q        <= QUEUE_ERROR_NONE;
        {sq_log2_q, cq_log2_q, sq_base_q, cq_base_q, irq_time_q, domain_q} <= '0;
        {tail_q, fetch_q, head_q, cq_head_q, alloc_q, posted_q, reads_q, reqs_q, errors_q, irq_waiting_q, irq_timer_q} <= '0;
        irq_count_q    <= REG_QUEUE_IRQ_COALESCE_COUNT_RESET;
        weight_q       <= REG_QUEUE_BIND_WEIGHT_RESET;
        fetchable_o[g] <= 1'b0;
        irq_o[g]       <= 1'b0;
        newly_bad      <= 1'b0;
      end
    end
  end
  logic [QUEUES-1:0] bad;
  for (genvar g = 0; g < int'(QUEUES); g++) begin : g_bad
    assign bad[g] = g_queue[g].newly_bad;
  end
  always_ff @(posedge clk_i) irq_o[QUEUES] <= rst_ni && bad != '0;
endmodule
