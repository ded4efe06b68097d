// SPDX-License-Identifier: Apache-2.0
//
// AES S-box (FIPS 197, 5.1.1) as a ROM in block RAM: a clocked read, its output register, a fabric register. Latency 3.
module aes_sbox_bram (
  input  logic       clk_i,
  input  logic       zero_i,  // put out zero one cycle later
  input  logic [7:0] data_i,
  output logic [7:0] data_o
);
  (* rom_style = "block" *) logic [7:0] rom[256];
  initial for (int i = 0; i < 256; i++) rom[i] = aes_pkg::SBOX_VALUES[i];
  logic [7:0] read_q, out_q;
  always_ff @(posedge clk_i) begin
    read_q <= rom[data_i];
    out_q  <= read_q;
    data_o <= zero_i ? '0 : out_q;
  end
endmodule
