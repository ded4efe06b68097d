// SPDX-License-Identifier: Apache-2.0
//
// The engine's rows: variables, then constants and the multiples of G, in block RAM. A read takes two cycles. A write is of the whole row
// or of single digits; constants are never written.
module ec_mem
  import ec_pkg::*;
(
  input  logic              clk_i,
  input  logic [ROW_W-1:0]  raddr_i,
  output row_t              rdata_o,
  input  logic [DIGITS-1:0] we_i,
  input  logic [VAR_W-1:0]  waddr_i,
  input  row_t              wdata_i
);
  for (genvar j = 0; j < DIGITS; j++) begin : g_column
    ec_mem_column #(.COLUMN(j)) u_column (
      .clk_i,
      .raddr_i,
      .rdata_o (rdata_o[j]),
      .we_i    (we_i[j]),
      .waddr_i,
      .wdata_i (wdata_i[j])
    );
  end
endmodule
