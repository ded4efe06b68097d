// SPDX-License-Identifier: Apache-2.0
//
// Writes completions: 32 bytes each, at the queue's next entry, with its phase bit. A completion counts as posted when its
// write was answered.
module cq_write
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned DW     = 256,
  parameter  int unsigned QUEUES = 8,
  localparam int unsigned QW     = $clog2(QUEUES),
  localparam int unsigned BYTES  = DW / 8
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              cpl_valid_i,
  output logic              cpl_ready_o,
  input  cpl_t              cpl_i,
  // queues
  output logic [QW-1:0]     queue_o,
  /* verilator lint_off UNUSEDSIGNAL */
  input  logic [63:0]       addr_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic              phase_i,
  input  logic [15:0]       sq_head_i,
  input  logic              dead_i,
  input  logic [QUEUES-1:0] resetting_i,
  output logic              alloc_o,
  output logic              posted_o,
  output logic [QW-1:0]     posted_queue_o,
  output logic              posted_err_o,
  output logic              posted_ok_o,
  // AXI
  output logic              aw_valid_o,
  input  logic              aw_ready_i,
  output axi_aw_t           aw_o,
  output logic              w_valid_o,
  input  logic              w_ready_i,
  output logic [DW-1:0]     w_data_o,
  output logic [BYTES-1:0]  w_strb_o,
  input  logic              b_valid_i,
  input  logic              b_err_i
);
  localparam int unsigned OUT = 64;  // writes in flight

  // A dead queue's completions go the same way, but to no memory. On a 128-bit bus an entry takes two beats: what it says and
  // whether it is written is settled by the first.
  cpl_t          c_q;
  logic          c_valid_q;
  completion_t   e_d, e_q, e;
  logic          aborted, go, last, half_q, dead_q, dead;
  logic          w_room, aw_room, out_room;
  assign queue_o     = c_q.queue_idx[QW-1:0];
  assign aborted     = resetting_i[queue_o];
  assign go          = c_valid_q && w_room && aw_room && out_room;
  assign cpl_ready_o = !c_valid_q || last;
  assign alloc_o     = last;
  assign last = go && (DW >= 256 || half_q);
  always_comb begin
    e_d          = '0;
    e_d.phase    = phase_i;
    e_d.status   = aborted ? STATUS_ABORTED : c_q.status;
    e_d.queue_id = 8'(queue_o);
    e_d.sq_head  = sq_head_i;
    e_d.cookie   = c_q.cookie;
    e_d.bytes    = aborted ? '0 : c_q.bytes;
    if (!aborted) {e_d.result3, e_d.result2, e_d.result1, e_d.result0} = c_q.result;
  end
  assign e    = half_q ? e_q : e_d;
  assign dead = half_q ? dead_q : dead_i;
  always_ff @(posedge clk_i) begin
    if (cpl_ready_o) begin
      c_valid_q <= cpl_valid_i;
      c_q       <= cpl_i;
    end
    if (go) begin
      half_q <= DW < 256 && !half_q;
      e_q    <= e_d;
      dead_q <= dead_i;
    end
    if (!rst_ni) begin
      c_valid_q <= 1'b0;
      half_q    <= 1'b0;
    end
  end

  logic [DW-1:0]    data;
  logic [BYTES-1:0] strb;
  axi_aw_t          aw_d;
  if (DW == 128) begin : g_128
    // The phase is in the second beat, which goes out last.
    assign data     = half_q ? e[255:128] : e[127:0];
    assign strb     = '1;
    assign aw_d     = '{addr: {addr_i[63:5], 5'd0}, len: 8'd1};
  end else if (DW == 256) begin : g_256
    assign data     = e;
    assign strb     = '1;
    assign aw_d     = '{addr: {addr_i[63:5], 5'd0}, len: 8'd0};
  end else begin : g_512
    assign data     = {e, e};
    assign strb     = addr_i[5] ? {32'hffff_ffff, 32'd0} : {32'd0, 32'hffff_ffff};
    assign aw_d     = '{addr: {addr_i[63:6], 6'd0}, len: 8'd0};
  end
  fifo #(.WIDTH(DW + BYTES), .DEPTH(16)) u_w (
    .clk_i, .rst_ni,
    .in_valid_i(go && !dead), .in_ready_o(w_room), .in_i({strb, data}),
    .out_valid_o(w_valid_o), .out_ready_i(w_ready_i), .out_o({w_strb_o, w_data_o})
  );
  fifo #(.WIDTH($bits(axi_aw_t)), .DEPTH(8)) u_aw (
    .clk_i, .rst_ni,
    .in_valid_i(last && !dead), .in_ready_o(aw_room), .in_i(aw_d),
    .out_valid_o(aw_valid_o), .out_ready_i(aw_ready_i), .out_o(aw_o)
  );

  logic          out_valid, out_ok, out_dead, out_pop, b_some, b_err;
  logic [QW-1:0] out_queue;
  fifo #(.WIDTH(QW + 2), .DEPTH(OUT)) u_out (
    .clk_i, .rst_ni,
    .in_valid_i(last), .in_ready_o(out_room), .in_i({dead, e.status == STATUS_OK, queue_o}),
    .out_valid_o(out_valid), .out_ready_i(out_pop), .out_o({out_dead, out_ok, out_queue})
  );
  gcm_fifo #(.WIDTH(1), .DEPTH(OUT)) u_b (
    .clk_i, .rst_ni,
    .in_valid_i(b_valid_i), .in_i(b_err_i),
    .out_valid_o(b_some), .out_ready_i(out_pop && !out_dead), .out_o(b_err)
  );
  assign out_pop        = out_valid && (out_dead || b_some);
  assign posted_o       = out_pop;
  assign posted_queue_o = out_queue;
  assign posted_err_o   = !out_dead && b_err;
  assign posted_ok_o    = out_ok;
endmodule
