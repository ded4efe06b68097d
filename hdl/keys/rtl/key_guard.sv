// SPDX-License-Identifier: Apache-2.0
//
// Decides whether a queue may do the key operation that its descriptor asks for, from the public halves of its slots as they are at
// the operation's turn, and says what the slot will be. Combinational, and the one place where that is decided: nothing behind it
// checks again. The order of the checks is part of the binary interface (abi/README.md).
module key_guard
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
#(
  parameter int unsigned SLOTS = 64
) (
  input  submission_t sub_i,      // key_static has let it through
  input  logic        officer_i,
  input  logic [7:0]  domain_i,   // the queue's
  input  logic        sealed_i,
  input  logic [15:0] window_i,   // words of the key window that were written
  input  slot_meta_t  meta_i,     // of the slot
  input  slot_meta_t  base_i,     // of the second slot
  input  logic [31:0] base_used_i,
  output status_e     status_o,
  output slot_meta_t  made_o      // the slot afterwards: a key that is made (KEY_UNWRAP: all but the blob's part), or KEY_LOCK's
);
  /* verilator lint_off UNUSEDSIGNAL */  // each check looks at its own fields
  op_t  op;
  logic load, root, destroy, query, message;
  assign op      = op_of(sub_i);
  assign load    = sub_i.opcode == OPCODE_KEY_LOAD;
  assign root    = sub_i.opcode == OPCODE_KEY_ROOT;
  assign destroy = sub_i.opcode == OPCODE_KEY_DESTROY;
  assign query   = sub_i.opcode == OPCODE_KEY_QUERY;
  assign message = sub_i.opcode == OPCODE_KEY_MESSAGE;

  // The key to be made.
  logic [7:0]  key_type, domain;
  logic [15:0] usage_bits, can;
  logic [6:0]  key_len;
  slot_meta_t  made;
  assign key_type   = sub_i.aad0[7:0];
  assign usage_bits = sub_i.aad0[31:16];
  assign domain     = load || root ? sub_i.aad0[15:8] : domain_i;
  assign key_len    = key_type == KEY_TYPE_SECRET ? sub_i.aad1[14:8] : len_of(key_type);
  assign can        = usage_of(key_type) & (root ? 16'(1) << USAGE_WRAP | 16'(1) << USAGE_UNWRAP : '1);
  always_comb begin
    made            = '0;
    made.valid      = 1'b1;
    made.key_type   = key_type;
    made.domain     = domain;
    made.usage_bits = usage_bits;
    made.generation = meta_i.generation + 16'd1;
    made.iv_policy  = sub_i.aad1[1:0];
    made.key_len    = key_len;
    made.limit      = sub_i.aad_len == '0 ? '1 : sub_i.aad_len;
    made.label      = {sub_i.iv2, sub_i.iv1, sub_i.iv0};
    unique case (sub_i.opcode)
      OPCODE_KEY_LOAD:     made.origin = ORIGIN_IMPORTED[2:0];
      OPCODE_KEY_GENERATE: made.origin = ORIGIN_GENERATED[2:0];
      OPCODE_KEY_UNWRAP:   made.origin = ORIGIN_UNWRAPPED[2:0];
      OPCODE_KWP_UNWRAP:   made.origin = ORIGIN_FOREIGN[2:0];
      default:             made.origin = ORIGIN_DERIVED[2:0];
    endcase
    if (message) begin
      made.key_type   = KEY_TYPE_AES_256;
      made.usage_bits = opening(sub_i) ? 16'(1) << USAGE_DECRYPT : 16'(1) << USAGE_ENCRYPT;
      made.iv_policy  = opening(sub_i) ? IV_POLICY_HOST[1:0] : IV_POLICY_COUNTER[1:0];
      made.key_len    = 7'd32;
    end
    if (sub_i.opcode == OPCODE_KEY_LOCK) begin
      // Rights can only shrink.
      made            = meta_i;
      made.usage_bits = meta_i.usage_bits & usage_bits;
      if (sub_i.aad_len != '0 && sub_i.aad_len < meta_i.limit) made.limit = sub_i.aad_len;
    end
    made_o = made;
  end

  // Usage bits that an operation needs of its slot.
  logic [15:0] need;
  always_comb begin
    unique case (sub_i.opcode)
      OPCODE_KEY_WRAP:   need = 16'(1) << USAGE_EXPORT_WRAPPED;
      OPCODE_KWP_WRAP:   need = 16'(1) << USAGE_KWP;
      OPCODE_MAC_SIGN:   need = 16'(1) << USAGE_SIGN;
      OPCODE_MAC_VERIFY: need = 16'(1) << USAGE_VERIFY;
      default:           need = '0;
    endcase
  end
  logic [7:0] kwp_len;
  assign kwp_len = {1'b0, (meta_i.key_len + 7'd7) & 7'h78} + 8'd8;

  function automatic status_e handle_checks(logic [15:0] slot, logic [15:0] generation, slot_meta_t m, logic any_domain, logic [7:0] mine,
                                            logic [15:0] bits);
    if (32'(slot) >= SLOTS) return STATUS_SLOT_RANGE;
    if (!m.valid) return STATUS_SLOT_EMPTY;
    if (m.domain != mine && !any_domain) return STATUS_SLOT_DOMAIN;
    if (m.generation != generation) return STATUS_SLOT_GENERATION;
    if ((m.usage_bits & bits) != bits) return STATUS_SLOT_USAGE;
    return STATUS_OK;
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  // Whoever knows a wrapping key's bytes can read what it wrapped: none is made from what may be known outside, none leaves by AES-KWP, and
  // one that was loaded wraps and unwraps nothing but by AES-KWP.
  logic known_outside, trusted;
  assign known_outside = sub_i.opcode inside {OPCODE_KWP_UNWRAP, OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF};
  assign trusted       = !(base_i.origin inside {ORIGIN_IMPORTED[2:0], ORIGIN_FOREIGN[2:0]})
                       || !(sub_i.opcode inside {OPCODE_KEY_WRAP, OPCODE_KEY_UNWRAP});

  // A slot to be filled. The officer's load takes any.
  logic [15:0] words;
  assign words = 16'((17'd1 << ((key_len + 7'd3) >> 2)) - 17'd1);
  status_e fill;
  always_comb begin
    fill = STATUS_OK;
    if (32'(sub_i.slot) >= SLOTS) fill = STATUS_SLOT_RANGE;
    else if (!load && meta_i.valid && meta_i.domain != domain) fill = STATUS_SLOT_DOMAIN;
    else if (op.attrs && (usage_of(key_type) == '0 || (root && key_type != KEY_TYPE_WRAPPING)
                          || (key_type == KEY_TYPE_WRAPPING && known_outside))) fill = STATUS_BAD_KEY_TYPE;
    else if (op.attrs && (usage_bits & ~can) != '0) fill = STATUS_BAD_USAGE;
    else if (op.attrs && !policy_fits(made.iv_policy, key_type, usage_bits, sub_i.opcode == OPCODE_KEY_GENERATE))
      fill = STATUS_BAD_POLICY;
    else if (load && (window_i & words) != words) fill = STATUS_KEY_WINDOW;
    else if (!load && meta_i.valid) fill = STATUS_SLOT_FULL;
    else if (meta_i.generation == 16'hffff) fill = STATUS_SLOT_RETIRED;
  end

  // The second slot: its right, and what it may hand down.
  logic [15:0] base_need, leaves, handed;
  logic [1:0]  base_policy;
  status_e     base;
  always_comb begin
    unique case (sub_i.opcode)
      OPCODE_KEY_WRAP:   base_need = 16'(1) << USAGE_WRAP;
      OPCODE_KEY_UNWRAP: base_need = 16'(1) << USAGE_UNWRAP;
      OPCODE_KWP_WRAP:   base_need = 16'(1) << USAGE_WRAP | 16'(1) << USAGE_KWP;
      OPCODE_KWP_UNWRAP: base_need = 16'(1) << USAGE_UNWRAP | 16'(1) << USAGE_KWP;
      default:           base_need = 16'(1) << USAGE_DERIVE;
    endcase
    base_policy = message ? IV_POLICY_DERIVED[1:0] : IV_POLICY_HOST[1:0];
    leaves      = 16'(1) << USAGE_EXPORT_WRAPPED | 16'(1) << USAGE_KWP;
    handed      = sub_i.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF} ? usage_bits & leaves : '0;
    // Wrap, unwrap and derive are bits of one type each: the bit says the type.
    base = handle_checks(sub_i.aad2[15:0], sub_i.aad2[31:16], base_i, 1'b0, domain_i, base_need);
    if (base == STATUS_OK && (base_i.iv_policy != base_policy || (handed & ~base_i.usage_bits) != '0 || !trusted)) base = STATUS_SLOT_USAGE;
    // SP 800-38D, 8.3: wraps have random IVs.
    if (base == STATUS_OK && sub_i.opcode == OPCODE_KEY_WRAP && base_used_i >= base_i.limit) base = STATUS_EXHAUSTED;
  end

  always_comb begin
    status_o = STATUS_OK;
    if ((load || root) && !officer_i) status_o = STATUS_NOT_OFFICER;
    else if (load && sealed_i) status_o = STATUS_SEALED;
    else if (query && officer_i) status_o = 32'(sub_i.slot) >= SLOTS ? STATUS_SLOT_RANGE : STATUS_OK;
    else if (op.slotted) begin
      status_o = op.fills ? fill
               : handle_checks(sub_i.slot, sub_i.generation, meta_i, destroy && officer_i, domain_i, need);
      if (status_o == STATUS_OK && sub_i.opcode == OPCODE_KWP_WRAP && meta_i.key_type == KEY_TYPE_WRAPPING) status_o = STATUS_SLOT_USAGE;
      // Told only to those who may wrap the key.
      if (status_o == STATUS_OK && sub_i.opcode == OPCODE_KWP_WRAP && sub_i.pay_len != 32'(kwp_len)) status_o = STATUS_BAD_LENGTH;
      if (status_o == STATUS_OK && op.based) status_o = base;
    end
  end
endmodule
