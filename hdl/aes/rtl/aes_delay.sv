// SPDX-License-Identifier: Apache-2.0
//
// A value some cycles later, through a block RAM written and read round and round.
module aes_delay #(
  parameter int unsigned WIDTH  = 128,
  parameter int unsigned CYCLES = 8     // 3 and more
) (
  input  logic             clk_i,
  input  logic [WIDTH-1:0] data_i,
  output logic [WIDTH-1:0] data_o
);
  localparam int unsigned AW = $clog2(CYCLES);
  (* ram_style = "block", no_rw_check *) logic [WIDTH-1:0] ram[2**AW];
  // Nothing starts the counter: where it is does not matter.
  logic [AW-1:0]    now_q, then_q;
  logic [WIDTH-1:0] read_q;
  initial now_q = '0;
  always_ff @(posedge clk_i) begin
    now_q      <= now_q + 1'b1;
    then_q     <= now_q - AW'(CYCLES - 3);
    ram[now_q] <= data_i;
    read_q     <= ram[then_q];
    data_o     <= read_q;
  end
endmodule
