// SPDX-License-Identifier: Apache-2.0
//
// The key unit's two wide registers. `made` is a key on its way to its slot or to the wrapping engine; `side` is what is not one: what was
// read or is to be written, salt and PRK, a KDF's context, a wrapped key. A command acts in the cycle after the one in which it is
// given, on the data that are there then: wide multiplexers whose selects are registers.
module key_data
  import casemate_abi_pkg::*;
  import key_pkg::*;
(
  input  logic            clk_i,
  input  logic            rst_ni,
  input  side_cmd_t       side_i,
  input  made_cmd_t       made_i,
  // Sources.
  input  logic [7:0]      byte_i,         // side_i.shift
  input  key_attributes_t attributes_i,
  input  logic [23:0]     context_i,
  input  logic [255:0]    rnd_i,
  input  logic [511:0]    mac_i,
  input  logic [575:0]    wrapped_i,
  input  logic [127:0]    tag_i,
  input  logic [511:0]    window_i,
  input  logic [511:0]    base_i,
  input  logic [6:0]      len_i,          // made_i.cut
  output logic [1023:0]   side_o,
  output logic            moving_o,       // a byte of side goes in this cycle
  output logic [511:0]    made_o
);
  // ----------------------------------------------------------------- side
  logic            low_q, high_q;         // below the tag's place, and from it on
  /* verilator lint_off UNUSEDSIGNAL */  // zero is what is left
  side_cmd_t       side_q;
  /* verilator lint_on UNUSEDSIGNAL */
  (* keep *) logic [3:0] shift_q;         // one for each quarter
  logic [7:0]      byte_q;
  logic [1023:0]   side_d, moved;
  key_attributes_t attributes;
  assign moving_o = shift_q[0];
  assign moved    = {byte_q, side_o[1023:8]};
  always_ff @(posedge clk_i) begin
    side_q  <= side_i;
    low_q   <= side_i != '0 && !side_i.blob;
    high_q  <= side_i != '0;
    shift_q <= {4{side_i.shift}};
    byte_q  <= side_i.shift ? byte_i : '0;
    if (!rst_ni) {low_q, high_q, shift_q} <= '0;
  end
  always_comb begin
    attributes = attributes_i;
    if (side_q.head) attributes.generation = BLOB_MARK;
    for (int q = 0; q < 4; q++) side_d[256*q+:256] = moved[256*q+:256] & {256{shift_q[q]}};
    side_d[255:0]    |= (attributes & {256{side_q.attributes || side_q.head}}) | (rnd_i & {256{side_q.random}});
    side_d[23:0]     |= context_i & {24{side_q.derives}};
    side_d[351:256]  |= rnd_i[95:0] & {96{side_q.head}};
    side_d[511:0]    |= mac_i & {512{side_q.mac}};
    side_d[575:0]    |= wrapped_i & {576{side_q.kwp}};
    side_d[511:384]  |= tag_i & {128{side_q.blob}};
    side_d[1023:512] |= wrapped_i[511:0] & {512{side_q.blob}};
  end
  always_ff @(posedge clk_i) begin
    if (low_q) side_o[383:0] <= side_d[383:0];
    if (high_q) side_o[1023:384] <= side_d[1023:384];
    if (!rst_ni) side_o <= '0;
  end

  // ----------------------------------------------------------------- made
  logic [2:0]   part_q;                   // below 32 bytes, below 48, above
  /* verilator lint_off UNUSEDSIGNAL */
  made_cmd_t    made_q;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [63:0]  cut_q;                    // bytes that stay
  logic [511:0] made_d;
  always_ff @(posedge clk_i) begin
    made_q    <= made_i;
    part_q[0] <= made_i != '0 && !(made_i.random_high || made_i.second_256 || made_i.second_384);
    part_q[1] <= made_i != '0 && !made_i.second_384;
    part_q[2] <= made_i != '0;
    for (int i = 0; i < 64; i++) cut_q[i] <= made_i.cut && 7'(i) < len_i;
    if (!rst_ni) part_q <= '0;
  end
  always_comb begin
    for (int i = 0; i < 64; i++) made_d[8*i+:8] = made_o[8*i+:8] & {8{cut_q[i]}};
    made_d          |= (window_i & {512{made_q.window}}) | (base_i & {512{made_q.base}}) | (mac_i & {512{made_q.mac}})
                     | (wrapped_i[511:0] & {512{made_q.wrapped}});
    made_d[255:0]   |= rnd_i & {256{made_q.random_low}};
    made_d[511:256] |= (rnd_i & {256{made_q.random_high}}) | (mac_i[255:0] & {256{made_q.second_256}});
    made_d[511:384] |= mac_i[127:0] & {128{made_q.second_384}};
  end
  always_ff @(posedge clk_i) begin
    if (part_q[0]) made_o[255:0] <= made_d[255:0];
    if (part_q[1]) made_o[383:256] <= made_d[383:256];
    if (part_q[2]) made_o[511:384] <= made_d[511:384];
    if (!rst_ni) made_o <= '0;
  end
endmodule
