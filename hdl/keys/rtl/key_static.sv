// SPDX-License-Identifier: Apache-2.0
//
// What the descriptor of an operation with keys alone decides: flags, fields that the operation does not name, hash, lengths. Combinational;
// the order of the checks is part of the binary interface (abi/README.md).
module key_static
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
#(
  parameter bit EC = 1'b0        // there are engines for elliptic curves
) (
  input  submission_t sub_i,
  output logic        known_o,   // it is an operation with keys
  output logic        ec_o,      // for those engines
  output status_e     status_o
);
  /* verilator lint_off UNUSEDSIGNAL */
  op_t op;
  /* verilator lint_on UNUSEDSIGNAL */
  assign op      = op_of(sub_i, EC);
  assign known_o = op.known;
  assign ec_o    = op.ec;

  // Bits of the descriptor that it may set, by word.
  logic [15:0][31:0] named;
  always_comb begin
    named     = '0;
    named[0]  = 32'hff;
    named[1]  = {32{op.slotted}};
    named[2]  = '1;
    named[3]  = {32{op.sized}};
    named[4]  = {32{op.src}};
    named[5]  = {32{op.src}};
    named[6]  = {32{op.dst}};
    named[7]  = {32{op.dst}};
    named[14] = {32{op.based}};
    if (op.attrs) begin
      named[8]  = '1;
      named[9]  = '1;
      named[10] = '1;
      named[11] = '1;
      named[12] = 32'hffff_00ff;
      named[13] = 32'h0000_ff03;
    end
    if (op.typed) named[12] = 32'hff;
    if (op.hashed) named[15] = 32'h00ff_0000;
    unique case (sub_i.opcode)
      OPCODE_KEY_LOAD: named[12] = '1;
      OPCODE_KEY_ROOT: begin
        named[12] = '1;
        named[13] = 32'hffff_ff03;
      end
      OPCODE_KEY_UNWRAP: named[12] = 32'hffff_0000;
      OPCODE_KEY_LOCK: begin
        named[8]  = '1;
        named[12] = 32'hffff_0000;
      end
      OPCODE_KEY_MESSAGE: begin
        named[9]  = '1;
        named[10] = '1;
        named[11] = '1;
        named[15] = 32'h1;
      end
      OPCODE_KEY_HKDF, OPCODE_EC_ECDH: named[15] = 32'h00ff_ffff;
      OPCODE_EC_SIGN: named[15] = 32'h00ff_0001;
      OPCODE_MAC_SIGN, OPCODE_MAC_VERIFY: named[15] = 32'h00ff_007f;
      default: ;
    endcase
  end

  logic [7:0]  hash, secret_len;
  logic [6:0]  digest, mac_len;
  logic [15:0] salt_len;
  logic [31:0] pay_len;
  logic        fits;
  assign hash       = sub_i.aad3[23:16];
  assign digest     = digest_of(hash);
  assign mac_len    = sub_i.aad3[6:0];
  assign salt_len   = sub_i.aad3[15:0];
  assign pay_len    = sub_i.pay_len;
  assign secret_len = sub_i.aad1[15:8];
  // Elliptic curves: bytes of a point by W12's type, of the digest after point and signature.
  logic [31:0] point, verified;
  assign point    = sub_i.aad0[7:0] == KEY_TYPE_P384 ? 32'd96 : 32'd64;
  assign verified = pay_len - (point << 1);
  function automatic logic digest_fits(logic [31:0] bytes);
    return bytes >= 32'd20 && bytes <= 32'd64 && bytes[1:0] == '0;
  endfunction
  always_comb begin
    unique case (sub_i.opcode)
      OPCODE_KEY_WRAP, OPCODE_KEY_UNWRAP:   fits = pay_len == 32'd128;
      OPCODE_KWP_WRAP, OPCODE_KWP_UNWRAP:   fits = pay_len >= 32'd24 && pay_len <= 32'd72 && pay_len[2:0] == '0;
      OPCODE_KEY_HKDF:                      fits = pay_len <= 32'd256 && salt_len <= 16'd64 && 32'(salt_len) <= pay_len;
      OPCODE_KEY_KBKDF:                     fits = pay_len <= 32'd256;
      OPCODE_KEY_QUERY:                     fits = pay_len == 32'd64;
      OPCODE_KEY_MESSAGE:                   fits = pay_len == 32'd32;
      OPCODE_MAC_SIGN, OPCODE_MAC_VERIFY:   fits = mac_len >= 7'd4 && mac_len <= digest;
      OPCODE_RANDOM:                        fits = pay_len >= 32'd1 && pay_len <= 32'd65536;
      OPCODE_EC_SIGN:                       fits = digest_fits(pay_len);
      OPCODE_EC_VERIFY:                     fits = digest_fits(verified);
      OPCODE_EC_CHECK, OPCODE_EC_GENERATE:  fits = pay_len == point;
      OPCODE_EC_PUBLIC, OPCODE_EC_RAW:      fits = pay_len == 32'd64 || pay_len == 32'd96;
      OPCODE_EC_ECDH: fits = pay_len >= 32'd64 && pay_len <= 32'd352 && salt_len <= 16'd64 && 32'(salt_len) + 32'd64 <= pay_len;
      default:                              fits = 1'b1;
    endcase
    if (op.attrs) begin
      if (sub_i.aad0[7:0] == KEY_TYPE_SECRET) fits = fits && secret_len >= 8'd16 && secret_len <= 8'd64;
      else fits = fits && secret_len == '0;
    end

    status_o = STATUS_OK;
    if (!op.known) status_o = STATUS_BAD_OPCODE;
    else if ((sub_i & ~named) != '0) status_o = STATUS_BAD_FLAGS;
    else if (op.hashed && digest == '0) status_o = STATUS_BAD_HASH;
    else if (!fits) status_o = STATUS_BAD_LENGTH;
    else if (op.typed && !is_ec(sub_i.aad0[7:0])) status_o = STATUS_BAD_KEY_TYPE;
  end
endmodule
