// SPDX-License-Identifier: Apache-2.0
//
// Decides whether a queue may do what its descriptor asks: requests to lanes here, and nothing behind it checks again; of a key
// operation what the descriptor alone tells, and the rest at its turn (key_guard). The order of the checks is part of the binary
// interface (abi/README.md).
module guard
  import casemate_abi_pkg::*;
  import gcm_pkg::*;
  import casemate_pkg::*;
#(
  parameter  int unsigned SLOTS  = 64,
  parameter  int unsigned QUEUES = 8,
  parameter  bit          EC     = 1'b0,   // there are engines for elliptic curves
  localparam int unsigned QW     = $clog2(QUEUES)
) (
  input  logic              clk_i,
  input  logic              rst_ni,
  input  logic              wipe_i,           // zeroized: stays until reset
  input  logic              sub_valid_i,
  output logic              sub_ready_o,
  input  logic [QW-1:0]     sub_queue_i,
  input  submission_t       sub_i,
  input  logic [7:0]        domain_i[QUEUES],
  input  logic [QUEUES-1:0] resetting_i,
  // The slot's public half, two cycles after its number.
  output logic [15:0]       slot_o,
  /* verilator lint_off UNUSEDSIGNAL */  // what lanes do not ask about
  input  slot_meta_t        meta_i,
  /* verilator lint_on UNUSEDSIGNAL */
  input  logic [31:0]       used_i,
  output logic              busy_o,    // it decides on that slot for a lane, or has and not handed over
  output logic              count_o,   // a seal under that slot: one more
  // One of four ways out.
  output logic              chan_valid_o,
  input  logic              chan_ready_i,
  output chan_req_t         chan_o,
  output logic              key_valid_o,
  input  logic              key_ready_i,
  output logic              ec_valid_o,    // with key_o
  input  logic              ec_ready_i,
  output key_req_t          key_o,
  output logic              cpl_valid_o,
  input  logic              cpl_ready_i,
  output cpl_t              cpl_o
);
  typedef enum logic [2:0] {IDLE, LOOK, WAIT, DECIDE, SEND} state_e;
  state_e        state_q;
  submission_t   sub_q;
  logic [QW-1:0] queue_q;
  status_e       verdict_q;

  logic    is_gcm, is_seal, is_key, is_ec, is_nop;
  status_e key_status;
  assign is_seal = sub_q.opcode == OPCODE_GCM_SEAL;
  assign is_gcm  = is_seal || sub_q.opcode == OPCODE_GCM_OPEN;
  assign is_nop  = sub_q.opcode == OPCODE_NOP;
  key_static #(.EC(EC)) u_key (.sub_i(sub_q), .known_o(is_key), .ec_o(is_ec), .status_o(key_status));

  /* verilator lint_off UNUSEDSIGNAL */  // each check looks at its own fields
  // Flags and lengths, of the descriptor alone.
  function automatic status_e static_checks(submission_t s, logic gcm, logic known);
    logic appended, own, report;
    appended = s.tag_mode == TAG_MODE_APPENDED;
    own      = s.tag_mode == TAG_MODE_ADDRESS;
    report   = s.tag_mode == TAG_MODE_COMPLETION;
    if (!known) return STATUS_BAD_OPCODE;
    if (s.reserved0 != '0 || s.reserved1 != '0) return STATUS_BAD_FLAGS;
    if (!gcm) begin
      // No data: nothing to say about it.
      if (s.src_sgl || s.dst_sgl || s.aad_inline || s.tag_mode != TAG_MODE_APPENDED || s.tag_len != '0 || s.iv_len != '0)
        return STATUS_BAD_FLAGS;
      return STATUS_OK;
    end
    if (!(appended || own || report)) return STATUS_BAD_FLAGS;
    if (report && s.opcode == OPCODE_GCM_OPEN) return STATUS_BAD_FLAGS;
    if (s.iv_len != 10'd12 && s.iv2 != '0) return STATUS_BAD_FLAGS;
    if (!(s.tag_len inside {5'd4, 5'd8, [5'd12 : 5'd16]})) return STATUS_BAD_TAG_LEN;
    if (s.iv_len == '0) return STATUS_BAD_IV_LEN;
    if (s.aad_inline && s.aad_len > (own ? 32'd8 : 32'd16)) return STATUS_BAD_AAD_LEN;
    return STATUS_OK;
  endfunction

  function automatic status_e gcm_checks(submission_t s, slot_meta_t m, logic [31:0] used, logic [7:0] domain);
    logic seal;
    seal = s.opcode == OPCODE_GCM_SEAL;
    if (32'(s.slot) >= SLOTS) return STATUS_SLOT_RANGE;
    if (!m.valid) return STATUS_SLOT_EMPTY;
    if (m.domain != domain) return STATUS_SLOT_DOMAIN;
    if (m.generation != s.generation) return STATUS_SLOT_GENERATION;
    if (!m.usage_bits[seal ? USAGE_ENCRYPT : USAGE_DECRYPT]) return STATUS_SLOT_USAGE;
    // I4: the device's own IV and no other; its completion must have room for it.
    if (seal && m.iv_policy == IV_POLICY_COUNTER[1:0]
        && (s.iv_len != 10'd12 || {s.iv2, s.iv1, s.iv0} != '0 || s.tag_mode == TAG_MODE_COMPLETION)) return STATUS_BAD_POLICY;
    if (seal && used >= m.limit) return STATUS_EXHAUSTED;
    return STATUS_OK;
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

  status_e fixed, fixed_q, verdict;
  always_comb begin
    fixed   = is_key ? key_status : static_checks(sub_q, is_gcm, is_gcm || is_nop);
    verdict = fixed_q;
    if (fixed_q == STATUS_OK && is_gcm) verdict = gcm_checks(sub_q, meta_i, used_i, domain_i[queue_q]);
    if (resetting_i[queue_q]) verdict = STATUS_ABORTED;
    if (wipe_i && !is_nop) verdict = STATUS_ZEROIZED;
  end

  logic good, handed;
  assign handed       = (chan_valid_o && chan_ready_i) || (key_valid_o && key_ready_i) || (ec_valid_o && ec_ready_i)
      || (cpl_valid_o && cpl_ready_i);
  assign good         = verdict_q == STATUS_OK;
  assign slot_o       = sub_q.slot;
  assign sub_ready_o  = state_q == IDLE || handed;
  assign busy_o       = state_q != IDLE && is_gcm;
  assign count_o      = state_q == DECIDE && is_seal && verdict == STATUS_OK;
  assign chan_valid_o = state_q == SEND && good && is_gcm;
  assign key_valid_o  = state_q == SEND && is_key && !is_ec;
  assign ec_valid_o   = state_q == SEND && is_ec;
  assign cpl_valid_o  = state_q == SEND && !is_key && (!good || is_nop);
  key_size_e   size_q;
  logic        counter_q;
  logic [31:0] count_q;
  submission_t chan_sub;
  always_comb begin
    chan_sub = sub_q;
    // I4: eight zero bytes and the count, big-endian. No two seals of a slot's key have the same.
    if (counter_q) chan_sub.iv2 = {count_q[7:0], count_q[15:8], count_q[23:16], count_q[31:24]};
  end
  assign chan_o = '{queue_idx: QUEUE_IDX_W'(queue_q), key_size: size_q, counter: counter_q, sub: chan_sub};
  assign key_o  = '{queue_idx: QUEUE_IDX_W'(queue_q), domain: domain_i[queue_q], status: verdict_q, sub: sub_q};
  assign cpl_o  = '{queue_idx: QUEUE_IDX_W'(queue_q), cookie: sub_q.cookie, status: verdict_q, bytes: '0, result: '0};

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      LOOK: begin
        fixed_q <= fixed;
        state_q <= WAIT;
      end
      WAIT: state_q <= DECIDE;
      DECIDE: begin
        verdict_q <= verdict;
        size_q    <= meta_i.key_type == KEY_TYPE_AES_128 ? KEY_128 : meta_i.key_type == KEY_TYPE_AES_192 ? KEY_192 : KEY_256;
        counter_q <= is_seal && meta_i.iv_policy == IV_POLICY_COUNTER[1:0];
        count_q   <= used_i;
        state_q   <= SEND;
      end
      SEND:
      if (handed) state_q <= IDLE;
      // What still waits to go in is refused.
      else if (wipe_i && !cpl_valid_o) verdict_q <= STATUS_ZEROIZED;
      default: ;
    endcase
    if (sub_valid_i && sub_ready_o) begin
      sub_q   <= sub_i;
      queue_q <= sub_queue_i;
      state_q <= LOOK;
    end
    if (!rst_ni) state_q <= IDLE;
  end
endmodule
