// SPDX-License-Identifier: Apache-2.0
//
// Bound into every instance: zero_o says that all its own registers are zero.
module hmac_zero
  import hmac_pkg::*;
(
  input  logic [3:0]   state_q,
  input  hmac_req_t    req_q,
  input  logic [3:0]   beat_q,
  input  logic [511:0] key_q,
  input  logic [511:0] mac_q,
  input  logic         key_shift_q,
  input  logic         key_again_q,
  input  logic         mac_shift_q,
  input  logic [6:0]   rest_q,
  input  logic [7:0]   keep_q,
  input  logic         ok_q,
  input  logic [63:0]  diff_q,
  output logic         zero_o
);
  assign zero_o = ~|{state_q, req_q, beat_q, key_q, mac_q, key_shift_q, key_again_q, mac_shift_q, rest_q, keep_q, ok_q, diff_q};
endmodule
bind hmac hmac_zero u_zero (.*, .zero_o());
