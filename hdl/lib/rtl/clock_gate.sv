// SPDX-License-Identifier: Apache-2.0
//
// Stops a block's clock while on_i is low. on_i may depend on registers of either clock and, of the inputs, on those that change with
// clk_i's rising edge; it must be high in every cycle in which a register of the block would change.
//
// With ON = 0 the clock always runs: for FPGAs, whose clock trees want no logic. An ASIC puts its library's gating cell here.
module clock_gate #(
  parameter bit ON = 1'b0
) (
  input  logic clk_i,
  input  logic on_i,
  output logic clk_o
);
  if (ON) begin : g_gate
    logic on_q;
    // Changes only while the clock is low: no pulse is cut.
    always_ff @(negedge clk_i) on_q <= on_i;
    assign clk_o = clk_i && on_q;
  end else begin : g_wire
    logic unused;
    assign unused = on_i;
    assign clk_o  = clk_i;
  end
endmodule
