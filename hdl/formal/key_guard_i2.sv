// SPDX-License-Identifier: Apache-2.0
//
// I2 of operations with keys, those of elliptic curves included: one is let through only on slots that are valid, owned by the queue's domain, of the generations that the
// descriptor names, and whose usage bits allow it; what it makes is the queue's, and rights only shrink.
//
// The real key_guard, every input free but steady, as it asks; looked at from the second cycle on.
module key_guard_i2
  import casemate_abi_pkg::*;
  import casemate_pkg::*;
  import key_pkg::*;
#(
  parameter int unsigned SLOTS = 64
) (
  input logic                  clk_i,
  input submission_t           key_sub_i,
  input logic                  key_officer_i,
  input logic [7:0]            key_domain_i,
  input logic                  key_sealed_i,
  input logic [15:0]           key_window_i,
  input slot_meta_t            key_meta_i,
  input slot_meta_t            key_base_i,
  input logic [31:0]           key_used_i,
  input logic [31:0]           key_base_used_i
);
  status_e    verdict;
  slot_meta_t made;
  op_t        op;
  logic        passes, officers, slot_there, base_there, counter;
  logic [15:0] wants, base_wants;
  typedef struct packed {
    submission_t sub;
    logic        officer;
    logic [7:0]  domain;
    logic        sealed;
    logic [15:0] window;
    slot_meta_t  meta, base;
    logic [31:0] used, base_used;
  } asked_t;
  asked_t     asked, asked_q;
  logic [1:0] steady_q = '0;     // cycles, up to 2
  assign asked = '{sub: key_sub_i, officer: key_officer_i, domain: key_domain_i, sealed: key_sealed_i, window: key_window_i,
                   meta: key_meta_i, base: key_base_i, used: key_used_i, base_used: key_base_used_i};
  always_ff @(posedge clk_i) begin
    asked_q <= asked;
    if (steady_q != 2'd2) steady_q <= steady_q + 2'd1;
  end
  key_guard #(.SLOTS(SLOTS), .EC(1'b1)) u_key_guard (
    .clk_i,
    .sub_i(key_sub_i), .officer_i(key_officer_i), .domain_i(key_domain_i), .sealed_i(key_sealed_i), .window_i(key_window_i),
    .meta_i(key_meta_i), .used_i(key_used_i), .base_i(key_base_i), .base_used_i(key_base_used_i), .status_o(verdict), .made_o(made)
  );
  assign op         = op_of(key_sub_i, 1'b1);
  assign passes        = steady_q == 2'd2 && op.known && verdict == STATUS_OK;
  assign slot_there = 32'(key_sub_i.slot) < SLOTS;
  assign base_there = 32'(key_sub_i.aad2[15:0]) < SLOTS;
  // What the officer may do to anybody's slot.
  assign officers   = key_officer_i && key_sub_i.opcode inside {OPCODE_KEY_DESTROY, OPCODE_KEY_QUERY};
  assign counter    = made.iv_policy == IV_POLICY_COUNTER[1:0] && !is_ec(made.key_type);   // of those options
  always_comb begin
    wants      = '0;
    base_wants = '0;
    unique case (key_sub_i.opcode)
      OPCODE_KEY_WRAP:   {wants[USAGE_EXPORT_WRAPPED], base_wants[USAGE_WRAP]} = '1;
      OPCODE_KEY_UNWRAP: base_wants[USAGE_UNWRAP] = 1'b1;
      OPCODE_KWP_WRAP:   {wants[USAGE_KWP], base_wants[USAGE_WRAP], base_wants[USAGE_KWP]} = '1;
      OPCODE_KWP_UNWRAP: {base_wants[USAGE_UNWRAP], base_wants[USAGE_KWP]} = '1;
      OPCODE_MAC_SIGN:   wants[USAGE_SIGN] = 1'b1;
      OPCODE_MAC_VERIFY: wants[USAGE_VERIFY] = 1'b1;
      OPCODE_EC_SIGN:    {wants[USAGE_SIGN], wants[USAGE_DETERMINISTIC]} = {1'b1, key_sub_i.aad3[0]};
      OPCODE_EC_RAW:     wants[USAGE_RAW] = 1'b1;
      default:           base_wants[USAGE_DERIVE] = 1'b1;
    endcase
  end

  always_comb begin
    assume (steady_q == '0 || asked == asked_q);
    if (passes && op.slotted) assert (slot_there);
    if (passes && op.slotted && !op.fills && !officers) begin
      assert (key_meta_i.valid && key_meta_i.domain == key_domain_i && key_meta_i.generation == key_sub_i.generation);
      assert ((key_meta_i.usage_bits & wants) == wants);
    end
    if (passes && op.fills && key_sub_i.opcode != OPCODE_KEY_LOAD) assert (!key_meta_i.valid);
    if (passes && key_sub_i.opcode == OPCODE_KEY_LOAD) assert (key_officer_i && !key_sealed_i);
    if (passes && key_sub_i.opcode == OPCODE_KEY_ROOT) assert (key_officer_i);
    if (passes && op.based) begin
      assert (base_there && key_base_i.valid && key_base_i.domain == key_domain_i);
      assert (key_base_i.generation == key_sub_i.aad2[31:16] && (key_base_i.usage_bits & base_wants) == base_wants);
    end
    // Usage bits mean what they mean of one type.
    if (passes && key_sub_i.opcode inside {OPCODE_EC_SIGN, OPCODE_EC_PUBLIC, OPCODE_EC_RAW}) assert (is_ec(key_meta_i.key_type));
    if (passes && key_sub_i.opcode == OPCODE_EC_SIGN) assert (key_used_i < key_meta_i.limit);
    if (passes && key_sub_i.opcode == OPCODE_EC_ECDH) assert (is_ec(key_base_i.key_type));
    if (passes && key_sub_i.opcode inside {OPCODE_MAC_SIGN, OPCODE_MAC_VERIFY}) assert (key_meta_i.key_type == KEY_TYPE_SECRET);
    if (passes && key_sub_i.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_KEY_MESSAGE}) begin
      assert (key_base_i.key_type == KEY_TYPE_SECRET);
    end
    // A private key comes from a generator that knows its range, or from outside; one that signs does not agree.
    if (passes && op.fills && key_sub_i.opcode != OPCODE_KEY_UNWRAP && is_ec(made.key_type)) begin
      assert (key_sub_i.opcode inside {OPCODE_KEY_LOAD, OPCODE_KWP_UNWRAP, OPCODE_EC_GENERATE});
      assert (!made.usage_bits[USAGE_SIGN] || (!made.usage_bits[USAGE_DERIVE] && !made.usage_bits[USAGE_RAW]));
    end
    if (passes && key_sub_i.opcode == OPCODE_KEY_WRAP) assert (key_base_used_i < key_base_i.limit);
    // What is wrapped with its attributes, or comes back so, is under a key that nobody outside knows.
    if (passes && key_sub_i.opcode inside {OPCODE_KEY_WRAP, OPCODE_KEY_UNWRAP}) begin
      assert (!(key_base_i.origin inside {ORIGIN_IMPORTED[2:0], ORIGIN_FOREIGN[2:0]}));
    end
    if (passes && key_sub_i.opcode == OPCODE_KWP_WRAP) assert (key_meta_i.key_type != KEY_TYPE_WRAPPING);
    if (passes && op.fills && made.key_type == KEY_TYPE_WRAPPING) begin
      assert (!(key_sub_i.opcode inside {OPCODE_KWP_UNWRAP, OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_EC_ECDH}));
    end
    // What is made is the queue's, and can be; a generation never comes again.
    if (passes && op.fills) begin
      assert (key_officer_i || made.domain == key_domain_i);
      assert (made.generation != '0 && made.generation > key_meta_i.generation);
      assert (!counter || (key_sub_i.opcode inside {OPCODE_KEY_GENERATE, OPCODE_KEY_MESSAGE})
              || key_sub_i.opcode == OPCODE_KEY_UNWRAP);   // there the blob's policy counts, which blob_fits refuses
      assert (!counter || key_sub_i.opcode == OPCODE_KEY_UNWRAP
              || (!made.usage_bits[USAGE_EXPORT_WRAPPED] && !made.usage_bits[USAGE_KWP]));
      assert (key_sub_i.opcode == OPCODE_KEY_UNWRAP || (made.usage_bits & ~usage_of(made.key_type, 1'b1)) == '0);
    end
    if (passes && key_sub_i.opcode inside {OPCODE_KEY_HKDF, OPCODE_KEY_KBKDF, OPCODE_EC_ECDH}) begin
      assert (!made.usage_bits[USAGE_EXPORT_WRAPPED] || key_base_i.usage_bits[USAGE_EXPORT_WRAPPED]);
      assert (!made.usage_bits[USAGE_KWP] || key_base_i.usage_bits[USAGE_KWP]);
    end
    if (passes && key_sub_i.opcode == OPCODE_KEY_LOCK) begin
      assert ((made.usage_bits & ~key_meta_i.usage_bits) == '0 && made.limit <= key_meta_i.limit);
      assert (made.domain == key_meta_i.domain && made.iv_policy == key_meta_i.iv_policy);
      assert (made.key_type == key_meta_i.key_type);
    end
  end
endmodule
