// SPDX-License-Identifier: Apache-2.0
//
// What the operations with keys are made of (abi/README.md: Key operations, Elliptic curves), and what a key of a type can be. `ec`: the
// device has elliptic-curve engines.
package key_pkg;
  import casemate_abi_pkg::*;
  import casemate_pkg::*;

  localparam logic [15:0] BLOB_MARK = 16'h4d43;  // in a blob, in the place of the generation

  typedef struct packed {
    logic known;     // an operation with keys
    logic ec;        // an engine for elliptic curves does it, or its first half
    logic slotted;   // W1 names a slot
    logic fills;     // makes a key
    logic attrs;     // the descriptor has its attributes
    logic typed;     // W12 names a type, and no more
    logic based;     // W14 names a second slot
    logic hashed;    // W15 names a hash
    logic sized;     // pay_len
    logic src;
    logic dst;
    logic reads;     // memory at src
    logic writes;    // memory at dst
    logic random;    // needs random bits
  } op_t;

  /* verilator lint_off UNUSEDSIGNAL */  // each function looks at its own fields
  function automatic logic opening(submission_t s);
    return s.aad3[0];  // of KEY_MESSAGE
  endfunction

  function automatic op_t op_of(submission_t s, logic ec);
    op_t o;
    o         = '0;
    o.known   = 1'b1;
    o.slotted = 1'b1;
    unique case (s.opcode)
      OPCODE_KEY_LOAD, OPCODE_KEY_ROOT: {o.fills, o.attrs} = '1;
      OPCODE_KEY_DESTROY, OPCODE_KEY_LOCK: ;
      OPCODE_KEY_GENERATE: {o.fills, o.attrs, o.random} = '1;
      OPCODE_KEY_WRAP: {o.based, o.sized, o.dst, o.writes, o.random} = '1;
      OPCODE_KWP_WRAP: {o.based, o.sized, o.dst, o.writes} = '1;
      OPCODE_KEY_UNWRAP: {o.fills, o.based, o.sized, o.src, o.reads} = '1;
      OPCODE_KWP_UNWRAP: {o.fills, o.attrs, o.based, o.sized, o.src, o.reads} = '1;
      OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF: {o.fills, o.attrs, o.based, o.hashed, o.sized, o.src, o.reads} = '1;
      OPCODE_KEY_QUERY: {o.sized, o.dst, o.writes} = '1;
      OPCODE_KEY_MESSAGE: begin
        {o.fills, o.based, o.sized} = '1;
        {o.src, o.reads}            = {2{opening(s)}};
        {o.dst, o.writes, o.random} = {3{!opening(s)}};
      end
      OPCODE_MAC_SIGN: {o.hashed, o.sized, o.src, o.dst, o.reads, o.writes} = '1;
      OPCODE_MAC_VERIFY: {o.hashed, o.sized, o.src, o.dst, o.reads} = '1;
      OPCODE_RANDOM: begin
        {o.sized, o.dst, o.writes, o.random} = '1;
        o.slotted = 1'b0;
      end
      OPCODE_EC_SIGN: {o.ec, o.hashed, o.sized, o.src, o.dst, o.reads, o.writes, o.random} = '1;
      OPCODE_EC_PUBLIC: {o.ec, o.sized, o.dst, o.writes, o.random} = '1;
      OPCODE_EC_RAW: {o.ec, o.sized, o.src, o.dst, o.reads, o.writes, o.random} = '1;
      OPCODE_EC_GENERATE: {o.ec, o.fills, o.attrs, o.sized, o.dst, o.writes, o.random} = '1;
      OPCODE_EC_ECDH: {o.ec, o.fills, o.attrs, o.based, o.hashed, o.sized, o.src, o.reads, o.random} = '1;
      OPCODE_EC_VERIFY, OPCODE_EC_CHECK: begin
        {o.ec, o.typed, o.sized, o.src, o.reads} = '1;
        o.slotted = 1'b0;
        o.random  = s.opcode == OPCODE_EC_VERIFY;
      end
      default: o = '0;
    endcase
    if (o.ec && !ec) o = '0;
    return o;
  endfunction

  // The same for each opcode of keys, 40 to 7f, to be looked up by {aad3[0], opcode[5:0]}: logic of all opcodes together is deep.
  typedef op_t [127:0] ops_t;
  function automatic ops_t ops(logic ec);
    submission_t s;
    s = '0;
    for (int i = 0; i < 128; i++) begin
      {s.aad3[0], s.opcode} = {i[6], 2'b01, i[5:0]};
      ops[i]                = op_of(s, ec);
    end
  endfunction

  function automatic logic is_ec(logic [7:0] key_type);
    return key_type inside {KEY_TYPE_P256, KEY_TYPE_P384};
  endfunction

  function automatic logic is_aes(logic [7:0] key_type);
    return key_type inside {KEY_TYPE_AES_128, KEY_TYPE_AES_192, KEY_TYPE_AES_256};
  endfunction

  // Bytes of a type's key; 0: the attributes say.
  function automatic logic [6:0] len_of(logic [7:0] key_type);
    unique case (key_type)
      KEY_TYPE_AES_128: return 7'd16;
      KEY_TYPE_AES_192: return 7'd24;
      KEY_TYPE_AES_256, KEY_TYPE_WRAPPING, KEY_TYPE_P256: return 7'd32;
      KEY_TYPE_P384: return 7'd48;
      default: return 7'd0;
    endcase
  endfunction

  // Usage bits a type can have; none if it is unknown.
  function automatic logic [15:0] usage_of(logic [7:0] key_type, logic ec);
    logic [15:0] leaves;
    leaves = 16'(1) << USAGE_EXPORT_WRAPPED | 16'(1) << USAGE_KWP;
    unique case (key_type)
      KEY_TYPE_AES_128, KEY_TYPE_AES_192, KEY_TYPE_AES_256:
        return leaves | 16'(1) << USAGE_ENCRYPT | 16'(1) << USAGE_DECRYPT;
      KEY_TYPE_SECRET:   return leaves | 16'(1) << USAGE_SIGN | 16'(1) << USAGE_VERIFY | 16'(1) << USAGE_DERIVE;
      KEY_TYPE_WRAPPING: return leaves | 16'(1) << USAGE_WRAP | 16'(1) << USAGE_UNWRAP;
      KEY_TYPE_P256, KEY_TYPE_P384:
        return (leaves | 16'(1) << USAGE_SIGN | 16'(1) << USAGE_DERIVE | 16'(1) << USAGE_RAW | 16'(1) << USAGE_DETERMINISTIC) & {16{ec}};
      default: return '0;
    endcase
  endfunction

  // A private key signs or agrees, not both (SP 800-57 Part 1 Rev. 5, 5.2).
  function automatic logic usage_clashes(logic [7:0] key_type, logic [15:0] usage_bits);
    return is_ec(key_type) && usage_bits[USAGE_SIGN] && (usage_bits[USAGE_DERIVE] || usage_bits[USAGE_RAW]);
  endfunction

  // I4: a counter belongs to a key that was made here and can never be anywhere else.
  function automatic logic policy_fits(logic [1:0] policy, logic [7:0] key_type, logic [15:0] usage_bits, logic generated);
    if (is_ec(key_type)) return 1'b1;   // options
    unique case (policy)
      IV_POLICY_HOST[1:0]:    return 1'b1;
      IV_POLICY_COUNTER[1:0]: return is_aes(key_type) && generated && !usage_bits[USAGE_EXPORT_WRAPPED] && !usage_bits[USAGE_KWP];
      IV_POLICY_DERIVED[1:0]:
        return key_type == KEY_TYPE_SECRET && (usage_bits & ~(16'(1) << USAGE_DERIVE | 16'(1) << USAGE_EXPORT_WRAPPED)) == '0;
      default: return 1'b0;
    endcase
  endfunction

  function automatic logic [6:0] digest_of(logic [7:0] hash);
    unique case (hash)
      HASH_SHA_256: return 7'd32;
      HASH_SHA_384: return 7'd48;
      HASH_SHA_512: return 7'd64;
      default: return 7'd0;
    endcase
  endfunction

  // As KEY_QUERY gives them.
  function automatic key_attributes_t attributes_of(slot_meta_t m, logic [31:0] used);
    key_attributes_t a;
    a            = '0;
    a.generation = m.generation;
    if (m.valid) begin
      a.key_type   = m.key_type;
      a.domain     = m.domain;
      a.usage_bits = m.usage_bits;
      a.iv_policy  = m.iv_policy;
      a.origin     = m.origin;
      a.valid      = 1'b1;
      a.key_len    = m.key_len;
      a.limit      = m.limit;
      a.used       = used;
      {a.label2, a.label1, a.label0} = m.label;
    end
    return a;
  endfunction

  // What is wrong with attributes that a key of `domain` is said to have been wrapped with: nothing, if it can have been.
  function automatic logic [6:0] blob_faults(key_attributes_t a, logic [7:0] domain, logic ec);
    logic [6:0] len;
    len = len_of(a.key_type);
    blob_faults[0] = a.generation != BLOB_MARK || !a.valid || a.domain != domain;
    blob_faults[1] = {a.reserved0, a.reserved1, a.reserved2} != '0;
    blob_faults[2] = usage_of(a.key_type, ec) == '0;
    blob_faults[3] = len != '0 ? a.key_len != len : a.key_len < 7'd16 || a.key_len > 7'd64;
    blob_faults[4] = !(a.origin inside {[3'd1 : 3'd5]});
    blob_faults[5] = (a.usage_bits & ~usage_of(a.key_type, ec)) != '0 || usage_clashes(a.key_type, a.usage_bits);
    blob_faults[6] = !policy_fits(a.iv_policy, a.key_type, a.usage_bits, 1'b0);
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  // Words of key_data: a slot's material; a key on its way to its slot or to the wrapping engine; what is neither; a KDF's data.
  localparam logic [5:0] BASE_AT = 6'd0;
  localparam logic [5:0] MADE_AT = 6'd8;
  localparam logic [5:0] SIDE_AT = 6'd16;
  localparam logic [5:0] INFO_AT = 6'd32;

  // A word on its way there; zero if there is none.
  typedef struct packed {
    logic [7:0]  be;     // bytes of it
    logic [5:0]  at;
    logic [63:0] word;
  } put_t;
endpackage
