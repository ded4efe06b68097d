// SPDX-License-Identifier: Apache-2.0
//
// One round's keys, by slot: one write port, one read port of latency 2 (RAM, then a fabric register).
// A slot is never written while a request that uses it is in the lane.
module aes_key_ram #(
  parameter int unsigned SLOTS = 64
) (
  input  logic                     clk_i,
  input  logic                     write_i,
  input  logic [$clog2(SLOTS)-1:0] write_slot_i,
  input  logic [127:0]             write_key_i,
  input  logic [$clog2(SLOTS)-1:0] slot_i,
  output logic [127:0]             key_o
);
  (* ram_style = "block", no_rw_check *) logic [127:0] ram[SLOTS];
  logic [127:0] read_q;
  always_ff @(posedge clk_i) begin
    if (write_i) ram[write_slot_i] <= write_key_i;
    read_q <= ram[slot_i];
    key_o  <= read_q;
  end
endmodule
