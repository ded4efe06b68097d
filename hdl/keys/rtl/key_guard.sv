// SPDX-License-Identifier: Apache-2.0
//
// Decides whether a queue may do the operation with keys that its descriptor asks for, from the public halves of its slots as they are at
// the operation's turn, and says what the slot will be. The one place where that is decided: nothing behind it checks again. The order
// of the checks is part of the binary interface (abi/README.md).
//
// The inputs must be steady; status_o and made_o are right from the second cycle after they have become so.
module key_guard
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
#(
  parameter int unsigned SLOTS = 64,
  parameter bit          EC    = 1'b0   // there are engines for elliptic curves
) (
  input  logic        clk_i,
  input  submission_t sub_i,      // key_static has let it through: an opcode of keys, 40 to 7f
  input  logic        officer_i,
  input  logic [7:0]  domain_i,   // the queue's
  input  logic        sealed_i,
  input  logic [15:0] window_i,   // words of the key window that were written
  input  slot_meta_t  meta_i,     // of the slot
  input  logic [31:0] used_i,
  input  slot_meta_t  base_i,     // of the second slot
  input  logic [31:0] base_used_i,
  output status_e     status_o,
  output slot_meta_t  made_o      // the slot afterwards: a key that is made (KEY_UNWRAP: all but the blob's part), or KEY_LOCK's
);
  // ------------------------------------------------ first: what the operation is
  /* verilator lint_off UNUSEDSIGNAL */  // each check looks at its own fields
  typedef struct packed {
    op_t  op;
    logic load, root, destroy, query, message, lock, wrap, kwp_wrap, generated;
    logic ec_sign, ec_sized, ec_ecdh, ec_generate;  // ec_sized: as long as the key's type says
    logic [2:0] slot_type, base_type;               // what the slots must hold
    logic known_outside;            // what it makes a key of may be known outside
    logic blob;                     // KEY_WRAP, KEY_UNWRAP
    logic hands_down;               // what is made may leave only if its base may
    logic [15:0] need, base_need;   // usage bits that it needs of its slots
    logic [15:0] can;               // usage bits the key to be made can have
    logic [6:0]  key_len;
    logic [7:0]  kwp_len;
    logic [7:0]  domain;            // what it makes is of
  } what_t;
  localparam logic [2:0] ANY = 3'b000, SECRET = 3'b001, WRAPPING = 3'b010, CURVE = 3'b100;
  function automatic logic wrong_type(logic [2:0] want, logic [7:0] key_type);
    return want != ANY && (want & {is_ec(key_type), key_type == KEY_TYPE_WRAPPING, key_type == KEY_TYPE_SECRET}) == '0;
  endfunction
  // What the opcode alone says, of EC_SIGN and KEY_MESSAGE with the bit that W15 has for them. It is looked up: logic of all opcodes together
  // would be too deep.
  function automatic what_t by_opcode(submission_t s);
    by_opcode               = '0;
    by_opcode.op            = op_of(s, EC);
    by_opcode.load          = s.opcode == OPCODE_KEY_LOAD;
    by_opcode.root          = s.opcode == OPCODE_KEY_ROOT;
    by_opcode.destroy       = s.opcode == OPCODE_KEY_DESTROY;
    by_opcode.query         = s.opcode == OPCODE_KEY_QUERY;
    by_opcode.message       = s.opcode == OPCODE_KEY_MESSAGE;
    by_opcode.lock          = s.opcode == OPCODE_KEY_LOCK;
    by_opcode.wrap          = s.opcode == OPCODE_KEY_WRAP;
    by_opcode.kwp_wrap      = s.opcode == OPCODE_KWP_WRAP;
    by_opcode.generated     = s.opcode == OPCODE_KEY_GENERATE;
    by_opcode.ec_sign       = s.opcode == OPCODE_EC_SIGN;
    by_opcode.ec_sized      = s.opcode inside {OPCODE_EC_PUBLIC, OPCODE_EC_RAW};
    by_opcode.ec_ecdh       = s.opcode == OPCODE_EC_ECDH;
    by_opcode.ec_generate   = s.opcode == OPCODE_EC_GENERATE;
    by_opcode.hands_down    = s.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_EC_ECDH};
    by_opcode.known_outside = by_opcode.hands_down || s.opcode == OPCODE_KWP_UNWRAP;
    by_opcode.blob          = by_opcode.wrap || s.opcode == OPCODE_KEY_UNWRAP;
    unique case (s.opcode)
      OPCODE_KEY_WRAP:   by_opcode.need = 16'(1) << USAGE_EXPORT_WRAPPED;
      OPCODE_KWP_WRAP:   by_opcode.need = 16'(1) << USAGE_KWP;
      OPCODE_MAC_SIGN:   by_opcode.need = 16'(1) << USAGE_SIGN;
      OPCODE_MAC_VERIFY: by_opcode.need = 16'(1) << USAGE_VERIFY;
      OPCODE_EC_SIGN:    by_opcode.need = 16'(1) << USAGE_SIGN | 16'(s.aad3[0]) << USAGE_DETERMINISTIC;
      OPCODE_EC_RAW:     by_opcode.need = 16'(1) << USAGE_RAW;
      default:           by_opcode.need = '0;
    endcase
    unique case (s.opcode)
      OPCODE_MAC_SIGN, OPCODE_MAC_VERIFY:             by_opcode.slot_type = SECRET;
      OPCODE_EC_SIGN, OPCODE_EC_PUBLIC, OPCODE_EC_RAW: by_opcode.slot_type = CURVE;
      default:                                        by_opcode.slot_type = ANY;
    endcase
    unique case (s.opcode)
      OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_KEY_MESSAGE: by_opcode.base_type = SECRET;
      OPCODE_EC_ECDH:                                        by_opcode.base_type = CURVE;
      default:                                               by_opcode.base_type = WRAPPING;
    endcase
    unique case (s.opcode)
      OPCODE_KEY_WRAP:   by_opcode.base_need = 16'(1) << USAGE_WRAP;
      OPCODE_KEY_UNWRAP: by_opcode.base_need = 16'(1) << USAGE_UNWRAP;
      OPCODE_KWP_WRAP:   by_opcode.base_need = 16'(1) << USAGE_WRAP | 16'(1) << USAGE_KWP;
      OPCODE_KWP_UNWRAP: by_opcode.base_need = 16'(1) << USAGE_UNWRAP | 16'(1) << USAGE_KWP;
      default:           by_opcode.base_need = 16'(1) << USAGE_DERIVE;
    endcase
  endfunction
  typedef what_t [127:0] whats_t;
  function automatic whats_t every_opcode();
    submission_t s;
    s = '0;
    for (int i = 0; i < 128; i++) begin
      {s.aad3[0], s.opcode} = {i[6], 2'b01, i[5:0]};
      every_opcode[i]       = by_opcode(s);
    end
  endfunction
  localparam whats_t WHATS = every_opcode();
  what_t what, w;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [7:0]  key_type;
  logic [15:0] usage_bits;
  assign key_type   = sub_i.aad0[7:0];
  assign usage_bits = sub_i.aad0[31:16];
  always_comb begin
    what               = WHATS[{sub_i.aad3[0], sub_i.opcode[5:0]}];
    what.can           = usage_of(key_type, EC) & (what.root ? 16'(1) << USAGE_WRAP | 16'(1) << USAGE_UNWRAP : '1);
    what.domain        = what.load || what.root ? sub_i.aad0[15:8] : domain_i;
    what.key_len       = key_type == KEY_TYPE_SECRET ? sub_i.aad1[14:8] : len_of(key_type);
    what.kwp_len       = {1'b0, (meta_i.key_len + 7'd7) & 7'h78} + 8'd8;
  end
  always_ff @(posedge clk_i) w <= what;

  // ------------------------------------------------------ then: each rule alone
  slot_meta_t made;
  always_comb begin
    made            = '0;
    made.valid      = 1'b1;
    made.key_type   = key_type;
    made.domain     = w.domain;
    made.usage_bits = usage_bits;
    made.generation = meta_i.generation + 16'd1;
    made.iv_policy  = sub_i.aad1[1:0];
    made.key_len    = w.key_len;
    made.limit      = sub_i.aad_len == '0 ? '1 : sub_i.aad_len;
    made.label      = {sub_i.iv2, sub_i.iv1, sub_i.iv0};
    unique case (sub_i.opcode)
      OPCODE_KEY_LOAD:     made.origin = ORIGIN_IMPORTED[2:0];
      OPCODE_KEY_GENERATE, OPCODE_EC_GENERATE: made.origin = ORIGIN_GENERATED[2:0];
      OPCODE_KEY_UNWRAP:   made.origin = ORIGIN_UNWRAPPED[2:0];
      OPCODE_KWP_UNWRAP:   made.origin = ORIGIN_FOREIGN[2:0];
      default:             made.origin = ORIGIN_DERIVED[2:0];
    endcase
    if (w.message) begin
      made.key_type   = KEY_TYPE_AES_256;
      made.usage_bits = opening(sub_i) ? 16'(1) << USAGE_DECRYPT : 16'(1) << USAGE_ENCRYPT;
      made.iv_policy  = opening(sub_i) ? IV_POLICY_HOST[1:0] : IV_POLICY_COUNTER[1:0];
      made.key_len    = 7'd32;
    end
  end
  // KEY_LOCK: rights can only shrink.
  slot_meta_t locked;
  always_comb begin
    locked            = meta_i;
    locked.usage_bits = meta_i.usage_bits & usage_bits;
    if (sub_i.aad_len != '0 && sub_i.aad_len < meta_i.limit) locked.limit = sub_i.aad_len;
  end

  typedef struct packed {
    logic range, empty, domain, generation, usage;
  } handle_t;
  /* verilator lint_off UNUSEDSIGNAL */
  function automatic handle_t handle_faults(logic [15:0] slot, logic [15:0] generation, slot_meta_t m, logic [7:0] mine, logic [15:0] bits);
    return '{range: 32'(slot) >= SLOTS, empty: !m.valid, domain: m.domain != mine, generation: m.generation != generation,
             usage: (m.usage_bits & bits) != bits};
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  typedef struct packed {
    handle_t slot, base;
    logic foreign_slot, bad_type, bad_usage, bad_policy, no_window, full, retired;     // a slot to be filled
    logic policy, handed, untrusted, exhausted;                                        // the second slot
    logic kwp_type, kwp_len;
    logic slot_type, base_type, spent, ec_len, ecdh_len;
  } faults_t;
  faults_t     faults, f;
  logic [15:0] words, leaves;
  logic [8:0]  ecdh_rest;   // salt and info; key_static's limits keep it from 0 to 288, or below 0
  assign ecdh_rest = sub_i.pay_len[8:0] - (base_i.key_type == KEY_TYPE_P384 ? 9'd96 : 9'd64);
  assign leaves = 16'(1) << USAGE_EXPORT_WRAPPED | 16'(1) << USAGE_KWP;
  always_comb begin
    for (int i = 0; i < 16; i++) words[i] = 7'(4 * i) < w.key_len;
    faults.slot         = handle_faults(sub_i.slot, sub_i.generation, meta_i, domain_i, w.need);
    faults.base         = handle_faults(sub_i.aad2[15:0], sub_i.aad2[31:16], base_i, domain_i, w.base_need);
    // The officer's load takes any slot.
    faults.foreign_slot = !w.load && meta_i.valid && meta_i.domain != w.domain;
    // Whoever knows a wrapping key's bytes can read what it wrapped: none is made from what may be known outside, none leaves by AES-KWP,
    // and one that was loaded wraps and unwraps nothing but by AES-KWP.
    faults.bad_type     = w.op.attrs && (usage_of(key_type, EC) == '0 || (w.root && key_type != KEY_TYPE_WRAPPING)
                                         || (key_type == KEY_TYPE_WRAPPING && w.known_outside)
                                         || (is_ec(key_type) ? w.generated || w.hands_down : w.ec_generate));
    faults.kwp_type     = w.kwp_wrap && meta_i.key_type == KEY_TYPE_WRAPPING;
    faults.untrusted    = w.blob && base_i.origin inside {ORIGIN_IMPORTED[2:0], ORIGIN_FOREIGN[2:0]};
    faults.bad_usage    = w.op.attrs && ((usage_bits & ~w.can) != '0 || usage_clashes(key_type, usage_bits));
    faults.bad_policy   = w.op.attrs && !policy_fits(sub_i.aad1[1:0], key_type, usage_bits, w.generated);
    faults.no_window    = w.load && (window_i & words) != words;
    faults.full         = !w.load && meta_i.valid;
    faults.retired      = meta_i.generation == 16'hffff;
    faults.policy       = !w.ec_ecdh && base_i.iv_policy != (w.message ? IV_POLICY_DERIVED[1:0] : IV_POLICY_HOST[1:0]);
    faults.handed       = w.hands_down && (usage_bits & leaves & ~base_i.usage_bits) != '0;
    // SP 800-38D, 8.3: wraps have random IVs.
    faults.exhausted    = w.wrap && base_used_i >= base_i.limit;
    faults.slot_type    = wrong_type(w.slot_type, meta_i.key_type);
    faults.base_type    = wrong_type(w.base_type, base_i.key_type);
    faults.spent        = w.ec_sign && used_i >= meta_i.limit;
    // Told only to those who may use the key.
    faults.ec_len       = w.ec_sized && sub_i.pay_len[5] != (meta_i.key_type == KEY_TYPE_P384);
    faults.ecdh_len     = w.ec_ecdh && (ecdh_rest < 9'(sub_i.aad3[6:0]) || ecdh_rest > 9'd256);
    // And to those who may wrap it.
    faults.kwp_len      = w.kwp_wrap && sub_i.pay_len != 32'(w.kwp_len);
  end
  always_ff @(posedge clk_i) begin
    f      <= faults;
    made_o <= w.lock ? locked : made;
  end

  // ------------------------------------------------------------ last: the first
  function automatic status_e first_fault(handle_t h, logic any_domain);
    if (h.range) return STATUS_SLOT_RANGE;
    if (h.empty) return STATUS_SLOT_EMPTY;
    if (h.domain && !any_domain) return STATUS_SLOT_DOMAIN;
    if (h.generation) return STATUS_SLOT_GENERATION;
    if (h.usage) return STATUS_SLOT_USAGE;
    return STATUS_OK;
  endfunction
  status_e fill, held, base;
  always_comb begin
    fill = STATUS_OK;
    if (f.slot.range) fill = STATUS_SLOT_RANGE;
    else if (f.foreign_slot) fill = STATUS_SLOT_DOMAIN;
    else if (f.bad_type) fill = STATUS_BAD_KEY_TYPE;
    else if (f.bad_usage) fill = STATUS_BAD_USAGE;
    else if (f.bad_policy) fill = STATUS_BAD_POLICY;
    else if (f.no_window) fill = STATUS_KEY_WINDOW;
    else if (f.full) fill = STATUS_SLOT_FULL;
    else if (f.retired) fill = STATUS_SLOT_RETIRED;

    held = first_fault(f.slot, w.destroy && officer_i);
    if (held == STATUS_OK && (f.kwp_type || f.slot_type)) held = STATUS_SLOT_USAGE;
    if (held == STATUS_OK && f.spent) held = STATUS_EXHAUSTED;
    if (held == STATUS_OK && f.ec_len) held = STATUS_BAD_LENGTH;
    if (held == STATUS_OK && f.kwp_len) held = STATUS_BAD_LENGTH;

    base = first_fault(f.base, 1'b0);
    if (base == STATUS_OK && (f.policy || f.handed || f.untrusted || f.base_type)) base = STATUS_SLOT_USAGE;
    if (base == STATUS_OK && f.exhausted) base = STATUS_EXHAUSTED;
    if (base == STATUS_OK && f.ecdh_len) base = STATUS_BAD_LENGTH;

    status_o = STATUS_OK;
    if ((w.load || w.root) && !officer_i) status_o = STATUS_NOT_OFFICER;
    else if (w.load && sealed_i) status_o = STATUS_SEALED;
    else if (w.query && officer_i) status_o = f.slot.range ? STATUS_SLOT_RANGE : STATUS_OK;
    else if (w.op.slotted) begin
      status_o = w.op.fills ? fill : held;
      if (status_o == STATUS_OK && w.op.based) status_o = base;
    end
  end
endmodule
