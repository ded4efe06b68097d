// SPDX-License-Identifier: Apache-2.0
//
// Jobs of key_mac, and the labels of the device's own keys (abi/README.md), each with the zero byte that ends it.
package key_mac_pkg;
  typedef enum logic [2:0] {
    MAC_SIGN, MAC_VERIFY, MAC_HKDF, MAC_KBKDF, MAC_MESSAGE, MAC_ROOT
  } mac_kind_e;

  typedef struct packed {
    mac_kind_e      kind;
    sha2_pkg::alg_e alg;
    logic           empty;     // a MAC of no bytes
    logic [6:0]     base_len;
    logic [6:0]     salt_len;
    logic [8:0]     info_len;
    logic [6:0]     out_len;   // of the key or MAC
  } mac_job_t;

  // First byte on the left; words of 8 bytes, the last filled up.
  localparam logic [255:0] MESSAGE_LABEL = {"casemate message key", 96'd0};
  localparam logic [255:0] ROOT_LABEL    = {"casemate wrapping key", 88'd0};
  localparam int unsigned  MESSAGE_BYTES = 21;
  localparam int unsigned  ROOT_BYTES    = 22;

  // Word `n` in memory order.
  function automatic logic [63:0] label_word(logic [255:0] label, logic [1:0] n);
    for (int b = 0; b < 8; b++) label_word[8*b+:8] = label[248-8*(8*int'(n)+b)+:8];
  endfunction
endpackage
