// SPDX-License-Identifier: Apache-2.0
//
// Power-up self-tests of the engines, all at once after a reset. An engine's self-test is started by start_o, which stays; done_i says that it is
// over, until the next reset, and ok_i whether it passed. One that is not over in LIMIT cycles has failed.
module selftest #(
  parameter int unsigned ENGINES = 1,
  parameter int unsigned LIMIT   = 65535
) (
  input  logic               clk_i,
  input  logic               rst_ni,
  output logic               start_o,
  input  logic [ENGINES-1:0] done_i,
  input  logic [ENGINES-1:0] ok_i,
  output logic               done_o,   // until reset
  output logic               ok_o      // when done: all passed
);
  localparam int unsigned LW = $clog2(LIMIT + 1);
  logic [LW-1:0] left_q;
  always_ff @(posedge clk_i) begin
    start_o <= rst_ni;
    left_q  <= !rst_ni ? LW'(LIMIT) : left_q - LW'(left_q != '0);
    if (!done_o && (done_i == '1 || left_q == '0)) begin
      done_o <= 1'b1;
      ok_o   <= done_i == '1 && ok_i == '1;
    end
    if (!rst_ni) begin
      done_o <= 1'b0;
      ok_o   <= 1'b0;
    end
  end
endmodule
