// SPDX-License-Identifier: Apache-2.0
//
// Types at the boundary of the AES-GCM lane (NIST SP 800-38D).
//
// Data format. A 16-byte block is logic [127:0] with byte i of the string in
// bits [8*i +: 8] (memory order, as on an AXI data bus). NIST writes strings
// most significant byte first: the conversion happens inside the lane, nowhere else.
package gcm_pkg;

  // AES key sizes, FIPS 197.
  typedef enum logic [1:0] {
    KEY_128 = 2'd0,
    KEY_192 = 2'd1,
    KEY_256 = 2'd2
  } key_size_e;

  // S-box architectures; interchangeable, proved equal over all inputs.
  typedef enum int unsigned {
    SBOX_TABLE = 0,  // constant array: simulation, LUT-rich parts
    SBOX_TOWER = 1,  // composite field GF(((2^2)^2)^2): small area
    SBOX_BRAM  = 2   // block RAM (EBR) used as ROM
  } sbox_e;

  localparam int unsigned SLOT_IDX_W = 8;  // slot index on interfaces (up to 256 slots)

  // One request's header. Accepted before its blocks.
  typedef struct packed {
    logic                  decrypt;   // 0 seal, 1 open
    logic [SLOT_IDX_W-1:0] slot;      // key slot, already approved by the guard
    key_size_e             key_size;
    logic [9:0]            iv_len;    // bytes, 1..1023; 12 is taken from iv below
    logic [95:0]           iv;        // the 12-byte IV, byte 0 in [7:0]; unused when iv_len != 12
    logic [31:0]           aad_len;   // bytes
    logic [31:0]           pay_len;   // bytes
    logic [4:0]            tag_len;   // bytes, 4, 8, 12..16
  } gcm_req_t;

  // One block of the input stream. Per request, in this order: ceil(iv_len/16) IV blocks
  // (only when iv_len != 12), ceil(aad_len/16) AAD blocks, ceil(pay_len/16) payload blocks,
  // and for decrypt one block whose first tag_len bytes are the expected tag.
  // Bytes past a section's end are ignored. `abort` ends the request here, whatever is missing.
  typedef struct packed {
    /* verilator lint_off SYMRSVDWORD */
    logic         abort;
    /* verilator lint_on SYMRSVDWORD */
    logic [127:0] data;
  } gcm_in_t;

  // One block of payload out, ceil(pay_len/16) a request. A request aborted before its last
  // payload block was taken in ends with one extra block of last = 1, bytes = 0 instead.
  // Bytes past the end of the payload are zero.
  typedef struct packed {
    logic         last;  // last payload block of its request
    logic [4:0]   bytes; // valid bytes, 1..16 (0 only in an abort's closing block)
    logic [127:0] data;
  } gcm_out_t;

  // One result a request, in request order.
  typedef struct packed {
    logic         aborted; // ended by gcm_in_t.abort: tag is zero, tag_ok is 0
    logic         tag_ok;  // decrypt: the tag matched; encrypt: 1
    logic [127:0] tag;     // encrypt: the tag, bytes past tag_len zero; decrypt: zero
  } gcm_res_t;

endpackage
