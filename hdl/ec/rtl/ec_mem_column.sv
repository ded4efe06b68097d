// SPDX-License-Identifier: Apache-2.0
//
// One digit of every row.
module ec_mem_column
  import ec_pkg::*;
#(
  parameter int unsigned COLUMN = 0
) (
  input  logic             clk_i,
  input  logic [ROW_W-1:0] raddr_i,
  output logic [K:0]       rdata_o,
  input  logic             we_i,
  input  logic [VAR_W-1:0] waddr_i,
  input  logic [K:0]       wdata_i
);
  (* ram_style = "block", no_rw_check *) logic [K:0] mem[2**ROW_W];
  localparam logic [2**ROW_W*(K+1)-1:0] INIT = ec_rows_pkg::COLUMNS[COLUMN];
  initial begin
    for (int i = 0; i < 2**ROW_W; i++) mem[i] = INIT[(K+1)*i+:K+1];
  end
  logic [K:0] read_q;
  always_ff @(posedge clk_i) begin
    read_q  <= mem[raddr_i];
    rdata_o <= read_q;
    if (we_i) mem[{(ROW_W-VAR_W)'(0), waddr_i}] <= wdata_i;
  end
endmodule
