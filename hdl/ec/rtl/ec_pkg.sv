// SPDX-License-Identifier: Apache-2.0
//
// Types, sizes and instructions of the elliptic-curve engine.
//
// Data format. A row is an integer in 27 digits of weight 2^17: digit j counts 2^(17 j). Digits have 18 bits, so a row may be redundant;
// it is canonical if no digit reaches 2^17.
package ec_pkg;

  localparam int unsigned K      = 17;   // bits of a digit
  localparam int unsigned DIGITS = 27;   // 459 bits: P-384, and what Orup's algorithm adds to it
  localparam int unsigned ROW_W  = 11;   // rows of the memory, 2^11
  localparam int unsigned VAR_W  = 7;    // of which the first 2^7 are variables, the rest constants
  localparam int unsigned PC_W   = 11;

  typedef logic [DIGITS-1:0][K:0]   row_t;
  typedef logic [DIGITS-1:0][K+2:0] sum_t;   // before its carries are passed on

  typedef enum logic [2:0] {
    EC_SIGN        = 3'd0,
    EC_VERIFY      = 3'd1,
    EC_PUBLIC_KEY  = 3'd2,
    EC_KEYGEN      = 3'd3,
    EC_CHECK_POINT = 3'd4,
    EC_ECDH        = 3'd5
  } ec_op_e;

  typedef enum logic [2:0] {
    EC_OK        = 3'd0,
    EC_SIGNATURE = 3'd1,   // the signature does not verify
    EC_POINT     = 3'd2,   // the public key is not a point of the curve
    EC_KEY       = 3'd3,   // the private key is not from 1 to n - 1
    EC_FAULT     = 3'd4    // a check of the engine's own work failed
  } ec_status_e;

  // Where an IN instruction reads and an OUT instruction writes.
  typedef enum logic [2:0] {SRC_WORD, SRC_DIGEST, SRC_KEY, SRC_RANDOM, SRC_NONCE} ec_src_e;
  typedef enum logic [1:0] {DST_WORD, DST_NONCE, DST_SECRET} ec_dst_e;

  typedef enum logic [4:0] {
    I_LDA, I_MUL, I_SQR, I_ACC, I_CANON, I_WIN, I_IN, I_OUT, I_SETM, I_JMP, I_CALL, I_RET, I_BR, I_SETC, I_DJNZ, I_SETX, I_ADDX,
    I_DIG, I_SETT, I_ADDT, I_HALT, I_NONCE, I_ADDD
  } op_e;

  typedef enum logic [1:0] {M_ABS, M_MOD, M_TAB} mode_e;   // of a row's address

  typedef struct packed {
    op_e              op;
    mode_e            mode;
    logic [ROW_W-1:0] ra;
    logic [VAR_W-1:0] rd;
    logic [10:0]      x;
  } ins_t;

  // Digits of R, and where the blocks of constants and the tables of the comb start.
  function automatic logic [4:0] digits_of(logic p384, logic order);
    return p384 ? 5'd27 : order ? 5'd20 : 5'd16;
  endfunction

endpackage
