// SPDX-License-Identifier: Apache-2.0
//
// Serves the operations of abi/README.md, Elliptic curves: they wait in a FIFO, each goes to the first channel that is free, and is answered
// when it is done, so not in their order. The channels take turns at the slots, the generator and the key unit; each has its own way to
// memory.
module ec_unit
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
  import ecunit_pkg::*;
#(
  parameter  int unsigned DW      = 256,
  parameter  int unsigned SLOTS   = 64,
  parameter  int unsigned QUEUES  = 8,
  parameter  int unsigned ENGINES = 1,
  parameter  int unsigned DEPTH   = 64,          // operations that wait
  parameter  bit          CLOCK_GATES = 1'b0,    // see clock_gate
  localparam int unsigned BYTES   = DW / 8
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  input  logic               wipe_i,             // zeroize: stays until reset
  output logic               wiped_o,
  output logic               test_failed_o,      // a self-test, which an engine does before its first work; until reset
  input  logic               test_fault_i,
  input  logic               ec_fault_i,         // tied to 0, but in tests: a wrong bit within the engines
  input  logic               req_valid_i,
  output logic               req_ready_o,
  input  key_req_t           req_i,
  output logic               full_o,             // room for less than half of DEPTH
  input  logic [QUEUES-1:0]  resetting_i,
  // Slots.
  output ec_ask_t            ask_o,
  input  ec_answer_t         answer_i,
  output logic [ENGINES-1:0] held_o,
  output logic [15:0]        held_slot_o[ENGINES],
  // Random blocks: see ec_channel.
  output logic               rnd_ask_o,
  input  logic               rnd_ready_i,
  input  logic               rnd_valid_i,
  output logic               rnd_take_o,
  input  logic [63:0]        rnd_i,
  input  logic               rnd_error_i,
  // Key unit.
  output logic               key_valid_o,
  input  logic               key_ready_i,
  output key_req_t           key_o,
  input  logic [2:0]         secret_at_i,
  output logic [63:0]        secret_o,
  // Memory, a port for each channel.
  output logic [ENGINES-1:0] ar_valid_o,
  input  logic [ENGINES-1:0] ar_ready_i,
  output axi_ar_t            ar_o[ENGINES],
  input  logic [ENGINES-1:0] r_valid_i,
  input  logic [DW-1:0]      r_data_i,
  input  logic               r_err_i,
  input  logic               r_last_i,
  output logic [ENGINES-1:0] aw_valid_o,
  input  logic [ENGINES-1:0] aw_ready_i,
  output axi_aw_t            aw_o[ENGINES],
  output logic [ENGINES-1:0] w_valid_o,
  input  logic [ENGINES-1:0] w_ready_i,
  output logic [DW-1:0]      w_data_o[ENGINES],
  output logic [BYTES-1:0]   w_strb_o[ENGINES],
  input  logic [ENGINES-1:0] b_valid_i,
  input  logic               b_err_i,
  output logic [ENGINES-1:0] cpl_valid_o,
  input  logic [ENGINES-1:0] cpl_ready_i,
  output cpl_t               cpl_o[ENGINES]
);
  // It stands still while there is nothing to do: from some cycles after the last work on.
  logic               clk, work, next_valid;
  logic [3:0]         rest_q;
  logic [ENGINES-1:0] idle, wiped, failed;
  assign work = !rst_ni || wipe_i || req_valid_i || next_valid || idle != '1;
  clock_gate #(.ON(CLOCK_GATES)) u_clock (.clk_i, .on_i(work || rest_q != '0), .clk_o(clk));
  always_ff @(posedge clk) rest_q <= work ? '1 : rest_q - 4'(rest_q != '0);

  key_req_t           next;
  logic [ENGINES-1:0] free, take;
  fifo #(.WIDTH($bits(key_req_t)), .DEPTH(DEPTH)) u_wait (
    .clk_i(clk), .rst_ni,
    .in_valid_i(req_valid_i), .in_ready_o(req_ready_o), .in_i(req_i),
    .out_valid_o(next_valid), .out_ready_i(free != '0), .out_o(next)
  );
  assign take = free & (~free + 1'b1);

  // How many wait.
  logic [$clog2(DEPTH+1)-1:0] waiting_q;
  always_ff @(posedge clk) begin
    waiting_q <= waiting_q + ($bits(waiting_q))'(req_valid_i && req_ready_o) - ($bits(waiting_q))'(next_valid && free != '0);
    full_o    <= waiting_q >= ($bits(waiting_q))'(DEPTH / 2);
    if (!rst_ni) begin
      waiting_q <= '0;
      full_o    <= 1'b0;
    end
  end

  assign wiped_o       = wiped == '1;
  assign test_failed_o = failed != '0;

  // Whose turn it is: kept while it asks.
  logic [ENGINES-1:0] port_ask, rnd_ask, rnd_take, key_valid;
  logic [3:0]         port_q, rnd_q, key_q;
  logic               rnd_due_q;
  logic [1:0]         rnd_word_q;      // of a block
  ec_ask_t            ask[ENGINES];
  key_req_t           key[ENGINES];
  logic [63:0]        secret[ENGINES];
  function automatic logic [3:0] turn(logic [3:0] now, logic [ENGINES-1:0] wishes);
    turn = now;
    for (int e = int'(ENGINES) - 1; e >= 0; e--) if (wishes[e]) turn = 4'(e);
    for (int e = int'(ENGINES) - 1; e >= 0; e--) if (wishes[e] && 4'(e) > now) turn = 4'(e);
  endfunction
  logic port_busy, key_busy;
  always_comb begin
    port_busy   = 1'b0;
    key_busy    = 1'b0;
    ask_o       = '0;
    rnd_ask_o   = 1'b0;
    rnd_take_o  = 1'b0;
    key_valid_o = 1'b0;
    key_o       = key[0];
    secret_o    = '0;
    for (int e = 0; e < int'(ENGINES); e++) begin
      if (port_q == 4'(e)) begin
        port_busy = ask[e].ask;
        ask_o     = ask[e];
      end
      if (rnd_q == 4'(e)) begin
        rnd_ask_o  = rnd_ask[e] && !rnd_due_q;
        rnd_take_o = rnd_take[e] && rnd_due_q;
      end
      if (key_q == 4'(e)) begin
        key_busy    = key_valid[e];
        key_valid_o = key_valid[e];
        key_o       = key[e];
        secret_o    = secret[e];
      end
    end
  end
  always_ff @(posedge clk) begin
    if (!port_busy) port_q <= turn(port_q, port_ask);
    if (!key_busy) key_q <= turn(key_q, key_valid);
    if (!rnd_ask_o && !rnd_due_q) rnd_q <= turn(rnd_q, rnd_ask);
    if (rnd_ask_o && rnd_ready_i) rnd_due_q <= 1'b1;
    else if ((rnd_take_o && rnd_word_q == '1) || wipe_i || rnd_error_i) rnd_due_q <= 1'b0;
    rnd_word_q <= !rnd_due_q ? '0 : rnd_word_q + 2'(rnd_take_o);
    if (!rst_ni) begin
      port_q    <= '0;
      key_q     <= '0;
      rnd_q     <= '0;
      rnd_due_q <= 1'b0;
    end
  end

  for (genvar e = 0; e < int'(ENGINES); e++) begin : g_channel
    assign port_ask[e] = ask[e].ask;
    ec_channel #(.DW(DW), .SLOTS(SLOTS), .QUEUES(QUEUES)) u_channel (
      .clk_i(clk), .rst_ni, .wipe_i, .wiped_o(wiped[e]), .idle_o(idle[e]),
      .test_failed_o(failed[e]), .test_fault_i, .ec_fault_i,
      .req_valid_i(next_valid && take[e]), .req_ready_o(free[e]), .req_i(next), .resetting_i,
      .turn_i(port_q == 4'(e)), .ask_o(ask[e]), .answer_i,
      .held_o(held_o[e]), .held_slot_o(held_slot_o[e]),
      .rnd_ask_o(rnd_ask[e]), .rnd_ready_i(rnd_ready_i && rnd_q == 4'(e) && !rnd_due_q),
      .rnd_valid_i(rnd_valid_i && rnd_q == 4'(e) && rnd_due_q), .rnd_take_o(rnd_take[e]), .rnd_i, .rnd_error_i,
      .key_valid_o(key_valid[e]), .key_ready_i(key_ready_i && key_q == 4'(e)), .key_o(key[e]),
      .secret_at_i, .secret_o(secret[e]),
      .ar_valid_o(ar_valid_o[e]), .ar_ready_i(ar_ready_i[e]), .ar_o(ar_o[e]),
      .r_valid_i(r_valid_i[e]), .r_data_i, .r_err_i, .r_last_i,
      .aw_valid_o(aw_valid_o[e]), .aw_ready_i(aw_ready_i[e]), .aw_o(aw_o[e]),
      .w_valid_o(w_valid_o[e]), .w_ready_i(w_ready_i[e]), .w_data_o(w_data_o[e]), .w_strb_o(w_strb_o[e]),
      .b_valid_i(b_valid_i[e]), .b_err_i,
      .cpl_valid_o(cpl_valid_o[e]), .cpl_ready_i(cpl_ready_i[e]), .cpl_o(cpl_o[e])
    );
  end
endmodule
