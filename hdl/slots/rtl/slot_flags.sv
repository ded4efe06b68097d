// SPDX-License-Identifier: Apache-2.0
//
// A slot's flags, which are registers, two cycles after its number: one of each row first, then the row. One large multiplexer would be
// too slow.
module slot_flags #(
  parameter  int unsigned SLOTS = 64,
  parameter  int unsigned WIDTH = 2,
  localparam int unsigned IW    = $clog2(SLOTS),
  localparam int unsigned LW    = IW / 2,        // index within a row
  localparam int unsigned ROWS  = SLOTS >> LW
) (
  input  logic                        clk_i,
  input  logic [SLOTS-1:0][WIDTH-1:0] flags_i,
  input  logic [IW-1:0]               slot_i,
  output logic [WIDTH-1:0]            flags_o
);
  logic [ROWS-1:0][WIDTH-1:0] rows_q;
  logic [IW-LW-1:0]           row_q;
  always_ff @(posedge clk_i) begin
    for (int r = 0; r < int'(ROWS); r++) rows_q[r] <= flags_i[IW'(r << LW) | (slot_i & IW'((1 << LW) - 1))];
    row_q   <= slot_i[IW-1:LW];
    flags_o <= rows_q[row_q];
  end
endmodule
