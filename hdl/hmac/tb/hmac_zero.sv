// SPDX-License-Identifier: Apache-2.0
//
// Bound into every instance: zero_o says that all its own registers are zero, words_zero_o that its memory is.
module hmac_zero
  import hmac_pkg::*;
(
  input  logic [12:0]  state_q,
  input  hmac_req_t    req_q,
  input  logic [3:0]   beat_q,
  input  logic [6:0]   rest_q,
  input  logic         ok_q,
  input  logic         settled_q,
  input  logic [63:0]  words[16],
  input  logic [63:0]  put_word_q,
  input  logic [3:0]   key_in_q,
  input  logic [63:0]  word_q,
  input  logic [3:0]   got_at_q,
  input  logic         spent_q,
  input  logic         got_q,
  input  logic         got_last_q,
  input  logic         key_last_q,
  input  logic         msg_last_q,
  input  logic         some_q,
  input  logic         last_q,
  input  logic [7:0]   keep_q,
  input  logic [7:0]   pad_q,
  input  logic [63:0]  data_q,
  input  logic [3:0]   bytes_q,
  input  logic [63:0]  expected_q,
  input  logic [63:0]  diff_q,
  input  logic         stepped_q,
  input  logic         mac_valid_o,
  input  logic [63:0]  mac_o,
  output logic         zero_o,
  output logic         words_zero_o,
  output logic         key_zero_o
);
  always_comb begin
    // In its first state.
    zero_o = state_q == 13'd1
           && ~|{req_q, beat_q, rest_q, ok_q, settled_q, put_word_q, key_in_q, word_q, got_at_q, spent_q, got_q, got_last_q, key_last_q, msg_last_q, some_q, last_q,
                 keep_q, pad_q, data_q, bytes_q, expected_q, diff_q, stepped_q, mac_valid_o, mac_o};
    words_zero_o = 1'b1;
    key_zero_o   = 1'b1;
    for (int i = 0; i < 16; i++) words_zero_o &= words[i] == '0;
    for (int i = 0; i < 8; i++) key_zero_o &= words[i] == '0;
  end
endmodule
bind hmac hmac_zero u_zero (.*, .zero_o(), .words_zero_o(), .key_zero_o());
