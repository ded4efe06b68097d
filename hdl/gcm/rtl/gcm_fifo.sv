// SPDX-License-Identifier: Apache-2.0
//
// FIFO over a RAM with a registered output: an entry can be read two cycles after it was written. No overflow check:
// writers hold credits.
module gcm_fifo #(
  parameter int unsigned WIDTH = 8,
  parameter int unsigned DEPTH = 16   // a power of two
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             in_valid_i,
  input  logic [WIDTH-1:0] in_i,
  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [WIDTH-1:0] out_o
);
  localparam int unsigned AW = $clog2(DEPTH);
  (* no_rw_check *) logic [WIDTH-1:0] ram[DEPTH];
  logic [AW:0] write_q, read_q;
  logic        some, advance;
  assign some    = write_q != read_q;
  assign advance = !out_valid_o || out_ready_i;
  always_ff @(posedge clk_i) begin
    if (in_valid_i) begin
      ram[write_q[AW-1:0]] <= in_i;
      write_q              <= write_q + 1'b1;
    end
    if (advance) begin
      out_o       <= ram[read_q[AW-1:0]];
      out_valid_o <= some;
      read_q      <= read_q + (AW + 1)'(some);
    end
    if (!rst_ni) begin
      write_q     <= '0;
      read_q      <= '0;
      out_valid_o <= 1'b0;
    end
  end
endmodule
