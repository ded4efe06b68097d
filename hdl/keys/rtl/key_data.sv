// SPDX-License-Identifier: Apache-2.0
//
// The key unit's two wide registers. `made` is a key on its way to its slot or to the wrapping engine; `side` is what is not one: what was
// read or is to be written, salt and PRK, a KDF's context, a wrapped key.
//
// A command in cycle t: shift, word, zero and cut are done with t + 1. The others take what their source has in t + 1 to a bus, and from there to
// their place, which has it from t + 3 on. Every multiplexer follows registers.
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
  input  logic [31:0]     word_i,         // made_i.word
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
  /* verilator lint_off UNUSEDSIGNAL */  // shifts have registers of their own
  side_cmd_t side_q;
  made_cmd_t made_q;
  /* verilator lint_on UNUSEDSIGNAL */
  always_ff @(posedge clk_i) begin
    side_q <= rst_ni ? side_i : '0;
    made_q <= rst_ni ? made_i : '0;
  end

  // ------------------------------------------------------------------ bus
  logic [575:0]    bus_q;
  logic [127:0]    tag_q;
  key_attributes_t attributes;
  always_comb begin
    attributes = attributes_i;
    if (side_q.head) attributes.generation = BLOB_MARK;
  end
  always_ff @(posedge clk_i) begin
    bus_q <= (576'(window_i) & {576{made_q.window}}) | (576'(base_i) & {576{made_q.base}})
           | (576'(mac_i) & {576{side_q.mac || made_q.mac || made_q.second_256 || made_q.second_384}})
           | (wrapped_i & {576{side_q.kwp || side_q.blob || made_q.wrapped}})
           | (576'(rnd_i) & {576{side_q.random || made_q.random_low || made_q.random_high}})
           | (576'(attributes) & {576{side_q.attributes || side_q.head}})
           | ({320'(rnd_i[95:0]), 256'd0} & {576{side_q.head}})
           | (576'(context_i) & {576{side_q.derives}});
    tag_q <= tag_i & {128{side_q.blob}};
    if (!rst_ni) bus_q <= '0;
  end

  // ----------------------------------------------------------------- side
  logic          load_q, blob_q;          // from the bus: to the bottom; a ciphertext and its tag to the top
  logic [7:0]    byte_q;
  logic [1023:0] side_d, moved;
  (* keep *) logic [3:0] shift_q;         // one for each quarter
  assign moving_o = shift_q[0];
  assign moved    = {byte_q, side_o[1023:8]};
  always_ff @(posedge clk_i) begin
    shift_q <= {4{side_i.shift && rst_ni}};
    byte_q  <= side_i.shift ? byte_i : '0;
    load_q  <= rst_ni && (side_q.attributes || side_q.head || side_q.derives || side_q.random || side_q.mac || side_q.kwp);
    blob_q  <= rst_ni && side_q.blob;
  end
  always_comb begin
    for (int q = 0; q < 4; q++) side_d[256*q+:256] = moved[256*q+:256] & {256{shift_q[q]}};
    side_d[575:0]    |= bus_q & {576{load_q}};
    side_d[1023:512] |= bus_q[511:0] & {512{blob_q}};
    side_d[511:384]  |= tag_q;
  end
  always_ff @(posedge clk_i) begin
    if (side_q.zero || shift_q[0] || load_q) side_o[383:0] <= side_d[383:0];
    if (side_q.zero || shift_q[0] || load_q || blob_q) side_o[1023:384] <= side_d[1023:384];
    if (!rst_ni) side_o <= '0;
  end

  // ----------------------------------------------------------------- made
  logic         all_q, half_q, rest_q;    // from the bus: all of it; to the upper half; to the last quarter
  logic [63:0]  cut_q;                    // bytes that stay
  logic         word_now_q;
  logic [31:0]  word_q;
  logic [511:0] made_d;
  always_ff @(posedge clk_i) begin
    all_q  <= rst_ni && (made_q.window || made_q.base || made_q.mac || made_q.wrapped || made_q.random_low);
    half_q <= rst_ni && (made_q.random_high || made_q.second_256);
    rest_q <= rst_ni && made_q.second_384;
    word_now_q <= rst_ni && made_i.word;
    word_q <= word_i & {32{made_i.word}};
    for (int i = 0; i < 64; i++) cut_q[i] <= made_i.cut && 7'(i) < len_i;
  end
  always_comb begin
    for (int i = 0; i < 64; i++) made_d[8*i+:8] = made_o[8*i+:8] & {8{cut_q[i]}};
    made_d          |= {word_q, made_o[511:32]} & {512{word_now_q}};
    made_d          |= bus_q[511:0] & {512{all_q}};
    made_d[511:256] |= bus_q[255:0] & {256{half_q}};
    made_d[511:384] |= bus_q[127:0] & {128{rest_q}};
  end
  always_ff @(posedge clk_i) begin
    if (made_q.zero || made_q.cut || word_now_q || all_q) made_o[255:0] <= made_d[255:0];
    if (made_q.zero || made_q.cut || word_now_q || all_q || half_q) made_o[383:256] <= made_d[383:256];
    if (made_q.zero || made_q.cut || word_now_q || all_q || half_q || rest_q) made_o[511:384] <= made_d[511:384];
    if (!rst_ni) made_o <= '0;
  end
endmodule
