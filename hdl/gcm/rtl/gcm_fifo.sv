// SPDX-License-Identifier: Apache-2.0
//
// FIFO over a RAM with a registered output: an entry can be read two cycles after it was written. No overflow check:
// writers hold credits. OUT_REG adds a second register, and a cycle: the output register of a block RAM, without which it is slow.
// While wipe_i, in_i goes to one entry after another, nothing is put out, and the registers follow: given zeros, it forgets all it
// held in DEPTH + 3 cycles. A reset must follow, unless it is never used again.
module gcm_fifo #(
  parameter int unsigned WIDTH = 8,
  parameter int unsigned DEPTH = 16,  // a power of two
  parameter bit          OUT_REG = 1'b0
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             wipe_i = 1'b0,
  input  logic             in_valid_i,
  input  logic [WIDTH-1:0] in_i,
  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic [WIDTH-1:0] out_o
);
  localparam int unsigned AW = $clog2(DEPTH);
  (* no_rw_check *) logic [WIDTH-1:0] ram[DEPTH];
  logic [AW:0] write_q, read_q;
  logic             some, advance, read_valid, read_ready;
  logic [WIDTH-1:0] read;
  assign some    = write_q != read_q;
  assign advance = !read_valid || read_ready || wipe_i;
  always_ff @(posedge clk_i) begin
    if (in_valid_i || wipe_i) begin
      ram[write_q[AW-1:0]] <= in_i;
      write_q              <= write_q + 1'b1;
    end
    if (advance) begin
      read       <= ram[read_q[AW-1:0]];
      read_valid <= some && !wipe_i;
    end
    if (advance && some) read_q <= read_q + 1'b1;
    if (!rst_ni && !wipe_i) begin
      write_q    <= '0;
      read_q     <= '0;
      read_valid <= 1'b0;
    end
  end
  if (OUT_REG) begin : g_out
    assign read_ready = !out_valid_o || out_ready_i || wipe_i;
    always_ff @(posedge clk_i) begin
      if (read_ready) begin
        out_o       <= read;
        out_valid_o <= read_valid;
      end
      if (!rst_ni) out_valid_o <= 1'b0;
    end
  end else begin : g_direct
    assign read_ready  = out_ready_i;
    assign out_o       = read;
    assign out_valid_o = read_valid;
  end
endmodule
