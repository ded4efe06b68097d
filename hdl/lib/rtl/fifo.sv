// SPDX-License-Identifier: Apache-2.0
//
// FIFO over a RAM with a registered output and a full check: an entry can be read two cycles after it was written. wipe_i: gcm_fifo.
module fifo #(
  parameter int unsigned WIDTH = 8,
  parameter int unsigned DEPTH = 16   // a power of two
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             wipe_i = 1'b0,
  input  logic             in_valid_i,
  output logic             in_ready_o,
  input  logic [WIDTH-1:0] in_i,
  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [WIDTH-1:0] out_o
);
  localparam int unsigned CW = $clog2(DEPTH) + 1;
  logic [CW-1:0] count_q;
  logic          push, pop;
  assign in_ready_o = count_q != CW'(DEPTH);
  assign push       = in_valid_i && in_ready_o;
  assign pop        = out_valid_o && out_ready_i;
  always_ff @(posedge clk_i) begin
    count_q <= count_q + CW'(push) - CW'(pop);
    if (!rst_ni) count_q <= '0;
  end
  gcm_fifo #(.WIDTH(WIDTH), .DEPTH(DEPTH)) u_ram (
    .clk_i, .rst_ni, .wipe_i,
    .in_valid_i(push), .in_i,
    .out_valid_o, .out_ready_i, .out_o
  );
endmodule
