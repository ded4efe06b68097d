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
  typedef struct packed {
    queue_state_e state;
    queue_error_e error;
    logic [3:0]   sq_log2, cq_log2;
    logic [63:0]  sq_base, cq_base;
    logic [15:0]  irq_count, irq_time;
    logic [7:0]   domain;
    logic [3:0]   weight;
    logic [15:0]  tail, fetch, head, cq_head, alloc, posted;
    logic [4:0]   reads;          // reads of this queue in flight
    logic [31:0]  reqs, errors;
    logic [15:0]  irq_waiting;    // completions not yet announced
    logic [19:0]  irq_timer;      // cycles since the first of them
  } queue_t;
  queue_t q[QUEUES];

  function automatic logic [12:0] depth(logic [3:0] log2);
    return 13'd1 << log2;
  endfunction
  function automatic logic [63:0] entry(logic [63:0] base, logic [15:0] counter, logic [3:0] log2, logic [2:0] size_log2);
    return base + ((64'(counter) & (64'(depth(log2)) - 64'd1)) << size_log2);
  endfunction
  /* verilator lint_off UNUSEDSIGNAL */
  function automatic logic config_ok(queue_t s);
    /* verilator lint_on UNUSEDSIGNAL */
    return s.sq_log2 >= 4'd1 && s.sq_log2 <= 4'd12 && s.cq_log2 >= 4'd1 && s.cq_log2 <= 4'd12
        && s.sq_base[5:0] == '0 && s.cq_base[5:0] == '0;
  endfunction

  // ------------------------------------------------------------- answers
  /* verilator lint_off UNUSEDSIGNAL */
  queue_t ask;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [15:0] pending, room;
  logic [12:0] to_end;
  assign ask          = q[ask_i];
  assign ask_addr_o   = entry(ask.sq_base, ask.fetch, ask.sq_log2, 3'd6);
  assign ask_weight_o = ask.weight == '0 ? 4'd1 : ask.weight;
  assign pending      = ask.tail - ask.fetch;
  assign room         = 16'(depth(ask.cq_log2)) - (ask.fetch - ask.cq_head);
  assign to_end       = depth(ask.sq_log2) - (ask.fetch[12:0] & (depth(ask.sq_log2) - 13'd1));
  always_comb begin
    ask_count_o = pending[12:0];
    if (room < pending) ask_count_o = room[12:0];
    if (to_end < ask_count_o) ask_count_o = to_end;
    // The fetcher chose this queue some cycles ago. A read begun after a reset would outlive it, and what it brings would be
    // served as the ring's that is enabled next.
    if (ask.state != QUEUE_STATE_ENABLED) ask_count_o = '0;
  end

  assign deliver_ok_o  = q[deliver_queue_i].state == QUEUE_STATE_ENABLED;
  assign cpl_addr_o    = entry(q[cpl_queue_i].cq_base, q[cpl_queue_i].alloc, q[cpl_queue_i].cq_log2, 3'd5);
  assign cpl_phase_o   = !q[cpl_queue_i].alloc[q[cpl_queue_i].cq_log2];
  assign cpl_sq_head_o = q[cpl_queue_i].head;
  assign cpl_dead_o    = q[cpl_queue_i].error == QUEUE_ERROR_CQ_WRITE;

  always_comb begin
    any_error_o = 1'b0;
    any_busy_o  = 1'b0;
    for (int i = 0; i < int'(QUEUES); i++) begin
      domain_o[i]    = q[i].domain;
      resetting_o[i] = q[i].state == QUEUE_STATE_RESETTING;
      any_error_o   |= q[i].state == QUEUE_STATE_ERROR;
      any_busy_o    |= q[i].head != q[i].posted;
    end
  end

  // ----------------------------------------------------------- registers
  /* verilator lint_off UNUSEDSIGNAL */
  queue_t      sel;
  /* verilator lint_on UNUSEDSIGNAL */
  logic        disabled, page_err, page_write;
  logic [31:0] page_data;
  logic [15:0] new_count;
  assign sel        = q[reg_queue_i];
  assign disabled   = sel.state == QUEUE_STATE_DISABLED;
  assign page_write = reg_valid_i && reg_write_i && !page_err;
  assign new_count  = reg_wdata_i[15:0];
  always_comb begin
    page_data = '0;
    page_err  = 1'b0;
    unique case ({8'h10, reg_off_i})
      REG_QUEUE_SQ_TAIL: page_data = 32'(sel.tail);
      REG_QUEUE_CQ_HEAD: page_data = 32'(sel.cq_head);
      REG_QUEUE_CTRL: ;
      REG_QUEUE_STATE: begin
        page_data = {sel.head - sel.posted, sel.error, sel.state};
        page_err  = reg_write_i;
      end
      REG_QUEUE_DEPTH: begin
        page_data = {20'd0, sel.cq_log2, 4'd0, sel.sq_log2};
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_SQ_BASE_LO: begin
        page_data = sel.sq_base[31:0];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_SQ_BASE_HI: begin
        page_data = sel.sq_base[63:32];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_CQ_BASE_LO: begin
        page_data = sel.cq_base[31:0];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_CQ_BASE_HI: begin
        page_data = sel.cq_base[63:32];
        page_err  = reg_write_i && !disabled;
      end
      REG_QUEUE_IRQ_COALESCE: page_data = {sel.irq_time, sel.irq_count};
      REG_QUEUE_SQ_HEAD: begin
        page_data = 32'(sel.head);
        page_err  = reg_write_i;
      end
      REG_QUEUE_CQ_TAIL: begin
        page_data = 32'(sel.posted);
        page_err  = reg_write_i;
      end
      REG_QUEUE_REQS: begin
        page_data = sel.reqs;
        page_err  = reg_write_i;
      end
      REG_QUEUE_ERRORS: begin
        page_data = sel.errors;
        page_err  = reg_write_i;
      end
      default: page_err = 1'b1;
    endcase
    if (reg_bind_i) begin
      page_data = {20'd0, sel.weight, sel.domain};
      page_err  = reg_write_i && !disabled;
    end
  end
  always_ff @(posedge clk_i) begin
    reg_rdata_o <= page_data;
    reg_err_o   <= page_err;
  end

  // --------------------------------------------------------------- state
  // A queue that has nothing in flight, in no stage.
  /* verilator lint_off UNUSEDSIGNAL */
  function automatic logic still(queue_t s);
    /* verilator lint_on UNUSEDSIGNAL */
    return s.head == s.posted && s.reads == '0;
  endfunction

  for (genvar g = 0; g < int'(QUEUES); g++) begin : g_queue
    localparam logic [QW-1:0] ME = QW'(g);
    logic mine, irq, newly_bad;
    assign mine = page_write && reg_queue_i == ME && !reg_bind_i;
    logic posted, posted_irq;
    assign posted     = cpl_posted_i && cpl_posted_queue_i == ME;
    assign posted_irq = posted && !cpl_posted_err_i;
    logic [15:0] irq_goal;
    assign irq_goal = q[g].irq_count == '0 ? 16'd1 : q[g].irq_count;
    assign irq = q[g].irq_waiting >= irq_goal
        || (q[g].irq_waiting != '0 && q[g].irq_time != '0 && q[g].irq_timer >= {q[g].irq_time, 4'd0});
    // A doorbell is measured against the reads of its own cycle, too: a tail behind them would look far ahead.
    logic [15:0] fetch_d;
    assign fetch_d = q[g].fetch + (fetch_i && ask_i == ME ? 16'(fetch_count_i) : 16'd0);
    queue_error_e fault;
    always_comb begin
      fault = QUEUE_ERROR_NONE;
      if (fetched_i && fetched_err_i && fetched_queue_i == ME) fault = QUEUE_ERROR_SQ_FETCH;
      if (mine && reg_off_i == REG_QUEUE_SQ_TAIL[11:0]
          && ((new_count - q[g].head) > 16'(depth(q[g].sq_log2)) || (new_count - fetch_d) > 16'(depth(q[g].sq_log2))))
        fault = QUEUE_ERROR_BAD_DOORBELL;
      if (mine && reg_off_i == REG_QUEUE_CQ_HEAD[11:0] && (q[g].alloc - new_count) > (q[g].alloc - q[g].cq_head))
        fault = QUEUE_ERROR_BAD_DOORBELL;
      if (posted && cpl_posted_err_i) fault = QUEUE_ERROR_CQ_WRITE;
    end
    always_ff @(posedge clk_i) begin
      fetchable_o[g] <= q[g].state == QUEUE_STATE_ENABLED && q[g].tail != q[g].fetch
          && (q[g].fetch - q[g].cq_head) != 16'(depth(q[g].cq_log2)) && !(fetch_i && ask_i == ME) && q[g].reads != '1;
      newly_bad <= 1'b0;
      irq_o[g]  <= irq;

      q[g].fetch <= fetch_d;
      q[g].reads <= q[g].reads + 5'(fetch_i && ask_i == ME) - 5'(fetched_i && fetched_queue_i == ME);
      if (deliver_i && deliver_queue_i == ME) q[g].head <= q[g].head + 16'd1;
      if (cpl_alloc_i && cpl_queue_i == ME) q[g].alloc <= q[g].alloc + 16'd1;
      if (posted) begin
        q[g].posted <= q[g].posted + 16'd1;
        q[g].reqs   <= q[g].reqs + 32'd1;
        q[g].errors <= q[g].errors + 32'(!cpl_posted_ok_i);
      end
      q[g].irq_waiting <= (irq ? 16'd0 : q[g].irq_waiting) + 16'(posted_irq);
      q[g].irq_timer   <= (irq || q[g].irq_waiting == '0) ? '0 : q[g].irq_timer + 20'd1;

      if (mine) begin
        unique case ({8'h10, reg_off_i})
          REG_QUEUE_DEPTH: begin
            q[g].sq_log2 <= reg_wdata_i[3:0];
            q[g].cq_log2 <= reg_wdata_i[11:8];
          end
          REG_QUEUE_SQ_BASE_LO: q[g].sq_base[31:0] <= reg_wdata_i;
          REG_QUEUE_SQ_BASE_HI: q[g].sq_base[63:32] <= reg_wdata_i;
          REG_QUEUE_CQ_BASE_LO: q[g].cq_base[31:0] <= reg_wdata_i;
          REG_QUEUE_CQ_BASE_HI: q[g].cq_base[63:32] <= reg_wdata_i;
          REG_QUEUE_IRQ_COALESCE: {q[g].irq_time, q[g].irq_count} <= reg_wdata_i;
          REG_QUEUE_SQ_TAIL: if (q[g].state == QUEUE_STATE_ENABLED && fault == QUEUE_ERROR_NONE) q[g].tail <= new_count;
          REG_QUEUE_CQ_HEAD: if (q[g].state != QUEUE_STATE_DISABLED && fault == QUEUE_ERROR_NONE) q[g].cq_head <= new_count;
          default: ;
        endcase
      end
      if (page_write && reg_bind_i && reg_queue_i == ME) begin
        q[g].domain <= reg_wdata_i[7:0];
        q[g].weight <= reg_wdata_i[11:8];
      end

      if (fault != QUEUE_ERROR_NONE && q[g].state == QUEUE_STATE_ENABLED) begin
        q[g].state <= QUEUE_STATE_ERROR;
        q[g].error <= fault;
        newly_bad  <= 1'b1;
      end else if (fault == QUEUE_ERROR_CQ_WRITE) q[g].error <= fault;
      if (q[g].state == QUEUE_STATE_RESETTING && still(q[g])) begin
        q[g].state <= QUEUE_STATE_DISABLED;
        q[g].error <= QUEUE_ERROR_NONE;
      end
      if (mine && {8'h10, reg_off_i} == REG_QUEUE_CTRL) begin
        if (reg_wdata_i[REG_QUEUE_CTRL_RESET_LSB]) begin
          if (q[g].state != QUEUE_STATE_DISABLED) q[g].state <= QUEUE_STATE_RESETTING;
        end else if (reg_wdata_i[REG_QUEUE_CTRL_ENABLE_LSB] && q[g].state == QUEUE_STATE_DISABLED) begin
          q[g].state <= config_ok(q[g]) ? QUEUE_STATE_ENABLED : QUEUE_STATE_ERROR;
          q[g].error <= config_ok(q[g]) ? QUEUE_ERROR_NONE : QUEUE_ERROR_BAD_CONFIG;
          newly_bad  <= !config_ok(q[g]);
          {q[g].tail, q[g].fetch, q[g].head, q[g].cq_head, q[g].alloc, q[g].posted} <= '0;
          q[g].irq_waiting <= '0;
        end
      end
      if (clear_counters_i) begin
        q[g].reqs   <= '0;
        q[g].errors <= '0;
      end
      if (!rst_ni) begin
        q[g]           <= '0;
        q[g].irq_count <= REG_QUEUE_IRQ_COALESCE_COUNT_RESET;
        q[g].weight    <= REG_QUEUE_BIND_WEIGHT_RESET;
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
