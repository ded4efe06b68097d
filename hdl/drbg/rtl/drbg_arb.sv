// SPDX-License-Identifier: Apache-2.0
//
// Two users of the generator: a request goes through with all of its blocks, of four words, before another does. Users take what they asked for, unless the
// generator fails or is cleared.
module drbg_arb #(
  parameter int unsigned BLOCKS_W = 8
) (
  input  logic                clk_i,
  input  logic                rst_ni,
  input  logic                clear_i,        // what is asked for will not come
  // Users.
  input  logic [1:0]          ask_i,
  output logic [1:0]          ready_o,
  input  logic [BLOCKS_W-1:0] blocks_i[2],    // 1 or more
  output logic [1:0]          valid_o,
  input  logic [1:0]          take_i,
  // Generator.
  output logic                req_valid_o,
  input  logic                req_ready_i,
  output logic [BLOCKS_W-1:0] req_blocks_o,
  input  logic                out_valid_i,
  output logic                out_ready_o
);
  logic                busy_q, user_q;
  logic [BLOCKS_W+1:0] left_q;   // words
  assign req_valid_o  = !busy_q && ask_i[user_q];
  assign req_blocks_o = blocks_i[user_q];
  assign out_ready_o  = busy_q && take_i[user_q];
  always_comb begin
    ready_o         = '0;
    valid_o         = '0;
    ready_o[user_q] = !busy_q && req_ready_i;
    valid_o[user_q] = busy_q && out_valid_i;
  end
  always_ff @(posedge clk_i) begin
    if (!busy_q && !ask_i[user_q] && ask_i[!user_q]) user_q <= !user_q;
    if (req_valid_o && req_ready_i) begin
      busy_q <= 1'b1;
      left_q <= {req_blocks_o, 2'b00};
    end
    if (out_valid_i && out_ready_o) begin
      left_q <= left_q - 1'b1;
      if (left_q == (BLOCKS_W + 2)'(1)) begin
        busy_q <= 1'b0;
        user_q <= !user_q;
      end
    end
    if (clear_i || !rst_ni) busy_q <= 1'b0;
    if (!rst_ni) user_q <= 1'b0;
  end
endmodule
