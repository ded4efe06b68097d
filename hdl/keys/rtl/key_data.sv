// SPDX-License-Identifier: Apache-2.0
//
// What the key unit has in hand, 64 words of 8 bytes in one memory (key_pkg says where): `base`, a slot's material; `made`, a key on its
// way to its slot or to the wrapping engine; `side`, what is not one: what was read or is to be written, salt and PRK, a wrapped key; `info`,
// a KDF's data.
//
// Everything goes through one port in and one out. A word put in cycle t can be asked for from t + 1 on; a word comes three cycles after its
// address. Users of the ports take turns by the state of the operation: those that are silent give zeros.
//
// zero_i: if anything was put, base, made and side are overwritten, one word a cycle; all of it is so after a reset, and by wipe_i. What is
// put meanwhile is dropped. clean_o says that nothing is left of them, here or in the registers.
module key_data
  import key_pkg::*;
#(
  parameter int unsigned SOURCES = 1,
  parameter int unsigned USERS   = 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             wipe_i,             // its first cycle
  input  logic             zero_i,
  output logic             clean_o,
  input  put_t             put_i[SOURCES],
  input  logic [5:0]       get_at_i[USERS],
  output logic [63:0]      word_o
);
  (* ram_style = "block", no_rw_check *) logic [63:0] words[64];

  logic [6:0] left_q;          // words of a sweep still to go
  logic       sweeping_q, came_q, dirty_q;   // came_q: a word was put
  logic [3:0] settled_q;       // cycles since; the registers follow the memory
  put_t       put, put_q;
  logic [5:0] get_at, get_at_q;
  logic [63:0] first_q;
  always_comb begin
    put    = '0;
    get_at = '0;
    for (int i = 0; i < int'(SOURCES); i++) put |= put_i[i];
    for (int i = 0; i < int'(USERS); i++) get_at |= get_at_i[i];
  end
  always_ff @(posedge clk_i) begin
    put_q <= put;
    if (sweeping_q) put_q <= '{be: '1, at: 6'(left_q), word: '0};
    for (int b = 0; b < 8; b++) if (put_q.be[b]) words[put_q.at][8*b+:8] <= put_q.word[8*b+:8];
    get_at_q <= get_at;
    first_q  <= words[get_at_q];
    word_o   <= first_q;
  end

  assign clean_o = settled_q[3];
  always_ff @(posedge clk_i) begin
    came_q <= put.be != '0 && !sweeping_q;
    if (came_q) dirty_q <= 1'b1;
    if (sweeping_q) begin
      left_q     <= left_q - 7'd1;
      sweeping_q <= left_q != '0;
      dirty_q    <= 1'b0;
    end else if (zero_i && dirty_q) begin
      left_q     <= 7'(INFO_AT - 6'd1);
      sweeping_q <= 1'b1;
    end
    settled_q <= sweeping_q || dirty_q || put_q.be != '0 ? '0 : {settled_q[2:0], 1'b1};
    if (!rst_ni || wipe_i) begin
      left_q     <= 7'd63;
      sweeping_q <= 1'b1;
      came_q     <= 1'b0;
      settled_q  <= '0;
    end
  end
endmodule
