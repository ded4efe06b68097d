// SPDX-License-Identifier: Apache-2.0
//
// Types at the boundary of HMAC (FIPS 198-1).
package hmac_pkg;

  typedef struct packed {
    sha2_pkg::alg_e alg;
    logic           verify;   // 0: give the MAC out; 1: only say whether it equals the expected one
    logic [6:0]     key_len;  // bytes, 0..64
    logic [6:0]     mac_len;  // bytes, 1 to the digest's length; the caller checks the least length it allows
  } hmac_req_t;

endpackage
